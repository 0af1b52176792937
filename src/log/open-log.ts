import { InputError, VerificationError } from '../base/errors.ts'
import { readCheckpoint } from '../sign/checkpoint.ts'
import type { NoteKey } from '../sign/signed-note.ts'
import { decodeEntries, mostEntryBytes } from './entry-bundle.ts'
import { checkpointFile, type LogFiles } from './files.ts'
import { hashBytes } from './merkle.ts'
import type { TreeHead } from './proof.ts'
import type { TileReader } from './read-tree.ts'
import { checkTile, tilePath, tileWidth, type TileId } from './tiles.ts'
import { mostEntries } from './tree.ts'

/** Most bytes of a checkpoint with its cosignatures. */
export const checkpointLimit = 1 << 16

/** A checkpoint whose signature was checked. */
export interface SignedHead extends TreeHead {
  origin: string
  /** The note as it was read, cosignatures included. */
  note: Buffer
}

/**
 * Reads a signed checkpoint.
 *
 * @param key the log's; a key with a name also fixes the origin
 * @throws VerificationError `format-invalid`, `signature-invalid`, `log-broken` (another origin)
 */
export function readHead(note: Buffer, key: NoteKey, subject: string): SignedHead {
  const { origin, size, root } = readCheckpoint(note, key, subject)
  if (key.name !== null && origin !== key.name) {
    throw new VerificationError('log-broken', `${subject}: the origin is "${origin}", expected "${key.name}"`, {
      subject,
      remedy: 'Check the address of the log and its key.',
    })
  }
  if (size > mostEntries) {
    throw new VerificationError('format-invalid', `${subject}: a log of ${size} entries is not supported`, { subject })
  }
  return { origin, size: Number(size), root, note }
}

/** Reads the log's current checkpoint. @throws InputError `not-found` · what {@link readHead} throws */
export async function currentHead(files: LogFiles, key: NoteKey): Promise<SignedHead> {
  const note = await files.read(checkpointFile, checkpointLimit)
  if (note !== null) return readHead(note, key, `the checkpoint of ${files.name}`)
  throw new InputError('not-found', `${files.name} does not hold a log: it has no checkpoint`, {
    subject: files.name,
    remedy: 'Check the address, or make a log there with sealwright log init.',
  })
}

/** Reads tiles of hashes. Of a partial tile that is gone the full one is taken. @throws from it VerificationError `missing-blob`, `format-invalid` */
export function tileReader(files: LogFiles): TileReader {
  return async (id) => {
    const { bytes, width } = await readEither(files, id, hashBytes)
    return checkTile(bytes, { ...id, width }, files.name).subarray(0, id.width * hashBytes)
  }
}

/** Reads the entries of a bundle. @throws from it VerificationError `missing-blob`, `format-invalid` */
export function bundleReader(files: LogFiles): (id: TileId) => Promise<Buffer[]> {
  return async (id) => {
    const { bytes, width } = await readEither(files, id, mostEntryBytes + 2)
    return decodeEntries(bytes, { ...id, width }, files.name).slice(0, id.width)
  }
}

async function readEither(files: LogFiles, id: TileId, each: number): Promise<{ bytes: Buffer; width: number }> {
  for (const width of new Set([id.width, tileWidth])) {
    const bytes = await files.read(tilePath({ ...id, width }), width * each)
    if (bytes !== null) return { bytes, width }
  }
  throw new VerificationError('missing-blob', `${files.name} lacks ${tilePath(id)}, which its checkpoint covers`, {
    subject: tilePath(id),
    remedy: 'The log is damaged: restore it from a copy.',
  })
}
