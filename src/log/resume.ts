import { VerificationError } from '../base/errors.ts'
import type { NoteKey } from '../sign/signed-note.ts'
import type { LogFiles, LogStore } from './files.ts'
import type { Memory } from './memory.ts'
import { readHead, tileReader, type SignedHead } from './open-log.ts'
import { verifyConsistency, type TreeHead } from './proof.ts'
import { consistencyProof, rootOf } from './read-tree.ts'

/**
 * Compares the log with the last checkpoint that its signer made. One that was signed but not published, since the process was killed in between,
 * is published now: its tiles are there.
 *
 * @returns the checkpoint to go on from
 * @throws VerificationError `rolled-back`, `log-broken`
 */
export async function resume(
  store: LogStore,
  head: SignedHead,
  key: NoteKey,
  memory: Memory | null,
): Promise<SignedHead> {
  const note = await memory?.recall()
  if (note === null || note === undefined) return head
  const last = readHead(note, key, `the checkpoint in ${memory?.name}`)
  if (last.size <= head.size) {
    await continues(store, last, head)
    return head
  }
  const stored = await rootOf(last.size, tileReader(store)).catch((error: unknown) => {
    if (error instanceof VerificationError) return null
    throw error
  })
  if (stored?.equals(last.root) !== true) throw rolledBack(store.name, head, last)
  await continues(store, head, last)
  const published = await store.publish({ tiles: [], size: last.size, checkpoint: last.note, base: head.note })
  if (published) return last
  throw rolledBack(store.name, head, last)
}

/** Proves by the tiles of a log that one state of it continues another. @throws VerificationError `log-broken`, `rolled-back`, `missing-blob` */
export async function continues(files: LogFiles, before: TreeHead, after: TreeHead): Promise<void> {
  const proof = before.size < after.size ? await consistencyProof(before.size, after.size, tileReader(files)) : []
  verifyConsistency(before, after, proof, files.name)
}

function rolledBack(log: string, head: TreeHead, last: TreeHead): VerificationError {
  return new VerificationError(
    'rolled-back',
    `${log} has ${head.size} entries, but its key has signed a checkpoint of ${last.size} entries`,
    { subject: log, remedy: 'Restore the log from the copy with the most entries. Do not append to the smaller one.' },
  )
}
