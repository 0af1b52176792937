import { createReadStream, openSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { writeStream } from '../../base/write-file.ts'
import { VerificationError } from '../../base/errors.ts'
import { invalid } from './refusals.ts'

/** What a compressed archive may ask for: half a terabyte, and from 1 GiB on 300 bytes for each stored one, as layers may. */
const limits = { bytes: 2 ** 39, ratio: 300, free: 2 ** 30 } as const

/**
 * Decompresses an archive, because a reader needs its members out of order.
 *
 * @param temp folder for the plain copy, which has no name any more when this returns: its room is free when it is closed
 * @returns descriptor of the open copy
 * @throws VerificationError `format-invalid` for damaged data or too much of it
 */
export async function inflated(path: string, kind: 'gzip' | 'zstd', temp: string): Promise<number> {
  const folder = await mkdtemp(join(temp, 'archive-'))
  try {
    const plain = join(folder, 'plain')
    const source = createReadStream(path, { highWaterMark: 1 << 20 })
    const decoder = kind === 'gzip' ? createGunzip() : createZstdDecompress()
    await pipeline(
      source,
      decoder,
      async function* bounded(pieces: AsyncIterable<Buffer>) {
        let written = 0
        for await (const piece of pieces) {
          written += piece.length
          if (written > limits.bytes || (written > limits.free && written > source.bytesRead * limits.ratio))
            throw invalid(`it decompresses to more than ${limits.ratio} times its size`)
          yield piece
        }
      },
      writeStream(plain, { mode: 0o600 }),
    ).catch((cause: unknown) => {
      if (cause instanceof VerificationError || isSystem(cause)) throw cause
      throw invalid(`its ${kind} data is damaged or cut short`, cause)
    })
    return openSync(plain, 'r')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Errors of the file system, which are not about the data: `ENOSPC`; those of zlib have codes that begin with Z. */
function isSystem(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && /^E[A-Z]+$/.test(String(error.code))
}
