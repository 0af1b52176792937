import { crc32 } from 'node:zlib'
import { VerificationError } from '../../base/errors.ts'
import { ByteReader } from '../byte-reader.ts'
import { pageSize } from './ovmf.ts'

const fixedSize = 24
const checksumAt = 20
const limits = { bytes: 512 * 1024 * 1024 } as const
/** Set where a loader may skip a structure that it does not know. */
const optionalBit = 0x8000_0000

const igvmPlatforms = { 'vsm-isolation': 1, snp: 2, tdx: 3 } as const
export type IgvmPlatform = keyof typeof igvmPlatforms

/** A directive that reaches a launch measurement, in the order of the file. `mask` says for which platforms it is. */
export type IgvmDirective =
  | { kind: 'page'; mask: number; gpa: bigint; content: Buffer | null; measured: boolean; use: PageUse }
  | { kind: 'parameters'; mask: number; gpa: bigint; size: number }
  | { kind: 'processor'; mask: number; gpa: bigint; index: number; context: Buffer }
const pageUses = ['normal', 'secrets', 'cpuid', 'cpuid-xf'] as const
export type PageUse = (typeof pageUses)[number]

export interface Igvm {
  /** Compatibility mask by platform. */
  platforms: ReadonlyMap<IgvmPlatform, number>
  directives: IgvmDirective[]
}

/** Structures that say how a guest starts, or fill parameters: none is measured. */
const silent: readonly number[] = [
  ...[0x101, 0x104, 0x105, 0x305],
  ...[0x307, 0x308, 0x309, 0x30a, 0x30b, 0x30c, 0x30d, 0x30e, 0x30f, 0x310, 0x311, 0x312, 0x313],
]

type Refuse = (offset: number, why: string) => VerificationError
interface State {
  platforms: Map<IgvmPlatform, number>
  /** Bytes of the parameter areas by index. */
  areas: Map<number, number>
  directives: IgvmDirective[]
  file: Buffer
  refuse: Refuse
}

/**
 * Reads an IGVM file of format version 1 (microsoft/igvm, igvm_defs): platforms and the directives that put something into memory.
 *
 * @throws VerificationError `format-invalid` with the offset, for a wrong checksum, sizes that do not fit, pages of 2 MiB, relocation, and structures
 * that are not known and not optional: each could change what is measured
 */
export function parseIgvm(bytes: Uint8Array, subject: string): Igvm {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const refuse: Refuse = (offset, why) =>
    new VerificationError('format-invalid', `${subject} is no IGVM file: ${why}, at byte ${offset}`, { subject })
  const { start, size } = readFixed(file, refuse)
  const state: State = { platforms: new Map(), areas: new Map(), directives: [], file, refuse }
  const reader = new ByteReader(file.subarray(start, start + size), subject, 'LE')
  while (reader.rest.length > 0) {
    const at = start + reader.offset
    const [type, length] = [reader.u32('type'), reader.u32('length')]
    const body = new ByteReader(reader.take(length, 'structure'), `${subject}, structure at byte ${at}`, 'LE')
    const filler = (8 - (reader.offset % 8)) % 8
    if (reader.take(filler, 'padding').some((byte) => byte !== 0)) throw refuse(at, 'padding that is not zero')
    const read = readers[type]
    if (read !== undefined) {
      read(body, at, state)
      body.end()
    } else if (!silent.includes(type) && type < optionalBit) {
      throw refuse(at, `a structure of type 0x${type.toString(16)}`)
    }
  }
  return { platforms: state.platforms, directives: state.directives }
}

function readFixed(file: Buffer, refuse: Refuse): { start: number; size: number } {
  if (file.length < fixedSize || file.length > limits.bytes) throw refuse(0, `a size of ${file.length} bytes`)
  if (file.toString('latin1', 0, 4) !== 'IGVM') throw refuse(0, 'without its signature')
  const reader = new ByteReader(file.subarray(4, fixedSize), 'IGVM header', 'LE')
  const [version, start, size] = [reader.u32('version'), reader.u32('offset'), reader.u32('size')]
  const [total, checksum] = [reader.u32('file size'), reader.u32('checksum')]
  if (version !== 1) throw refuse(4, `format version ${version}`)
  if (start < fixedSize || start % 8 !== 0 || start + size > file.length) throw refuse(8, 'headers outside of the file')
  if (total !== file.length) throw refuse(16, `a size of ${total} bytes in its header`)
  // Over the headers alone, with zeros in place of itself. The pages are what the measurement covers.
  const head = Buffer.from(file.subarray(0, start + size))
  head.fill(0, checksumAt, checksumAt + 4)
  if (crc32(head) !== checksum) throw refuse(checksumAt, 'a wrong checksum')
  return { start, size }
}

