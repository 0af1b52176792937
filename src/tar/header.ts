import type { VerificationError } from '../base/errors.ts'
import { nameOf } from './names.ts'
import { invalid, quote, type Place } from './refusals.ts'

/** Layout of a header block, told from its magic as Go's archive/tar does. */
export type HeaderForm = 'v7' | 'ustar' | 'gnu' | 'star'

/** The fields of one 512-byte header block, before extensions are applied (POSIX.1-1988 ustar, GNU, star, V7). */
export interface RawHeader {
  form: HeaderForm
  /** Name field, behind the prefix field where there is one. */
  name: Buffer
  mode: number
  uid: number
  gid: number
  size: number
  mtime: number
  /** Type flag as a character; V7's is NUL. */
  flag: string
  link: Buffer
  uname: Buffer
  gname: Buffer
  devMajor: number
  devMinor: number
  /** Whether the name has a prefix of its own field. */
  prefixed: boolean
}

/**
 * Reads a header block to the same fields as Go's archive/tar (go1.26 `readHeader`, `parseNumeric`), which all engines use; numbers beyond
 * 2⁵³ are refused.
 *
 * @throws VerificationError `format-invalid` for a wrong checksum or an unreadable number
 */
export function parseHeader(block: Buffer, place: Place): RawHeader {
  const bad = (field: string): VerificationError =>
    invalid(place, `a tar header with a bad ${field}, of the entry ${quote(nameOf(text(block, 0, 100)))}`)
  const need = (value: number | null, field: string): number => {
    if (value === null) throw bad(field)
    return value
  }
  const number = (start: number, end: number, field: string): number => need(numeric(block, start, end), field)
  checkSum(block, place)

  const form = formOf(block)
  const head: RawHeader = {
    form,
    name: text(block, 0, 100),
    mode: number(100, 108, 'mode') & 0o7777,
    uid: number(108, 116, 'uid'),
    gid: number(116, 124, 'gid'),
    size: number(124, 136, 'size'),
    mtime: number(136, 148, 'mtime'),
    flag: String.fromCharCode(block[156] as number),
    link: text(block, 157, 257),
    uname: none,
    gname: none,
    devMajor: 0,
    devMinor: 0,
    prefixed: false,
  }
  if (form === 'v7') return head
  head.uname = text(block, 265, 297)
  head.gname = text(block, 297, 329)
  head.devMajor = number(329, 337, 'device number')
  head.devMinor = number(337, 345, 'device number')
  let prefix: Buffer = none
  if (form === 'ustar') prefix = text(block, 345, 500)
  else if (form === 'star') {
    prefix = text(block, 345, 476)
    number(476, 488, 'access time')
    number(488, 500, 'change time')
  } else if (!timeOrNone(block, 345) || !timeOrNone(block, 357)) {
    // Go before 1.8 wrote a prefix into GNU headers: what is no time there is read as one where it is ASCII.
    const field = text(block, 345, 500)
    if (field.every((byte) => byte < 0x80)) prefix = field
  }
  head.prefixed = prefix.length > 0
  if (head.prefixed) head.name = Buffer.concat([prefix, slash, head.name])
  return head
}
const none: Buffer = Buffer.alloc(0)
const slash = Buffer.from('/')

function formOf(block: Buffer): HeaderForm {
  const magic = block.toString('latin1', 257, 265)
  if (magic.startsWith('ustar\0')) return block.toString('latin1', 508, 512) === 'tar\0' ? 'star' : 'ustar'
  return magic === 'ustar  \0' ? 'gnu' : 'v7'
}

/** The checksum is octal, over unsigned bytes or, as old tars had it, signed ones; its own field counts as blanks. */
function checkSum(block: Buffer, place: Place): void {
  let sum = 0
  let high = 0
  for (let i = 0; i < 512; i++) {
    const byte = i >= 148 && i < 156 ? 0x20 : (block[i] as number)
    sum += byte
    high += byte >> 7
  }
  const stored = octal(block, 148, 156)
  if (stored === sum || stored === sum - 256 * high) return
  const found = stored === null ? quote(block.toString('latin1', 148, 156)) : stored.toString(8)
  const name = quote(nameOf(text(block, 0, 100)))
  const why = `expected the octal checksum ${sum.toString(8)}, found ${found}, in the header of the entry ${name}`
  throw invalid(place, `a damaged tar header: ${why}`)
}

function timeOrNone(block: Buffer, start: number): boolean {
  return block[start] === 0 || numeric(block, start, start + 12) !== null
}

/** The bytes before the first NUL: a view into the block. */
function text(block: Buffer, start: number, end: number): Buffer {
  const nul = block.indexOf(0, start)
  return block.subarray(start, nul === -1 || nul > end ? end : nul)
}

/** Octal, or GNU's base-256 (top bit set, two's complement); null where it is neither or past 2⁵³. */
export function numeric(block: Buffer, start: number, end: number): number | null {
  return ((block[start] as number) & 0x80) === 0 ? octal(block, start, end) : base256(block, start, end)
}

/** Octal digits; NULs and blanks around them are cut, and what follows a NUL is ignored. Nothing is 0. */
function octal(block: Buffer, start: number, end: number): number | null {
  let at = start
  let last = end
  while (at < last && isFiller(block[at])) at++
  while (last > at && isFiller(block[last - 1])) last--
  let value = 0
  for (; at < last; at++) {
    const byte = block[at] as number
    if (byte === 0) break
    if (byte < 0x30 || byte > 0x37) return null
    value = value * 8 + (byte - 0x30)
  }
  return value
}

function isFiller(byte: number | undefined): boolean {
  return byte === 0 || byte === 0x20
}

function base256(block: Buffer, start: number, end: number): number | null {
  const negative = ((block[start] as number) & 0x40) !== 0
  let value = BigInt((block[start] as number) & 0x7f)
  for (let i = start + 1; i < end; i++) value = (value << 8n) | BigInt(block[i] as number)
  if (negative) value -= 1n << BigInt((end - start) * 8 - 1)
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) return null
  return Number(value)
}
