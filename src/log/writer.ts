import { createPublicKey } from 'node:crypto'
import { InputError, TransportError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { checkpointText } from '../sign/checkpoint.ts'
import { noteKeyFor, signNote, type NoteSigner } from '../sign/note-signer.ts'
import type { NoteKey } from '../sign/signed-note.ts'
import { appendEntries } from './edge.ts'
import { encodeEntries } from './entry-bundle.ts'
import type { LogStore, NamedFiles } from './files.ts'
import { emptyRoot, leafHash } from './merkle.ts'
import { resume } from './resume.ts'
import type { Memory } from './memory.ts'
import { currentHead, readHead, type SignedHead } from './open-log.ts'
import { catchUp, emptyState, type LogState } from './state.ts'

/** Writers that were faster are waited for this often. */
const attempts = 10

/** Where an entry stands. */
export interface Placed {
  index: number
  /** `present`: the log had this very entry before. */
  state: 'added' | 'present'
}

export interface Appended {
  /** In the order of the entries. */
  places: Placed[]
  /** The checkpoint that covers all of them. */
  head: SignedHead
}

/** Makes a new, empty log with its signed checkpoint. @param files written beside it, for its readers @throws InputError `exists` */
export async function createLog(
  store: LogStore,
  signer: NoteSigner,
  memory: Memory | null,
  files: NamedFiles,
): Promise<Buffer> {
  if (memory !== null && (await memory.recall()) !== null) {
    throw new InputError('exists', `"${memory.name}" already remembers a log of this key`, {
      subject: memory.name,
      remedy: 'Use a new key for a new log. Two logs of one name and key would prove that the log cheats.',
    })
  }
  const note = await signNote(checkpointText(signer.name, 0, emptyRoot), signer)
  await store.create(note, files)
  await memory?.remember(note)
  return note
}

/**
 * A writer of a log. What it computed stays in memory between calls, so a log is read once: 40 to 80 bytes an entry.
 *
 * @param memory of the signer, apart from the log; null where a rollback of the whole log cannot be noticed
 */
export class LogWriter {
  readonly #store: LogStore
  readonly #signer: NoteSigner
  readonly #key: NoteKey
  readonly #memory: Memory | null
  readonly #ports: Ports
  #state: LogState = emptyState()

  constructor(store: LogStore, signer: NoteSigner, memory: Memory | null, ports: Ports) {
    this.#store = store
    this.#signer = signer
    this.#key = noteKeyFor(signer.name, createPublicKey(signer.publicKeyPem))
    this.#memory = memory
    this.#ports = ports
  }

  /**
   * Appends entries, all of them under one new checkpoint. An entry that the log has keeps its place.
   *
   * @throws InputError `input-invalid` (too long), `not-found` (no log) · VerificationError `log-broken`, `rolled-back` · TransportError
   * `registry-error` where other writers were always faster
   */
  async append(entries: readonly Buffer[]): Promise<Appended> {
    // Refuses what is too long before anything is read.
    encodeEntries(entries)
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const done = await this.#store.exclusive(() => this.#appendOnce(entries))
      if (done !== null) return done
      await this.#ports.clock.sleep((50 + (this.#ports.random(1)[0] ?? 0)) * attempt)
    }
    throw new TransportError('registry-error', `${this.#store.name}: other writers were faster ${attempts} times`, {
      subject: this.#store.name,
      remedy: 'Nothing was appended. Try again, or let one process serve the log: sealwright log serve.',
    })
  }

  /** Index of the first entry with this leaf hash, and the size of the log that this writer knows; null for an entry that it does not know. */
  find(leaf: Buffer): { index: number; size: number } | null {
    const index = this.#state.leaves.find(leaf)
    return index === null ? null : { index, size: this.#state.edge.tree.size }
  }

  async #appendOnce(entries: readonly Buffer[]): Promise<Appended | null> {
    const before = await resume(this.#store, await currentHead(this.#store, this.#key), this.#key, this.#memory)
    await catchUp(this.#state, before, this.#store)
    const { places, fresh } = this.#place(entries)
    if (fresh.length === 0) return { places, head: before }
    const grown = appendEntries(this.#state.edge, fresh)
    const { size } = grown.edge.tree
    const note = await signNote(checkpointText(this.#signer.name, size, grown.root), this.#signer)
    const publication = { tiles: grown.tiles, size, checkpoint: note, base: before.note }
    // Under a lock the checkpoint is remembered before anybody sees it: no second one of this size is ever signed, whatever ends this process.
    const beforeCheckpoint = this.#store.locks ? () => this.#remember(note) : undefined
    if (!(await this.#store.publish({ ...publication, beforeCheckpoint }))) return null
    if (!this.#store.locks) await this.#remember(note)
    this.#state.leaves.add(Buffer.concat(fresh.map(leafHash)))
    this.#state.edge = grown.edge
    return { places, head: readHead(note, this.#key, this.#store.name) }
  }

  async #remember(note: Buffer): Promise<void> {
    await this.#memory?.remember(note)
  }

  /** Where each entry stands or will stand, and which of them are new. */
  #place(entries: readonly Buffer[]): { places: Placed[]; fresh: Buffer[] } {
    const { size } = this.#state.edge.tree
    const fresh: Buffer[] = []
    const mine = new Map<string, number>()
    const places = entries.map((entry): Placed => {
      const leaf = leafHash(entry)
      const name = leaf.toString('latin1')
      const known = this.#state.leaves.find(leaf) ?? mine.get(name)
      if (known !== undefined) return { index: known, state: 'present' }
      const index = size + fresh.length
      mine.set(name, index)
      fresh.push(entry)
      return { index, state: 'added' }
    })
    return { places, fresh }
  }
}
