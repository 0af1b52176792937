import { open, type FileHandle } from 'node:fs/promises'
import type { ByteSource } from '../../base/streams.ts'

/** Where the bytes of a file lie until its layer is written. */
export type Content = { readonly path: string } | { readonly spool: Spool; readonly offset: number; readonly size: number }

/** One temporary file that the contents of many archive entries are appended to: no layer is held in memory, no folder is unpacked. */
export class Spool {
  readonly #handle: FileHandle
  #end = 0

  private constructor(handle: FileHandle) {
    this.#handle = handle
  }

  static async create(path: string): Promise<Spool> {
    return new Spool(await open(path, 'wx+', 0o600))
  }

  async append(body: ByteSource): Promise<Content & { size: number }> {
    const offset = this.#end
    for await (const chunk of body) {
      await this.#handle.write(chunk, 0, chunk.length, this.#end)
      this.#end += chunk.length
    }
    return { spool: this, offset, size: this.#end - offset }
  }

  async *read(offset: number, size: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < size; ) {
      const chunk = Buffer.allocUnsafe(Math.min(256 * 1024, size - at))
      const { bytesRead } = await this.#handle.read(chunk, 0, chunk.length, offset + at)
      if (bytesRead === 0) throw new Error('the spool file is shorter than what was written')
      at += bytesRead
      yield chunk.subarray(0, bytesRead)
    }
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}

/** Streams a content. */
export async function* openContent(content: Content): AsyncGenerator<Uint8Array> {
  if ('spool' in content) {
    yield* content.spool.read(content.offset, content.size)
    return
  }
  const handle = await open(content.path, 'r')
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

