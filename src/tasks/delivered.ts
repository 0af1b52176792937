import { rename } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { writeStream } from '../base/write-file.ts'
import type { ByteSource } from '../base/streams.ts'

/** Writes what a task delivered: whole or not at all. */
export async function writeDelivered(path: string, bytes: ByteSource, mode = 0o644): Promise<void> {
  await pipeline(Readable.from(bytes), writeStream(`${path}.new`, { mode, flush: true }))
  await rename(`${path}.new`, path)
}
