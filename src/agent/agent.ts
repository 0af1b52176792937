import { createHash } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { sha256 } from '../base/streams.ts'
import { version } from '../base/version.ts'
import { fromBase64 } from '../encoding/base64.ts'
import { jcs } from '../encoding/jcs.ts'
import { jobDigest } from '../journal/binding.ts'
import { roles, type EventDraft, type EventFacts, type Isolation, type JournalEvent } from '../journal/event.ts'
import type { EvidenceBundle } from '../journal/evidence-bundle.ts'
import { simpleSigningPayload } from '../sign/simple-signing.ts'
import { payloadType, predicateTypes } from '../statement/types.ts'
import type { Digest } from '../oci/types.ts'
import type { Collector } from '../tee/types.ts'
import { Journal } from './journal.ts'
import { JournalFile } from './journal-file.ts'
import { Keks } from './keks.ts'
import { makeKeys, type AgentKeys } from './keys.ts'
import { bootFacts, identifyJob, nonceOf, type Job } from './job.ts'
import type {
  AgentStatus,
  NotationRequest,
  SignedStatement,
  SignedStatementRequest,
  StatementRequest,
} from './protocol.ts'
import { Reports } from './reports.ts'
import { requirePublished, type RuleContext } from './rules/context.ts'
import type { CoseContext } from './rules/cose.ts'
import { rules } from './rules/index.ts'
import { isOwnWork, requireSignable, requireStatement, type Signable } from './rules/signable.ts'

export interface AgentOptions {
  collector: Collector
  /** As the action's input `nonce`. */
  nonce: string
  /** Identity of the code that runs, for the binding and the agent's own events. */
  code: JournalEvent['code']
  journalPath: string
  /** Jobs of this boot with this one, where the machine's agent counts them; else 1. */
  jobs?: number | undefined
  /** The machine's agent started this one. */
  machine?: boolean | undefined
  /** Its workers run under a user of their own (TRUST §4). */
  ownUser?: boolean | undefined
}

/** Everything that the socket offers, behind no transport: keys, journal, rules, reports. One job, one agent. */
export class Agent {
  readonly keys: AgentKeys
  readonly #ports: Ports
  readonly #options: AgentOptions
  readonly #job: Job
  readonly #journal = new Journal()
  readonly #file: JournalFile
  readonly #reports: Reports
  readonly #keks: Keks
  readonly #warnings: string[] = []
  /** The last event that a seal must cover: statements other than of evidence. */
  #unsealed = false
  /** Statements that rest on the work of this agent's workers alone: what a long-lived key may sign. */
  readonly #ownWork = new Set<Digest>()
  /** The VSA of a verdict holds a time: asked for once more, the first one is given again. */
  readonly #vsas = new Map<string, Buffer>()

  private constructor(keys: AgentKeys, job: Job, reports: Reports, options: AgentOptions, ports: Ports) {
    this.keys = keys
    this.#job = job
    this.#reports = reports
    this.#options = options
    this.#ports = ports
    this.#file = new JournalFile(options.journalPath)
    this.#keks = new Keks(ports.random)
  }

