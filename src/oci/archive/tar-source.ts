import { fstatSync, read as readFd } from 'node:fs'
import { promisify } from 'node:util'
import type { TarSource } from '../../tar/bytes.ts'
import { sharedPiece, sharedPieces } from '../layout-files.ts'
import type { BlobReading } from '../types.ts'

const read = promisify(readFd)
/** Large enough for small members and several headers; what a large member holds is skipped. */
const piece = 64 << 10
const contentPiece = 1 << 20

/** Bytes of an open file from its start, for a reader that skips what it does not want. @param fd stays open */
export function tarSource(fd: number): TarSource {
  const { size } = fstatSync(fd)
  let at = 0
  return {
    skip: (count) => {
      const left = Math.min(count, size - at)
      at += left
      return left
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const buffer = Buffer.allocUnsafeSlow(piece)
        const { bytesRead } = await read(fd, buffer, 0, piece, at)
        if (bytesRead === 0) return
        at += bytesRead
        yield buffer.subarray(0, bytesRead)
      }
    },
  }
}

/**
 * A part of an open file. No read is under way when the reader lets it go, so that the file can be closed.
 *
 * @param size bytes; fewer may be there
 */
export async function* bytesOf(
  fd: number,
  start: number,
  size: number,
  how: BlobReading = {},
): AsyncGenerator<Uint8Array> {
  const count = sharedPieces(how)
  const shared = Array.from({ length: count }, () => Buffer.allocUnsafeSlow(Math.min(size, sharedPiece)))
  for (let at = start, turn = 0; at < start + size; turn++) {
    const left = start + size - at
    const buffer = shared[turn % count] ?? Buffer.allocUnsafeSlow(Math.min(left, contentPiece))
    const { bytesRead } = await read(fd, buffer, 0, Math.min(left, buffer.length), at)
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
