import { InputError, VerificationError } from '../../../base/errors.ts'
import { sizeInWords } from '../../../base/size.ts'

/** Reads some bytes of a disk image; fewer where it ends. */
export type ReadAt = (offset: number, length: number) => Promise<Buffer>

export interface Partition {
  /** As the partition table counts them, from 1. */
  number: number
  /** Bytes from the start of the image. */
  offset: number
  size: number
  /** GUID of its type (GPT), or `mbr:XX`. */
  type: string
  name: string
}

const sector = 512
const limits = { entries: 256, entryBytes: 4096 } as const

/** Types of root file systems (Discoverable Partitions Specification), then of any Linux file system. */
const rootTypes = [
  ...[
    '4f68bce3-e8cd-4db1-96e7-fbcaf984b709',
    'b921b045-1df0-41c3-af44-4c6f280d3fae',
    '69dad710-2ce4-4e3c-b16c-21a1d49abed3',
  ],
  ...[
    '44479540-f297-41b2-9af7-d131d5f0458a',
    '5eead9a9-fe09-4a1e-a1d7-520d00531306',
    '72ec70a6-cf74-40e6-bd49-4bda08e8f224',
  ],
]
const usrTypes = ['8484680c-9521-48c6-9c11-b0720656f69e', 'b0e01050-ee5f-4390-949a-9101b17104e9']
const linuxTypes = ['0fc63daf-8483-4772-8e79-3d69d8477de4', 'mbr:83']

/**
 * The partitions of a disk image: GPT (UEFI 2.10, 5.3) or the four of an MBR. Null where it has no partition table: then it is a file
 * system as a whole.
 *
 * @throws VerificationError `format-invalid` for a table that lies about its places
 */
export async function readPartitions(read: ReadAt, size: number): Promise<Partition[] | null> {
  const start = await read(0, 2 * sector)
  if (start.length < 2 * sector || start.readUInt16LE(510) !== 0xaa55) return null
  if (start.toString('latin1', sector, sector + 8) === 'EFI PART') return gpt(start.subarray(sector), read, size)
  const entries = [0, 1, 2, 3].map((i) => start.subarray(446 + i * 16, 462 + i * 16))
  // A boot sector of a file system ends with the same mark; its entries are code.
  if (!entries.every((entry) => entry[0] === 0 || entry[0] === 0x80)) return null
  const found = entries.flatMap((entry, i): Partition[] => {
    const type = entry[4] ?? 0
    if (type === 0) return []
    const offset = entry.readUInt32LE(8) * sector
    const hex = type.toString(16).padStart(2, '0')
    return [
      checked({ number: i + 1, offset, size: entry.readUInt32LE(12) * sector, type: `mbr:${hex}`, name: '' }, size),
    ]
  })
  return found.length === 0 ? null : found
}

async function gpt(header: Buffer, read: ReadAt, size: number): Promise<Partition[]> {
  const at = Number(header.readBigUInt64LE(72)) * sector
  const count = header.readUInt32LE(80)
  const bytes = header.readUInt32LE(84)
  if (count > limits.entries || bytes < 128 || bytes > limits.entryBytes || !Number.isSafeInteger(at))
    throw bad(`it lists ${count} partitions of ${bytes} bytes each`)
  const table = await read(at, count * bytes)
  if (table.length !== count * bytes) throw bad('it ends within its partition table')
  const found: Partition[] = []
  for (let i = 0; i < count; i++) {
    const entry = table.subarray(i * bytes, (i + 1) * bytes)
    const type = guid(entry)
    if (/^[0-]*$/.test(type)) continue
    const first = Number(entry.readBigUInt64LE(32))
    const last = Number(entry.readBigUInt64LE(40))
    const name = entry.toString('utf16le', 56, 128).replace(/\0[^]*$/, '')
    found.push(checked({ number: i + 1, offset: first * sector, size: (last - first + 1) * sector, type, name }, size))
  }
  return found
}

function checked(partition: Partition, size: number): Partition {
  const { number, offset, size: length } = partition
  const end = offset + length
  if (Number.isSafeInteger(end) && offset >= sector && length > 0 && end <= size) return partition
  throw bad(`partition ${number} lies at ${offset} and has ${length} bytes, the image has ${size}`)
}

/** The first three fields of a GUID are little-endian (RFC 9562's "variant" note for Microsoft's form). */
function guid(entry: Buffer): string {
  const hex = (from: number, to: number): string => entry.subarray(from, to).toString('hex')
  const swapped = (from: number, to: number): string => Buffer.from(entry.subarray(from, to)).reverse().toString('hex')
  return [swapped(0, 4), swapped(4, 6), swapped(6, 8), hex(8, 10), hex(10, 16)].join('-')
}

/**
 * The partition to describe: the one that was named, else the only root partition, else the only Linux one.
 *
 * @throws InputError `not-found`, `input-invalid` with the partitions that are there
 */
export function choosePartition(partitions: readonly Partition[], wanted: number | null): Partition {
  const list = partitions
    .map(({ number, name, type, size }) => `#${number} ${name === '' ? type : name} (${sizeInWords(size)})`)
    .join(', ')
  if (wanted !== null) {
    const found = partitions.find(({ number }) => number === wanted)
    if (found !== undefined) return found
    throw new InputError('not-found', `the disk image has no partition ${wanted}`, {
      subject: 'subject',
      remedy: `Partitions there: ${list}.`,
    })
  }
  for (const types of [rootTypes, usrTypes, linuxTypes]) {
    const fitting = partitions.filter(({ type }) => types.includes(type))
    if (fitting.length === 1 && fitting[0] !== undefined) return fitting[0]
    if (fitting.length > 1) break
  }
  const only = partitions.length === 1 ? partitions[0] : undefined
  if (only !== undefined) return only
  throw new InputError('input-invalid', `the disk image has ${partitions.length} partitions, and no single root`, {
    subject: 'subject',
    remedy: `Name one, as disk:FILE#NUMBER. Partitions there: ${list}.`,
  })
}

function bad(why: string): VerificationError {
  return new VerificationError('format-invalid', `the partition table cannot be read: ${why}`, {
    subject: 'subject',
    remedy: 'The image is damaged or cut short: copy it again.',
  })
}
