import type { ReasonCode } from '../../base/errors.ts'
import type { Technology } from '../../base/technology.ts'
import { jcs } from '../../encoding/jcs.ts'
import { bindingDigest, bindingHash } from '../../journal/binding.ts'
import type { TeeCheck, TeeVerdict } from '../../tee/types.ts'
import { leavingExceptions } from '../context.ts'
import type { Gate } from '../candidate.ts'
import type { Evidence, Report } from '../evidence.ts'
import { matchReference } from '../reference-match.ts'
import { failed, passed, skipped, unlessAccepted, type MachineGate, type Outcome, type Step } from '../step.ts'

/** TRUST §5.3: both reports by the policy of their technology; both bindings hash to their report data. */
export const reportSteps: Step[] = [
  {
    id: 'evidence.technology',
    clause: 'TRUST §5.3',
    needs: ['evidence'],
    run: (gate) => technology(gate, evidenceOf(gate)),
    machine: machineTechnology,
  },
  {
    id: 'evidence.reports',
    clause: 'TRUST §5.3',
    needs: ['evidence'],
    run: (gate) => verifyReports(gate, evidenceOf(gate)),
    machine: ({ found }) => reportVerdict(found.tee ?? [], null),
  },
  { id: 'evidence.job', clause: 'TRUST §5.3', needs: ['evidence'], run: (gate) => oneJob(evidenceOf(gate)) },
  { id: 'evidence.binding', clause: 'TRUST §5.3', needs: ['evidence'], run: (gate) => chained(evidenceOf(gate)) },
  { id: 'evidence.nonce', clause: 'TRUST §2', needs: ['evidence'], run: (gate) => fresh(gate, evidenceOf(gate)) },
]

function evidenceOf(gate: Gate): Evidence {
  if (gate.evidence === null) throw new Error('the step needs evidence')
  return gate.evidence
}

function technology(gate: Gate, evidence: Evidence): Outcome {
  const found = evidence.index.technology
  const mixed = [evidence.open, ...evidence.seals].find((report) => report.evidence.technology !== found)
  if (mixed !== undefined) {
    return failed(
      'technology-refused',
      `the bundle says ${found}, but one of its reports is ${mixed.evidence.technology}`,
      evidence.manifest,
    )
  }
  return technologyOf(gate, found, evidence.manifest)
}

function machineTechnology(gate: MachineGate): Outcome {
  const [verdict] = gate.found.tee ?? []
  return verdict === undefined ? skipped('there is no report') : technologyOf(gate, verdict.technology, null)
}

function technologyOf(gate: MachineGate, found: Technology, subject: string | null): Outcome {
  const { policy } = gate
  if (found === 'sample') {
    return unlessAccepted(
      gate,
      'accept-sample',
      'technology-refused',
      'the evidence is sample evidence, which proves nothing',
      subject,
    )
  }
  if (policy.technology !== null && found === policy.technology)
    return passed(`${found} is what the policy is about`, subject)
  return failed(
    'technology-refused',
    `the evidence is ${found}; the policy is about ${policy.technology ?? 'no technology'}`,
    subject,
  )
}

async function verifyReports(gate: Gate, evidence: Evidence): Promise<Outcome> {
  const { verifiers } = await import('../../tee/verify/index.ts')
  const verifier = verifiers[evidence.index.technology]
  const context = leavingExceptions(gate.context)
  const verdicts = [evidence.open, ...evidence.seals].map(({ evidence: tee, binding }) =>
    verifier.verify(tee, bindingHash(binding), context),
  )
  gate.found.tee = verdicts
  gate.found.reference = matchReference(gate)?.name ?? null
  return reportVerdict(verdicts, evidence.manifest)
}

/** Whether every report verifies; the first failed check of the first one that does not gives the reason. */
function reportVerdict(verdicts: readonly TeeVerdict[], manifest: string | null): Outcome {
  const refused = verdicts.findIndex((verdict) => verdict.status !== 'verified')
  if (refused >= 0) {
    // Azure's sum of the processor's checks says less than the one that failed.
    const check = verdicts[refused]?.checks.find(({ ok, name }) => !ok && name !== 'hardware')
    return failed(
      reasonOf(check?.name ?? ''),
      `the ${manifest === null ? 'report' : refused === 0 ? 'open report' : 'seal'} does not verify: ${check?.name ?? ''}: ${check?.why ?? 'refused'}${hint(verdicts[refused]?.checks ?? [])}`,
      manifest,
    )
  }
  return passed(
    manifest === null ? 'the report verifies' : `${verdicts.length} reports verify, each over its own binding`,
    manifest,
  )
}

