import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError, VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { fromBase64, toBase64 } from '../encoding/base64.ts'
import { withLock } from '../oci/lock.ts'
import { cosign } from '../sign/cosignature.ts'
import { parseSignedNote, type NoteKey } from '../sign/signed-note.ts'
import { signatureLine, type NoteSigner } from '../sign/note-signer.ts'
import { fileMemory, type Memory } from './memory.ts'
import { emptyRoot, hashBytes } from './merkle.ts'
import { readHead, type SignedHead } from './open-log.ts'
import { verifyConsistency, type TreeHead } from './proof.ts'

/** Most hashes of a consistency proof (C2SP tlog-witness). */
const mostHashes = 63

/** What a log asks of a witness (C2SP tlog-witness, add-checkpoint). */
export interface AddCheckpoint {
  /** Size that the log believes the witness saw last. */
  old: number
  proof: Buffer[]
  note: Buffer
}

/** The witness saw another size than the log believes: ask again with a proof from this one. */
export interface OtherSize {
  known: number
}

/** A log that a witness watches. */
export interface WitnessedLog {
  origin: string
  key: NoteKey
}

/** Body of a request. */
export function formatAddCheckpoint({ old, proof, note }: AddCheckpoint): Buffer {
  return Buffer.concat([Buffer.from([`old ${old}`, ...proof.map(toBase64), '', ''].join('\n')), note])
}

/** Reads the body of a request. @throws VerificationError `format-invalid` */
export function parseAddCheckpoint(body: Buffer): AddCheckpoint {
  const subject = 'add-checkpoint'
  const refuse = (why: string): VerificationError =>
    new VerificationError('format-invalid', `the request ${why}`, { subject })
  const end = body.indexOf('\n\n')
  if (end < 0) throw refuse('has no empty line before its checkpoint')
  const [first = '', ...hashes] = body.subarray(0, end).toString('latin1').split('\n')
  const [, old = ''] = /^old (0|[1-9]\d{0,14})$/.exec(first) ?? []
  if (old === '') throw refuse('does not begin with "old SIZE"')
  if (hashes.length > mostHashes) throw refuse(`has more than ${mostHashes} hashes`)
  const proof = hashes.map((text) => fromBase64(text, subject))
  if (proof.some(({ length }) => length !== hashBytes)) throw refuse('has a hash that is not 32 bytes long')
  return { old: Number(old), proof, note: body.subarray(end + 2) }
}

/**
 * A witness: it remembers the last checkpoint of each log, and cosigns one only if the log's key signed it and it continues the remembered one.
 *
 * @param directory private folder of what it remembers; whoever changes that makes it sign two histories
 */
export class Witness {
  readonly #directory: string
  readonly #signer: NoteSigner
  readonly #logs: readonly WitnessedLog[]
  readonly #ports: Ports

  constructor(directory: string, signer: NoteSigner, logs: readonly WitnessedLog[], ports: Ports) {
    this.#directory = directory
    this.#signer = signer
    this.#logs = logs
    this.#ports = ports
  }

  /** The last checkpoint that it cosigned for a log. @throws InputError `not-found` for a log that it does not watch */
  async last(origin: string): Promise<TreeHead> {
    const log = this.#log(origin)
    return this.#recall(log, this.#memory(origin))
  }

  /**
   * Cosigns a checkpoint with the present time.
   *
   * @returns the signature line; or the size that it knows, where that is not the request's
   * @throws InputError `not-found` (unknown log), `input-invalid` (the old size is larger) · VerificationError `signature-invalid`,
   * `log-broken` (another history), `format-invalid`
   */
  async add({ old, proof, note }: AddCheckpoint): Promise<string | OtherSize> {
    const parsed = parseSignedNote(note, 'checkpoint')
    const log = this.#log(parsed.text.slice(0, parsed.text.indexOf('\n')))
    const head = readHead(note, log.key, `the checkpoint of ${log.origin}`)
    if (old > head.size) {
      throw new InputError('input-invalid', `the old size ${old} is larger than the checkpoint's ${head.size}`, {
        subject: log.origin,
        remedy: 'Send the newest checkpoint of the log.',
      })
    }
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    return withLock(this.#directory, this.#ports, async () => {
      const memory = this.#memory(log.origin)
      const last = await this.#recall(log, memory)
      if (old !== last.size) return { known: last.size }
      verifyConsistency(last, head, proof, log.origin)
      const signature = await cosign(parsed, this.#signer, this.#ports.clock.now())
      // Remembered before anybody has the cosignature: a witness that ends here has only signed less than it could.
      await memory.remember(note)
      return signatureLine(signature.name, signature.keyId, signature.signature)
    })
  }

  #log(origin: string): WitnessedLog {
    const log = this.#logs.find((one) => one.origin === origin)
    if (log !== undefined) return log
    throw new InputError('not-found', `this witness does not watch a log with the origin "${origin}"`, {
      subject: origin,
      remedy: 'Give the witness the key of the log.',
    })
  }

  #memory(origin: string): Memory {
    return fileMemory(join(this.#directory, createHash('sha256').update(origin).digest('hex')))
  }

  async #recall(log: WitnessedLog, memory: Memory): Promise<TreeHead> {
    const note = await memory.recall()
    return note === null ? { size: 0, root: emptyRoot } : readHead(note, log.key, memory.name)
  }
}

/** Whether an answer of a witness is a cosignature. */
export function isCosigned(answer: string | OtherSize): answer is string {
  return typeof answer === 'string'
}

/** A checkpoint with further signature lines. @param lines each ended by a newline */
export function withLines(head: Pick<SignedHead, 'note'>, lines: readonly string[]): Buffer {
  const text = head.note.toString('utf8')
  return Buffer.from(text + lines.filter((line) => !text.includes(line)).join(''))
}