const readers: Readonly<Record<number, (body: ByteReader, at: number, state: State) => void>> = {
  1: readPlatform,
  0x301: readArea,
  0x302: readPage,
  0x303: readInsert,
  0x304: readProcessor,
}

function readPlatform(body: ByteReader, at: number, { platforms, refuse }: State): void {
  const mask = body.u32('mask')
  body.u8('highest VTL')
  const kind = body.u8('platform')
  body.u16('platform version')
  body.u64('shared boundary')
  const name = (Object.keys(igvmPlatforms) as IgvmPlatform[]).find((key) => igvmPlatforms[key] === kind)
  if (name === undefined) return
  if (platforms.has(name)) throw refuse(at, `two platforms ${name}`)
  if (mask === 0 || (mask & (mask - 1)) !== 0) throw refuse(at, `a mask ${mask} of one platform`)
  platforms.set(name, mask)
}

function readArea(body: ByteReader, at: number, { areas, refuse }: State): void {
  const [size, index] = [Number(body.u64('size')), body.u32('index')]
  body.u32('offset')
  if (areas.has(index) || size === 0 || size % pageSize !== 0 || size > limits.bytes) {
    throw refuse(at, `a parameter area ${index} of ${size} bytes`)
  }
  areas.set(index, size)
}

function readPage(body: ByteReader, at: number, state: State): void {
  const [gpa, mask, offset] = [body.u64('address'), body.u32('mask'), body.u32('offset')]
  const [flags, kind, reserved] = [body.u32('flags'), body.u16('page type'), body.u16('reserved')]
  const use = pageUses[kind]
  if (use === undefined || reserved !== 0) throw state.refuse(at, `an unknown page type ${kind}`)
  // Bit 0: 2 MiB. Bit 1: not measured. Bit 2: the host sees it, so it is in no measurement.
  if ((flags & 1) !== 0 || flags > 7) throw state.refuse(at, `page flags ${flags}`)
  checkAddress(gpa, at, state)
  const content = data(offset, at, state)
  if ((flags & 4) !== 0) return
  state.directives.push({ kind: 'page', mask, gpa, content, measured: (flags & 2) === 0, use })
}

function readInsert(body: ByteReader, at: number, state: State): void {
  const [gpa, mask, index] = [body.u64('address'), body.u32('mask'), body.u32('index')]
  const size = state.areas.get(index)
  if (size === undefined) throw state.refuse(at, `parameter area ${index}, which is not there`)
  checkAddress(gpa, at, state)
  state.directives.push({ kind: 'parameters', mask, gpa, size })
}

function readProcessor(body: ByteReader, at: number, state: State): void {
  const [gpa, mask, offset] = [body.u64('address'), body.u32('mask'), body.u32('offset')]
  const [index, reserved] = [body.u16('index'), body.u16('reserved')]
  const context = data(offset, at, state)
  if (context === null || reserved !== 0) throw state.refuse(at, 'a processor without state')
  checkAddress(gpa, at, state)
  state.directives.push({ kind: 'processor', mask, gpa, index, context })
}

/** A page of the file; offset 0 means one of zeros. */
function data(offset: number, at: number, { file, refuse }: State): Buffer | null {
  if (offset === 0) return null
  if (offset + pageSize > file.length) throw refuse(at, 'a page whose data is not in the file')
  return file.subarray(offset, offset + pageSize)
}

function checkAddress(gpa: bigint, at: number, { refuse }: State): void {
  if (gpa % BigInt(pageSize) !== 0n) throw refuse(at, `an address 0x${gpa.toString(16)} within a page`)
}
