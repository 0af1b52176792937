import type { Ports } from '../../../base/ports.ts'
import type { CoseSigner } from '../../../sign/cose/write.ts'
import { leafHash } from '../../merkle.ts'
import type { Recorded, Recorder } from '../../recorder.ts'
import { writeReceipt } from '../../scitt/issue.ts'
import { readStatement } from '../../scitt/statement.ts'
import { registeredForm } from '../../scitt/verify.ts'
import { allowedBy } from './allowed.ts'
import type { KeptStatements } from './kept-statements.ts'
import type { RegistrationPolicy } from './policy.ts'
import { checkPayload, clientFault, Refusal } from './refusal.ts'

/** What a register needs to know. */
export interface RegisterOptions {
  readonly policy: RegistrationPolicy
  readonly kept: KeptStatements
  readonly recorder: Recorder
  /** Signs receipts. */
  readonly signer: CoseSigner
  /** Name of the service, the `iss` of its receipts. */
  readonly issuer: string
  /** How long statements are gathered for one checkpoint, in milliseconds; 0 for not at all. */
  readonly gatherMs: number
  readonly ports: Ports
}

/** A statement that was taken for registration. */
export interface Registration {
  /** Hex SHA-256 of the leaf: the last segment of its location. */
  readonly id: string
  /** Rejects where the log cannot take it. */
  readonly receipt: Promise<Buffer>
}

/** Registrations that failed are remembered for whoever asks, at most so many. */
const mostFailures = 1000

/** Registers signed statements in a log, each at most once, and issues receipts (RFC 9943 §6.3, §7). */
export class Register {
  readonly #options: RegisterOptions
  readonly #running = new Map<string, Promise<Buffer>>()
  readonly #failures = new Map<string, unknown>()
  readonly #ending = new AbortController()
  #gathered: (() => void)[] = []

  constructor(options: RegisterOptions) {
    this.#options = options
  }

  /**
   * Judges a statement by the policy and starts its registration.
   *
   * @throws Refusal for a statement that is not registered, and where too many registrations run
   */
  register(bytes: Buffer): Registration {
    const { policy, kept, ports } = this.#options
    const limit = Math.min(policy.limits.statementBytes, kept.limit)
    if (bytes.length > limit)
      throw new Refusal(413, 'Statement Too Large', `the statement has ${bytes.length} bytes, the limit is ${limit}`)
    const statement = clientFault(() => {
      const read = readStatement(bytes, 'the statement')
      checkPayload(read)
      allowedBy(read, policy, ports.clock.now())
      return read
    })
    const form = registeredForm(statement.message)
    const id = leafHash(kept.entryOf(form)).toString('hex')
    const running = this.#running.get(id)
    if (running !== undefined) return { id, receipt: running }
    if (this.#running.size >= policy.limits.pending)
      throw new Refusal(429, 'Too Many Requests', `${policy.limits.pending} registrations are running`, 1)
    this.#failures.delete(id)
    const receipt = this.#run(form, statement.subject)
    this.#running.set(id, receipt)
    receipt
      .catch((error: unknown) => this.#remember(id, error))
      .finally(() => this.#running.delete(id))
      .catch(() => {})
    return { id, receipt }
  }

  /** Adds a statement of the service's own, which no policy judges. */
  async commit(statement: Buffer): Promise<Recorded> {
    const { kept, recorder } = this.#options
    await kept.keep(statement)
    return recorder.record(kept.entryOf(statement))
  }

  /**
   * What came of a registration: `running`, a fresh receipt, or null where the log has no such statement.
   *
   * @param id hex SHA-256 of the leaf
   * @throws what the registration failed with
   */
  async look(id: string): Promise<'running' | Buffer | null> {
    if (this.#running.has(id)) return 'running'
    const { kept, recorder } = this.#options
    const entry = await recorder.entry(Buffer.from(id, 'hex'))
    const statement = entry === null ? null : await kept.read(entry)
    if (entry !== null && statement !== null)
      return this.#receipt(await recorder.record(entry), readStatement(statement, 'the statement').subject)
    if (this.#failures.has(id)) throw this.#failures.get(id)
    return null
  }

  /** Sends what was gathered to the log at once, and waits until no registration runs. */
  async finish(): Promise<void> {
    this.#ending.abort()
    await Promise.allSettled(this.#running.values())
  }

  async #run(form: Buffer, subject: string | null): Promise<Buffer> {
    const { kept, recorder, gatherMs } = this.#options
    await kept.keep(form)
    if (gatherMs > 0) await this.#gather()
    return this.#receipt(await recorder.record(kept.entryOf(form)), subject)
  }

  /** Waits until the statements that were gathered go to the log together. */
  #gather(): Promise<void> {
    return new Promise((go) => {
      this.#gathered.push(go)
      if (this.#gathered.length > 1) return
      const send = (): void => {
        for (const one of this.#gathered.splice(0)) one()
      }
      const { ports, gatherMs } = this.#options
      void ports.clock.sleep(gatherMs, this.#ending.signal).then(send, send)
    })
  }

  #receipt({ index, head, proof }: Recorded, subject: string | null): Promise<Buffer> {
    const { issuer, signer, ports } = this.#options
    return writeReceipt({ issuer, subject, issuedAt: ports.clock.now(), index, head, proof }, signer)
  }

  #remember(id: string, error: unknown): void {
    const [oldest] = this.#failures.keys()
    if (this.#failures.size >= mostFailures && oldest !== undefined) this.#failures.delete(oldest)
    this.#failures.set(id, error)
  }
}