  /** Makes the keys, identifies the job, writes event 0 and takes the open report. */
  static async start(options: AgentOptions, ports: Ports): Promise<Agent> {
    const keys = makeKeys()
    const job = await identifyJob(keys.keyId, ports, options.machine === true)
    const facts = {
      keys,
      job,
      agent: { version, code: options.code.digest, source: options.code.source },
      boot: await bootFacts(ports, options.jobs),
      nonce: nonceOf(options.nonce, job),
    }
    const register = (await options.collector.openRegister?.(ports)) ?? null
    const agent = new Agent(keys, job, new Reports(facts, options.collector, ports, register), options, ports)
    if (register !== null && register.warning !== null) agent.#warn(register.warning)
    await agent.#record(
      agent.#draft('job', [], [], {
        keyThumbprint: keys.keyId,
        job: jobDigest(job.record),
        instance: job.record.instance,
      }),
    )
    await agent.#reports.open(agent.#journal)
    return agent
  }

  get instance(): string {
    return this.#job.record.instance
  }

  get jobDigest(): Digest {
    return jobDigest(this.#job.record)
  }

  status(): AgentStatus {
    const { assurance, instance, claims } = this.#job.record
    return {
      version,
      pid: process.pid,
      technology: this.#options.collector.technology,
      keyId: this.keys.keyId,
      publicKeyPem: this.keys.publicKeyPem,
      jobDigest: this.jobDigest,
      instance,
      assurance,
      claims,
      journalHead: this.#journal.head,
      journalCount: this.#journal.events.length,
      keys: this.#keks.uris(),
      hosts: [...this.#ports.http.hosts()],
      warnings: [...this.#warnings],
    }
  }

  journal(): Buffer {
    return this.#journal.bytes()
  }

  /**
   * Appends what a caller on the socket says. The event is marked as the caller's word, and nothing of its isolation is believed.
   *
   * @throws VerificationError `role-mismatch` for the kinds that only the agent writes
   */
  async append({ kind, inputs, outputs, result }: EventFacts): Promise<JournalEvent> {
    if (kind === 'job' || kind === 'statement') {
      throw new VerificationError('role-mismatch', `${kind} events are written by the agent alone`, { subject: kind })
    }
    const { code } = this.#options
    const isolation: Isolation = { worker: 'same-user', steps: 'none', network: 'host' }
    return this.#record({ kind, performer: 'caller', inputs, outputs, code, isolation, result })
  }

  /** Appends what a worker of this agent did. */
  async perform(
    { kind, inputs, outputs, result }: EventFacts,
    { steps, network }: Pick<Isolation, 'steps' | 'network'>,
  ): Promise<JournalEvent> {
    const { code } = this.#options
    const isolation: Isolation = { worker: this.#worker, steps, network }
    const event = await this.#record({ kind, performer: 'agent', inputs, outputs, code, isolation, result })
    this.#keks.release(event)
    return event
  }

  async statement(request: StatementRequest): Promise<SignedStatement> {
    const documents = new Map(Object.entries(request.documents).map(([name, text]) => [name, fromBase64(text, name)]))
    const verdict = documents.get('verdict')
    const cached = verdict === undefined ? undefined : this.#vsas.get(`${request.subject} ${sha256(verdict)}`)
    const context: RuleContext = {
      events: this.#journal.events,
      subject: request.subject,
      documents,
      evidence: request.evidence,
      technology: this.#options.collector.technology,
      job: this.#job.record,
      keyId: this.keys.keyId,
      sealed: this.#reports.sealed,
      version,
      now: this.#ports.clock.now(),
    }
    const make = rules[request.kind]
    const payload = request.kind === 'vsa' && cached !== undefined ? cached : make(context)
    if (request.kind === 'vsa' && verdict !== undefined)
      this.#vsas.set(`${request.subject} ${sha256(verdict)}`, payload)
    const payloadDigest = sha256(payload)
    if (request.kind !== 'vsa' && isOwnWork(make, context, payload)) this.#ownWork.add(payloadDigest)
    const before = this.#journal.events.length
    await this.#record(
      this.#draft(
        'statement',
        [{ role: roles.subject, name: '', digest: request.subject, mediaType: '' }],
        [{ role: roles.payload, name: '', digest: payloadDigest, mediaType: payloadType }],
        { predicateType: predicateTypes[request.kind] },
      ),
    )
    if (request.kind !== 'evidence' && this.#journal.events.length > before) this.#unsealed = true
    return { payload, payloadDigest, envelope: await this.keys.envelope(payload) }
  }

  simpleSigning(subject: Digest, dockerReference: string): { payload: Buffer; signature: Buffer } {
    requirePublished(this.#journal.events, subject)
    const payload = simpleSigningPayload({ dockerReference, digest: subject })
    return { payload, signature: this.keys.sign(payload) }
  }

  /** @throws VerificationError `role-mismatch`; InputError `file-invalid` for certificates that do not fit */
  async notation(request: NotationRequest): Promise<Buffer> {
    const { notationFor } = await import('./rules/cose.ts')
    return notationFor(request, await this.#coseContext())
  }

  /** @throws VerificationError `role-mismatch` */
  async signedStatement(request: SignedStatementRequest): Promise<Buffer> {
    const { signedStatementFor } = await import('./rules/cose.ts')
    return signedStatementFor(request, await this.#coseContext())
  }

  async #coseContext(): Promise<CoseContext> {
    const signer = await this.keys.cose()
    const { events } = this.#journal
    return {
      signer,
      now: this.#ports.clock.now(),
      permit: async ({ subject, payload }) =>
        payload === null ? requirePublished(events, subject) : requireStatement(events, payload, subject, null),
    }
  }

  /** @throws VerificationError `role-mismatch` for what a long-lived key of this job may not sign */
  maySign(wanted: Signable): void {
    requireSignable(this.#journal.events, this.#ownWork, wanted)
  }

  /** @throws VerificationError `unsealed` when nothing was signed that a seal could close */
  async seal(): Promise<EvidenceBundle> {
    const { sealed } = this.#reports
    if (!this.#unsealed && sealed !== null) return sealed
    if (!this.#unsealed) {
      throw new VerificationError('unsealed', 'this job has signed nothing yet, so there is nothing to seal', {
        subject: 'journal',
      })
    }
    const bundle = await this.#reports.seal(this.#journal)
    this.#unsealed = false
    return bundle
  }

  get keks(): Keks {
    return this.#keks
  }

  openReport(): { binding: Buffer; evidence: Buffer } {
    return this.#reports.first
  }

  /** Keeps an Attestation Service's token over our own binding beside the open report. */
  attachEar(jwt: string): void {
    this.#reports.attachEar(jwt)
  }

  async report(nonce: string): Promise<{ evidence: unknown; teePubkey: unknown }> {
    const { teePubkey } = this.keys
    const bound = jcs({ 'additional-evidence': '', nonce, 'tee-pubkey': teePubkey })
    const { evidence } = await this.#reports.evidence(createHash('sha384').update(bound).digest())
    return { evidence, teePubkey }
  }

  #draft(
    kind: EventDraft['kind'],
    inputs: EventDraft['inputs'],
    outputs: EventDraft['outputs'],
    result: EventDraft['result'],
  ): EventDraft {
    const { code } = this.#options
    const isolation: Isolation = { worker: this.#worker, steps: 'no-steps', network: 'none' }
    return { kind, performer: 'agent', inputs, outputs, code, isolation, result }
  }

  get #worker(): Isolation['worker'] {
    return this.#options.ownUser === true ? 'own-user' : 'same-user'
  }

  async #record(draft: EventDraft): Promise<JournalEvent> {
    const event = this.#journal.append(draft)
    if (await this.#file.write(this.#journal.bytes())) {
      this.#warn('the journal file was changed or removed by somebody else; the agent wrote it anew from memory')
    }
    return event
  }

  #warn(warning: string): void {
    if (!this.#warnings.includes(warning)) this.#warnings.push(warning)
    this.#ports.log.warn(warning)
  }
}
