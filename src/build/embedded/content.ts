import { open } from 'node:fs/promises'
import type { ByteSource } from '../../base/streams.ts'
import type { Spool } from '../../image/spool.ts'

/** Where the bytes of a file lie until its layer is written: in a file of the context's copy, or among others in a spool. */
export type Content =
  { readonly path: string } | { readonly spool: Spool; readonly start: number; readonly size: number }

export function openContent(content: Content): ByteSource {
  return 'spool' in content ? content.spool.read(content.start, content.size) : readFileChunks(content.path)
}

/** A stream of `node:fs` would open its file before it is read: too many at once for a large context. */
async function* readFileChunks(path: string): AsyncGenerator<Uint8Array> {
  const handle = await open(path, 'r')
  try {
    for (;;) {
      const chunk = Buffer.allocUnsafe(256 * 1024)
      const { bytesRead } = await handle.read(chunk, 0, chunk.length)
      if (bytesRead === 0) return
      yield chunk.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
}
