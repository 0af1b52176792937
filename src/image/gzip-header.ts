import { crc32 } from 'node:zlib'

const flags = { headerSum: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 } as const
/** Bytes of a name or a comment with the zero at its end: Go's reader takes no more. */
const textLimit = 512

/**
 * Length of the header of a gzip member (RFC 1952 §2.3), or null where its end has not come yet.
 *
 * @param members members that stood before it: it decides how errors call what is no header
 * @throws RangeError for what is no header
 */
export function gzipHeaderLength(bytes: Buffer, members: number): number | null {
  const magic = [0x1f, 0x8b, 8]
  for (const [i, value] of magic.entries()) {
    if (i >= bytes.length) return null
    if (bytes[i] !== value) throw new RangeError(strange(bytes, members))
  }
  const flag = bytes[3]
  if (flag === undefined) return null
  if ((flag & flags.reserved) !== 0) throw new RangeError('a gzip header has unknown flags')
  let at = 10
  if ((flag & flags.extra) !== 0) {
    if (bytes.length < at + 2) return null
    at += 2 + bytes.readUInt16LE(at)
  }
  for (const text of [flags.name, flags.comment]) {
    if ((flag & text) === 0) continue
    const end = bytes.indexOf(0, at)
    if (end === -1 ? bytes.length - at >= textLimit : end - at >= textLimit)
      throw new RangeError(`a gzip header has a name of more than ${textLimit} bytes`)
    if (end === -1) return null
    at = end + 1
  }
  if ((flag & flags.headerSum) !== 0) at += 2
  if (bytes.length < at) return null
  if ((flag & flags.headerSum) !== 0 && bytes.readUInt16LE(at - 2) !== (crc32(bytes.subarray(0, at - 2)) & 0xffff))
    throw new RangeError('the checksum of a gzip header is wrong')
  return at
}

function strange(bytes: Buffer, members: number): string {
  if (members === 0) return 'it does not begin with a gzip header'
  return bytes.every((value) => value === 0)
    ? 'zero bytes follow the last gzip member, which containerd and Docker refuse'
    : 'other data follows the last gzip member'
}
