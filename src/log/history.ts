import type { SealwrightError } from '../base/errors.ts'
import { VerificationError } from '../base/errors.ts'
import type { LogFiles } from './files.ts'
import { currentHead, readHead, type SignedHead } from './open-log.ts'
import type { PinnedLog } from './pinned-log.ts'
import { continues } from './resume.ts'

/**
 * What was found: `continues` is proven, `first` means that nothing was remembered to compare with, `unchecked` that the tiles of the log are needed
 * and were not given.
 */
export type Continuity = 'continues' | 'first' | 'unchecked'

type Log = Pick<PinnedLog, 'origin' | 'key'>

/**
 * The last checkpoint that a reader saw of a log, as clients of checksum databases keep it: whoever has the key of the log could otherwise show this
 * reader another history than before, or an older one.
 */
export class LogHistory {
  readonly #files: LogFiles | null
  #last: Buffer | null
  #learned: Buffer | null = null
  #current: Promise<SignedHead> | null = null

  /**
   * @param last checkpoint that was remembered; null for none
   * @param files of the log, whose tiles prove that one checkpoint continues another; null where they are not at hand
   */
  constructor(last: Buffer | null, files: LogFiles | null) {
    this.#last = last
    this.#files = files
  }

  /** The checkpoint to remember from now on; null where the remembered one stays. */
  get learned(): Buffer | null {
    return this.#learned
  }

  /**
   * Compares checkpoints that signatures are proven under with the remembered one, and with the log as it is now. An older checkpoint is in order as
   * long as the remembered one continues it: an image carries the checkpoint of its own time.
   *
   * @param notes checkpoints that the key of the log signed
   * @throws VerificationError `log-broken` for a fork or a rollback · InputError `not-found` where there is no log · TransportError
   */
  async check(notes: readonly Buffer[], log: Log): Promise<Continuity> {
    const heads = notes.map((note) => readHead(note, log.key, 'the checkpoint of the log entry'))
    const last = this.#last === null ? null : readHead(this.#last, log.key, 'the remembered checkpoint')
    const known = last === null ? heads : [last, ...heads]
    for (const one of known)
      for (const other of known)
        if (one.size === other.size && !one.root.equals(other.root))
          throw broken(log, `there are two logs of ${one.size} entries`)
    if (this.#files !== null) {
      await this.#checkByTiles(this.#files, distinct(known), log)
      return 'continues'
    }
    const [first] = heads
    if (first === undefined) return 'unchecked'
    const largest = heads.reduce((a, b) => (b.size > a.size ? b : a), first)
    if (last === null) this.#learn(largest)
    if (distinct(known).length > 1) return 'unchecked'
    return last === null ? 'first' : 'continues'
  }

  async #checkByTiles(files: LogFiles, known: readonly SignedHead[], log: Log): Promise<void> {
    this.#current ??= currentHead(files, log.key)
    try {
      const current = await this.#current
      for (const one of known) await continues(files, one, current)
      this.#learn(current)
    } catch (cause) {
      if (!(cause instanceof VerificationError)) throw cause
      throw broken(log, cause.message, cause)
    }
  }

  #learn({ note }: SignedHead): void {
    if (this.#last?.equals(note) === true) return
    this.#last = note
    this.#learned = note
  }
}

function distinct(heads: readonly SignedHead[]): SignedHead[] {
  return [...new Map(heads.map((head) => [head.size, head])).values()]
}

function broken({ origin }: Log, why: string, cause?: SealwrightError): VerificationError {
  return new VerificationError('log-broken', `${origin} does not continue what was seen of it: ${why}`, {
    subject: origin,
    cause,
    remedy: 'Keep the remembered checkpoint and the image as evidence, and ask the operator of the log.',
  })
}
