import { isDeepStrictEqual } from 'node:util'
import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { sha256 } from '../base/streams.ts'
import { fromBase64, toBase64 } from '../encoding/base64.ts'
import { jcs } from '../encoding/jcs.ts'
import { bindingDigest, bindingHash, bindingSchema, bindingType, jobDigest, type Binding } from '../journal/binding.ts'
import { evidenceMediaTypes, type EvidenceBundle, type EvidenceDocument } from '../journal/evidence-bundle.ts'
import { checkReportData } from '../tee/collect/index.ts'
import { parseTeeEvidence } from '../tee/evidence.ts'
import { agentStart, journalHead } from '../tee/register/index.ts'
import type { Collector, RuntimeRegister, TeeEvidence } from '../tee/types.ts'
import type { Digest } from '../oci/types.ts'
import type { Journal } from './journal.ts'
import type { AgentKeys } from './keys.ts'
import type { Job } from './job.ts'

/** What every binding of this agent says alike. */
export interface BindingFacts {
  keys: AgentKeys
  job: Job
  agent: Binding['agent']
  boot: Binding['boot']
  nonce: Binding['nonce']
}

interface Report {
  binding: Binding
  bytes: Buffer
  evidence: Buffer
}

const mostReports = 64

/** The open report and the seals of one job, chained by `previous` (TRUST §2, §3). */
export class Reports {
  readonly #facts: BindingFacts
  readonly #collector: Collector
  readonly #ports: Ports
  readonly #reports: Report[] = []
  readonly #register: RuntimeRegister | null
  #sealed: EvidenceBundle | null = null
  /** Journal head that the register took last: a report that failed after it is tried again without a second record. */
  #extended: Digest | null = null

  /** @param register the machine's runtime register, or null where it has none */
  constructor(facts: BindingFacts, collector: Collector, ports: Ports, register: RuntimeRegister | null) {
    this.#facts = facts
    this.#collector = collector
    this.#ports = ports
    this.#register = register
  }

  /** The first report, right after event 0. */
  async open(journal: Journal): Promise<void> {
    const { keys, job } = this.#facts
    await this.#register?.extend(agentStart({ job: jobDigest(job.record), key: keys.keyId }))
    await this.#take('open', journal)
  }

  /** JCS bytes of the open binding and its evidence. */
  get first(): { binding: Buffer; evidence: Buffer } {
    const [report] = this.#reports
    if (report === undefined)
      throw new VerificationError('missing-evidence', 'there is no open report', { subject: 'agent' })
    return { binding: report.bytes, evidence: report.evidence }
  }

  get sealed(): EvidenceBundle | null {
    return this.#sealed
  }

  /**
   * Keeps an EAR beside the open report. Its signature is not looked at: it counts at the gate only with a signer that the policy pins (TRUST §1).
   * That it speaks of our binding is seen to here, so that a job does not publish another's.
   *
   * @throws VerificationError `binding-mismatch`, `token-invalid`
   */
  attachEar(jwt: string): void {
    const [open] = this.#reports
    if (open === undefined) return
    if (!isDeepStrictEqual(runtimeClaims(jwt), JSON.parse(open.bytes.toString('utf8')))) {
      throw new VerificationError('binding-mismatch', 'the EAR is not over the binding of this agent', {
        subject: 'EAR',
      })
    }
    const evidence = parseTeeEvidence(open.evidence, 'open report')
    open.evidence = jcs({
      ...evidence,
      documents: { ...evidence.documents, ear: toBase64(Buffer.from(jwt, 'latin1')) },
    })
  }

  /** Takes a seal over the journal as it is now and bundles everything. */
  async seal(journal: Journal): Promise<EvidenceBundle> {
    if (this.#reports.length >= mostReports) {
      throw new VerificationError('unsealed', `one job has at most ${mostReports - 1} seals`, {
        subject: 'journal',
        remedy: 'Sign several images in one step, or in jobs of their own.',
      })
    }
    await this.#take('seal', journal)
    this.#sealed = this.#bundle(journal)
    return this.#sealed
  }

  /** Evidence over other report data, for protocols with a hash rule of their own. */
  async evidence(reportData: Buffer): Promise<TeeEvidence> {
    checkReportData(reportData)
    return this.#collector.collect(reportData, this.#ports, this.#register?.log())
  }

  async #take(role: Binding['role'], journal: Journal): Promise<void> {
    const { keys, job, agent, boot, nonce } = this.#facts
    const last = this.#reports.at(-1)
    const binding = bindingSchema.parse({
      type: bindingType,
      role,
      key: keys.jwk,
      'tee-pubkey': keys.teePubkey,
      job: job.record,
      agent,
      boot,
      journal: { head: journal.head, count: journal.events.length },
      previous: last === undefined ? null : bindingDigest(last.binding),
      nonce,
      time: this.#ports.clock
        .now()
        .toISOString()
        .replace(/\.\d{3}Z$/, 'Z'),
    })
    await this.#extend(journal)
    const evidence = await this.evidence(bindingHash(binding))
    this.#reports.push({ binding, bytes: jcs(binding), evidence: jcs(evidence) })
  }

  /** The register holds the journal's head before a report does: who reads the later report sees that the journal grew in this machine. */
  async #extend(journal: Journal): Promise<void> {
    const { head, events } = journal
    if (this.#register === null || this.#extended === head) return
    await this.#register.extend(journalHead({ count: events.length, head }))
    this.#extended = head
  }

  #bundle(journal: Journal): EvidenceBundle {
    const documents: EvidenceDocument[] = []
    const add = (mediaType: string, bytes: Buffer): Digest => {
      const digest = sha256(bytes)
      if (!documents.some((document) => document.digest === digest)) documents.push({ mediaType, digest, bytes })
      return digest
    }
    const { jwt } = this.#facts.job
    return {
      index: {
        v: 1,
        technology: this.#collector.technology,
        reports: this.#reports.map(({ binding, bytes, evidence }) => ({
          role: binding.role,
          binding: add(evidenceMediaTypes.binding, bytes),
          evidence: add(evidenceMediaTypes.tee, evidence),
        })),
        journal: add(evidenceMediaTypes.journal, journal.bytes()),
        token: jwt === null ? null : add(evidenceMediaTypes.token, Buffer.from(jwt, 'latin1')),
      },
      documents,
    }
  }
}

/** `runtime_data_claims` of an EAR's cpu0, unverified, as plain objects. */
function runtimeClaims(jwt: string): unknown {
  const payload = fromBase64(jwt.split('.')[1] ?? '', 'EAR claims', 'base64url')
  let value: unknown = parseJson(payload.toString('utf8'), 'EAR claims')
  for (const name of ['submods', 'cpu0', 'ear.veraison.annotated-evidence', 'runtime_data_claims']) {
    value = isObject(value as JsonValue) ? (value as JsonObject)[name] : undefined
  }
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown)
}
