import { VerificationError } from '../base/errors.ts'

/** The fields of one 512-byte header block, before extensions are applied (POSIX.1-1988 ustar, GNU, star, V7). */
export interface RawHeader {
  name: Buffer
  mode: number
  uid: number
  gid: number
  size: number
  mtime: number
  /** Type flag as a character; V7's NUL is `0`. */
  flag: string
  link: Buffer
  uname: Buffer
  gname: Buffer
  devMajor: number
  devMinor: number
}

/** @throws VerificationError `format-invalid` for a wrong checksum or an unreadable number */
export function parseHeader(block: Buffer, position: number, subject: string): RawHeader {
  const number = (start: number, end: number, field: string): number =>
    parseNumber(block, start, end, () => where(field))
  const where = (field: string): VerificationError =>
    new VerificationError('format-invalid', `${subject}: the tar header at byte ${position} has a bad ${field}`, {
      subject,
      remedy: 'The archive is damaged or is not a tar archive: write it again.',
    })

  let unsigned = 0
  let signed = 0
  for (let i = 0; i < 512; i++) {
    const byte = i >= 148 && i < 156 ? 0x20 : (block[i] as number)
    unsigned += byte
    signed += byte < 128 ? byte : byte - 256
  }
  const stored = number(148, 156, 'checksum')
  // Old tars summed signed bytes.
  if (stored !== unsigned && stored !== signed) throw where('checksum')

  const magic = block.toString('latin1', 257, 265)
  const posix = magic.startsWith('ustar\0')
  const extended = posix || magic.startsWith('ustar')
  let name = text(block, 0, 100)
  if (posix) {
    // star keeps times behind a shorter prefix.
    const prefix = text(block, 345, block.toString('latin1', 508, 512) === 'tar\0' ? 476 : 500)
    if (prefix.length > 0) name = Buffer.concat([prefix, Buffer.from('/'), name])
  }
  const flag = String.fromCharCode(block[156] as number)
  return {
    name,
    mode: number(100, 108, 'mode') & 0o7777,
    uid: number(108, 116, 'uid'),
    gid: number(116, 124, 'gid'),
    size: number(124, 136, 'size'),
    mtime: number(136, 148, 'mtime'),
    flag: flag === '\0' ? '0' : flag,
    link: text(block, 157, 257),
    uname: extended ? text(block, 265, 297) : Buffer.alloc(0),
    gname: extended ? text(block, 297, 329) : Buffer.alloc(0),
    devMajor: flag === '3' || flag === '4' ? number(329, 337, 'device number') : 0,
    devMinor: flag === '3' || flag === '4' ? number(337, 345, 'device number') : 0,
  }
}

/** The bytes before the first NUL, copied: the block is a view into a chunk that lives on. */
function text(block: Buffer, start: number, end: number): Buffer {
  const field = block.subarray(start, end)
  const nul = field.indexOf(0)
  return nul === -1 ? field : field.subarray(0, nul)
}

/** Octal digits between optional blanks, or GNU's base-256 (top bit set, two's complement). */
function parseNumber(block: Buffer, start: number, end: number, bad: () => Error): number {
  const first = block[start] as number
  if ((first & 0x80) !== 0) return base256(block, start, end, bad)
  let value = 0
  let i = start
  while (i < end && block[i] === 0x20) i++
  for (; i < end; i++) {
    const byte = block[i] as number
    if (byte === 0 || byte === 0x20) break
    if (byte < 0x30 || byte > 0x37) throw bad()
    value = value * 8 + (byte - 0x30)
  }
  for (; i < end; i++) if (block[i] !== 0 && block[i] !== 0x20) throw bad()
  return value
}

function base256(block: Buffer, start: number, end: number, bad: () => Error): number {
  const negative = ((block[start] as number) & 0x40) !== 0
  let value = BigInt((block[start] as number) & 0x7f)
  for (let i = start + 1; i < end; i++) value = (value << 8n) | BigInt(block[i] as number)
  if (negative) value -= 1n << BigInt((end - start) * 8 - 1)
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) throw bad()
  return Number(value)
}
