import { damaged } from '../damaged.ts'

const marks = { file: 0x506d7052, slot: 0x746f6c53, blob: 0x53626c42, end: 0x45626c42 } as const
const [pageSize, slotSize, blockSize, tailSize] = [4096, 16, 16, 12]

/**
 * Headers in rpm's own database (`Packages.db`, rpm lib/backend/ndb/rpmpkg.c): pages of slots, each of which names the blocks of a package.
 *
 * @throws VerificationError `format-invalid`
 */
export function* ndbHeaders(bytes: Buffer, path: string): Generator<Buffer> {
  if (bytes.length < pageSize || bytes.readUInt32LE(0) !== marks.file)
    throw damaged(path, 'is not an ndb database of rpm')
  const [version, pages] = [bytes.readUInt32LE(4), bytes.readUInt32LE(12)]
  if (version !== 0) throw damaged(path, `has version ${version}; version 0 is known`)
  if (pages === 0 || pages * pageSize > bytes.length) throw damaged(path, `has ${pages} pages of slots`)
  const seen = new Set<number>()
  // The first two slots are the file's own head.
  for (let at = 2 * slotSize; at < pages * pageSize; at += slotSize) {
    if (bytes.readUInt32LE(at) !== marks.slot) throw damaged(path, `has a damaged slot at byte ${at}`)
    const index = bytes.readUInt32LE(at + 4)
    if (index === 0) continue
    const [start, blocks] = [bytes.readUInt32LE(at + 8) * blockSize, bytes.readUInt32LE(at + 12)]
    if (seen.has(index)) throw damaged(path, `has the package ${index} twice`)
    seen.add(index)
    yield blobAt(bytes, start, blocks * blockSize, index, path)
  }
}

function blobAt(bytes: Buffer, start: number, size: number, index: number, path: string): Buffer {
  const wrong = damaged(path, `has a damaged package ${index}`)
  const end = start + size
  if (size < blockSize + tailSize || end > bytes.length) throw wrong
  const length = bytes.readUInt32LE(start + 12)
  const whole =
    bytes.readUInt32LE(start) === marks.blob &&
    bytes.readUInt32LE(start + 4) === index &&
    length <= size - blockSize - tailSize &&
    bytes.readUInt32LE(end - 8) === length &&
    bytes.readUInt32LE(end - 4) === marks.end &&
    bytes.readUInt32LE(end - tailSize) === adler32(bytes.subarray(start, end - tailSize))
  if (!whole) throw wrong
  return bytes.subarray(start + blockSize, start + blockSize + length)
}

/** RFC 1950, section 8.2. */
function adler32(bytes: Buffer): number {
  let [a, b] = [1, 0]
  // So many steps stay below 2³².
  for (let at = 0; at < bytes.length; at += 5552) {
    for (const byte of bytes.subarray(at, at + 5552)) {
      a += byte
      b += a
    }
    a %= 65521
    b %= 65521
  }
  return ((b << 16) | a) >>> 0
}
