import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InternalError } from '../base/errors.ts'
import type { ByteSource } from '../base/streams.ts'
import { named } from '../base/write-file.ts'

/** A temporary file without a name: contents are put away in one order and read in another. Nothing is left behind by a crash. */
export class Spool {
  private readonly file: FileHandle
  /** The folder that it lies in, for errors. */
  private readonly parent: string
  private end = 0

  private constructor(file: FileHandle, parent: string) {
    this.file = file
    this.parent = parent
  }

  static async open(parent: string = tmpdir()): Promise<Spool> {
    const folder = await mkdtemp(join(parent, 'sealwright-spool-'))
    try {
      return new Spool(await open(join(folder, 'spool'), 'wx+', 0o600), parent)
    } finally {
      await rm(folder, { recursive: true })
    }
  }

  /** Appends all bytes of a source; returns where they begin. */
  async put(source: ByteSource): Promise<number> {
    const start = this.end
    for await (const chunk of source) {
      for (let at = 0; at < chunk.length;) {
        const { bytesWritten } = await this.file.write(chunk, at, chunk.length - at, this.end).catch(named(this.parent))
        at += bytesWritten
        this.end += bytesWritten
      }
    }
    return start
  }

  async *read(start: number, size: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < size;) {
      const length = Math.min(256 * 1024, size - at)
      const { bytesRead, buffer } = await this.file.read(Buffer.allocUnsafe(length), 0, length, start + at)
      if (bytesRead === 0) throw new InternalError('the temporary file is shorter than what was written to it')
      yield buffer.subarray(0, bytesRead)
      at += bytesRead
    }
  }

  async close(): Promise<void> {
    await this.file.close()
  }
}