/** The checks of all technologies that compare what was bound, and the one of the runtime register. */
function reasonOf(check: string): ReasonCode {
  if (['report-data', 'qualifying-data', 'user-data'].includes(check)) return 'binding-mismatch'
  return check === 'register' ? 'register-mismatch' : 'evidence-invalid'
}

const hints: readonly (readonly [check: RegExp, words: string])[] = [
  [/(^|: )(collateral|key-certificate|crl)$/, 'give collateral of this machine (sealwright tee collateral fetch)'],
  [
    /(crl|tcb-info|qe-identity)-window$/,
    'the collateral is not current: fetch it anew (sealwright tee collateral fetch)',
  ],
  [/(^|: )report-version$/, 'a policy accepts it by accept-new-report-version'],
  [/(^|: )vmpl$/, 'a policy accepts another VMPL by tee.snp.vmpl and accept-vmpl'],
  [/(^|: )tcb-status$/, 'a policy accepts a status by tee.tdx.statuses and accept-tcb-status'],
]

/** What the reader can do about the first failed check that has an answer. */
function hint(checks: readonly TeeCheck[]): string {
  const failed = checks.filter(({ ok }) => !ok).map(({ name }) => name)
  const found = hints.find(([check]) => failed.some((name) => check.test(name)))
  return found === undefined ? '' : `; ${found[1]}`
}

function oneJob(evidence: Evidence): Outcome {
  const { open, seals, manifest } = evidence
  for (const { binding } of seals) {
    if (binding.job.instance !== open.binding.job.instance) {
      return failed(
        'instance-mismatch',
        `the seal is of instance ${binding.job.instance}, the open report of ${open.binding.job.instance}`,
        manifest,
      )
    }
    if (!same(binding.job, open.binding.job))
      return failed('binding-mismatch', 'the seal is of another job than the open report', manifest)
    if (!same(binding['tee-pubkey'], open.binding['tee-pubkey']))
      return failed('binding-mismatch', 'the seal names another decryption key', manifest)
    if (!same(binding.agent, open.binding.agent))
      return failed('binding-mismatch', 'the seal is of another agent', manifest)
  }
  return passed(`open report and seal(s) are of one job, instance ${open.binding.job.instance}`, manifest)
}

function chained({ open, seals, manifest }: Evidence): Outcome {
  if (open.binding.role !== 'open' || open.binding.previous !== null) {
    return failed('binding-mismatch', 'the first binding is not that of an open report', manifest)
  }
  let before: Report = open
  for (const seal of seals) {
    if (seal.binding.role !== 'seal')
      return failed('binding-mismatch', 'a binding in the place of a seal is none', manifest)
    if (seal.binding.previous !== bindingDigest(before.binding)) {
      return failed('binding-mismatch', 'the seal does not name the binding before it', manifest)
    }
    if (seal.binding.journal.count < before.binding.journal.count)
      return failed('journal-broken', 'a later seal covers fewer events', manifest)
    before = seal
  }
  return passed(`each of ${seals.length} seal(s) names the binding before it`, manifest)
}

function fresh(gate: Gate, { open, index, manifest }: Evidence): Outcome {
  const { nonce } = open.binding
  if (gate.nonce !== null && (nonce.source !== 'verifier' || nonce.value !== gate.nonce)) {
    return failed('replayed', 'the report is not over the nonce that was issued', manifest)
  }
  if (index.technology === 'sample') return skipped('sample evidence has no boot and no hardware')
  if (nonce.source === 'none') return failed('replayed', 'the report is over no nonce', manifest)
  return passed(`nonce from ${nonce.source}`, manifest)
}

function same(a: object, b: object): boolean {
  return jcs(a).equals(jcs(b))
}
