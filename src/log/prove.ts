import { InternalError, VerificationError } from '../base/errors.ts'
import type { LogFiles } from './files.ts'
import { leafHash } from './merkle.ts'
import { bundleReader, tileReader, type SignedHead } from './open-log.ts'
import { verifyInclusion } from './proof.ts'
import { inclusionProof } from './read-tree.ts'
import type { LoggedEntry } from './tlog-entry.ts'
import { tileAt, tilesOf, tileWidth } from './tiles.ts'

/**
 * Reads an entry and proves it against a checkpoint; the proof is checked before it is given away.
 *
 * @param logId all 32 bytes of the log's key id
 * @throws InputError `input-invalid` for an index that the log does not have · VerificationError `log-broken`, `missing-blob`, `format-invalid`
 */
export async function proveEntry(
  files: LogFiles,
  head: SignedHead,
  index: number,
  logId: Buffer,
): Promise<LoggedEntry> {
  const proof = await inclusionProof(index, head.size, tileReader(files))
  const body = await readEntry(files, head.size, index)
  verifyInclusion(leafHash(body), index, head, proof, files.name)
  return { body, index, head, proof, checkpoint: head.note, logId }
}

/**
 * Reads one entry of a log that has `size` entries; nothing proves it yet.
 *
 * @param index below `size`
 * @throws VerificationError `missing-blob`, `format-invalid`
 */
export async function readEntry(files: LogFiles, size: number, index: number): Promise<Buffer> {
  const id = tileAt('entries', Math.floor(index / tileWidth), size)
  if (id === null) throw new InternalError(`a log of ${size} entries without entry ${index}`)
  const body = (await bundleReader(files)(id))[index % tileWidth]
  if (body === undefined) throw new InternalError(`a bundle without entry ${index}`)
  return body
}

/** Index of an entry in a log, by reading the hashes of all leaves; null where the log does not have it. */
export async function findEntry(files: LogFiles, head: SignedHead, body: Uint8Array): Promise<number | null> {
  const leaf = leafHash(body)
  const read = tileReader(files)
  for (const id of tilesOf(0, head.size)) {
    const tile = await read(id)
    for (let at = tile.indexOf(leaf); at >= 0; at = tile.indexOf(leaf, at + 1))
      if (at % leaf.length === 0) return id.index * tileWidth + at / leaf.length
  }
  return null
}

/** As {@link findEntry}, for an entry that must be there. @throws VerificationError `log-broken` */
export async function requireEntry(files: LogFiles, head: SignedHead, body: Uint8Array): Promise<number> {
  const index = await findEntry(files, head, body)
  if (index !== null) return index
  throw new VerificationError('log-broken', `${files.name} does not have this entry among its ${head.size} entries`, {
    subject: files.name,
    remedy: 'Append it first: sealwright log append.',
  })
}
