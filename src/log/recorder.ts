import type { Ports } from '../base/ports.ts'
import type { NoteSigner } from '../sign/note-signer.ts'
import { collectCosignatures, type AskWitness } from './collect-cosignatures.ts'
import type { LogStore } from './files.ts'
import type { Memory } from './memory.ts'
import { leafHash } from './merkle.ts'
import { tileReader, type SignedHead } from './open-log.ts'
import { readEntry } from './prove.ts'
import { inclusionProof } from './read-tree.ts'
import type { LoggedEntry } from './tlog-entry.ts'
import { verifyInclusion } from './proof.ts'
import { LogWriter, type Placed } from './writer.ts'

/** An entry that is in the log now, with its proof. */
export interface Recorded extends LoggedEntry {
  state: Placed['state']
}

/** Takes entries for a log, and gives each with its proof under a checkpoint that all witnesses cosigned. */
export interface Recorder {
  record(body: Buffer): Promise<Recorded>
  /**
   * The entry with this leaf hash, or null where the log had none when it was appended to last.
   *
   * @throws VerificationError `missing-blob`, `format-invalid`
   */
  entry(leaf: Buffer): Promise<Buffer | null>
}

interface Waiting {
  body: Buffer
  done: (recorded: Recorded) => void
  failed: (error: unknown) => void
}

/** Most entries that go under one checkpoint. */
const batchSize = 1000

/**
 * Opens a log for entries. What is handed in while a checkpoint is being made goes under the next one together, so many callers cost little more
 * than one.
 *
 * @param witnesses asked for each checkpoint; where one fails, the entry is logged but its caller gets the error
 */
export function openRecorder(
  store: LogStore,
  signer: NoteSigner,
  memory: Memory | null,
  witnesses: readonly AskWitness[],
  ports: Ports,
): Recorder {
  const writer = new LogWriter(store, signer, memory, ports)
  let waiting: Waiting[] = []
  let running: Promise<void> | null = null

  const batch = async (taken: readonly Waiting[]): Promise<void> => {
    const { places, head } = await writer.append(taken.map(({ body }) => body))
    const seen = await collectCosignatures(store, head, witnesses)
    const recorded = await Promise.all(
      taken.map(({ body }, i) => proven(store, seen, body, places[i] ?? { index: -1, state: 'added' }, signer.keyId)),
    )
    for (const [i, { done }] of taken.entries()) {
      const one = recorded[i]
      if (one !== undefined) done(one)
    }
  }
  const run = async (): Promise<void> => {
    // What is handed in at the same time belongs under one checkpoint.
    await Promise.resolve()
    while (waiting.length > 0) {
      const taken = waiting.slice(0, batchSize)
      waiting = waiting.slice(batchSize)
      try {
        await batch(taken)
      } catch (error) {
        for (const { failed } of taken) failed(error)
      }
    }
    running = null
  }
  return {
    record: (body) =>
      new Promise((done, failed) => {
        waiting.push({ body, done, failed })
        running ??= run()
      }),
    entry: async (leaf) => {
      const place = writer.find(leaf)
      return place === null ? null : readEntry(store, place.size, place.index)
    },
  }
}

async function proven(
  store: LogStore,
  head: SignedHead,
  body: Buffer,
  { index, state }: Placed,
  logId: Buffer,
): Promise<Recorded> {
  const proof = await inclusionProof(index, head.size, tileReader(store))
  verifyInclusion(leafHash(body), index, head, proof, store.name)
  return { body, index, head, proof, checkpoint: head.note, logId, state }
}
