import { createHash } from 'node:crypto'
import type { Digest } from '../oci/types.ts'
import { inventoryChunks } from './inventory.ts'
import type { Entries } from './types.ts'

/** Bytes of an inventory that are kept: 32 MiB. */
const keptBytes = 32 << 20

/** The file inventory as a document. That of millions of files has hundreds of megabytes, and is never in memory as a whole. */
export class InventoryDocument {
  /** SHA-256 of the document. */
  readonly digest: Digest
  /** Bytes of the document. */
  readonly size: number
  private readonly entries: Entries
  private readonly kept: readonly Buffer[] | null

  /** @param keptLimit bytes of a document that is kept; a larger one is written anew each time that it is asked for */
  constructor(entries: Entries, keptLimit = keptBytes) {
    this.entries = entries
    const hash = createHash('sha256')
    let kept: Buffer[] | null = []
    let size = 0
    for (const chunk of inventoryChunks(entries)) {
      hash.update(chunk)
      size += chunk.length
      if (size > keptLimit) kept = null
      kept?.push(chunk)
    }
    this.digest = `sha256:${hash.digest('hex')}`
    this.size = size
    this.kept = kept
  }

  /** The document piece by piece. */
  chunks(): Iterable<Buffer> {
    return this.kept ?? inventoryChunks(this.entries)
  }

  /** The whole document, for a reader that cannot take it in pieces. */
  bytes(): Buffer {
    return Buffer.concat([...this.chunks()], this.size)
  }
}
