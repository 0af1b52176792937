import { VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { sha256 } from '../base/streams.ts'
import { jcs } from '../encoding/jcs.ts'
import { bindingDigest, bindingHash, bindingSchema, bindingType, type Binding } from '../journal/binding.ts'
import { evidenceMediaTypes, type EvidenceBundle, type EvidenceDocument } from '../journal/evidence-bundle.ts'
import { checkReportData } from '../tee/collect/index.ts'
import type { Collector, TeeEvidence } from '../tee/types.ts'
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
  #sealed: EvidenceBundle | null = null

  constructor(facts: BindingFacts, collector: Collector, ports: Ports) {
    this.#facts = facts
    this.#collector = collector
    this.#ports = ports
  }

  /** The first report, right after event 0. */
  async open(journal: Journal): Promise<void> {
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
    return this.#collector.collect(reportData, this.#ports)
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
    const evidence = await this.evidence(bindingHash(binding))
    this.#reports.push({ binding, bytes: jcs(binding), evidence: jcs(evidence) })
  }

  #bundle(journal: Journal): EvidenceBundle {
    const documents: EvidenceDocument[] = []
    const add = (mediaType: string, bytes: Buffer): Digest => {
      const digest = sha256(bytes) as Digest
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
