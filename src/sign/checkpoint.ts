import { VerificationError } from '../base/errors.ts'
import { sha256 } from '../base/streams.ts'
import { fromBase64, toBase64 } from '../encoding/base64.ts'
import { parseSignedNote, verifySignedNote, type NoteKey } from './signed-note.ts'

/** A transparency log's state at one time (C2SP tlog-checkpoint). */
export interface Checkpoint {
  origin: string
  /** Number of entries. */
  size: bigint
  root: Buffer
  /** SHA-256 of the note's text, without signatures: those of witnesses may come later. */
  digest: `sha256:${string}`
}

/**
 * Reads a checkpoint; with a key its signature must hold.
 *
 * @throws VerificationError `format-invalid`, `signature-invalid`
 */
export function readCheckpoint(bytes: Uint8Array, key: NoteKey | null, subject: string): Checkpoint {
  const note = parseSignedNote(bytes, subject)
  if (key !== null) verifySignedNote(note, key, subject)
  const [origin = '', size = '', root = ''] = note.text.split('\n')
  const hash = fromBase64(root, 'root hash')
  if (origin === '' || !/^(?:0|[1-9]\d{0,19})$/.test(size) || hash.length !== 32) {
    throw new VerificationError(
      'format-invalid',
      `${subject} is no checkpoint of a log: it needs origin, size and root hash`,
      {
        subject,
        remedy: "Give the address of the log's checkpoint, as in https://log.example/checkpoint.",
      },
    )
  }
  return { origin, size: BigInt(size), root: hash, digest: sha256(note.text) as `sha256:${string}` }
}

/** Text of a checkpoint, to be signed as a note (C2SP tlog-checkpoint). */
export function checkpointText(origin: string, size: number | bigint, root: Uint8Array): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`
}
