import { jcs } from '../../encoding/jcs.ts'
import { bindingDigest, bindingHash } from '../../journal/binding.ts'
import type { Gate } from '../gate.ts'
import type { Evidence, Report } from '../evidence.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type Step } from '../step.ts'

/** TRUST §5.3: both reports by the policy of their technology; both bindings hash to their report data. */
export const reportSteps: Step[] = [
  {
    id: 'evidence.technology',
    clause: 'TRUST §5.3',
    needs: ['evidence'],
    run: (gate) => technology(gate, evidenceOf(gate)),
  },
  {
    id: 'evidence.reports',
    clause: 'TRUST §5.3',
    needs: ['evidence'],
    run: (gate) => verifyReports(gate, evidenceOf(gate)),
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
  const { policy } = gate
  const found = evidence.index.technology
  const mixed = [evidence.open, ...evidence.seals].find((report) => report.evidence.technology !== found)
  if (mixed !== undefined) {
    return failed(
      'technology-refused',
      `the bundle says ${found}, but one of its reports is ${mixed.evidence.technology}`,
      evidence.manifest,
    )
  }
  if (found === 'sample') {
    return unlessAccepted(
      gate,
      'accept-sample',
      'technology-refused',
      'the evidence is sample evidence, which proves nothing',
      evidence.manifest,
    )
  }
  if (policy.technology !== null && found === policy.technology)
    return passed(`${found} is what the policy is about`, evidence.manifest)
  return failed(
    'technology-refused',
    `the evidence is ${found}; the policy is about ${policy.technology ?? 'no technology'}`,
    evidence.manifest,
  )
}

async function verifyReports(gate: Gate, evidence: Evidence): Promise<Outcome> {
  const [{ verifiers }, { noCollateral }] = await Promise.all([
    import('../../tee/verify/index.ts'),
    import('../../tee/verify/verifier.ts'),
  ])
  const verifier = verifiers[evidence.index.technology]
  if (verifier === undefined) {
    return failed(
      'technology-refused',
      `this version cannot verify ${evidence.index.technology} evidence`,
      evidence.manifest,
    )
  }
  const verdicts = [evidence.open, ...evidence.seals].map(({ evidence: tee, binding }) =>
    verifier.verify(tee, bindingHash(binding), { at: gate.at, collateral: noCollateral, rules: {} }),
  )
  gate.found.tee = verdicts
  const refused = verdicts.findIndex((verdict) => verdict.status !== 'verified')
  if (refused >= 0) {
    const check = verdicts[refused]?.checks.find((item) => !item.ok)
    const bound = check?.name.includes('report-data') || check?.name.includes('report_data')
    return failed(
      bound ? 'binding-mismatch' : 'evidence-invalid',
      `the ${refused === 0 ? 'open report' : 'seal'} does not verify: ${check?.why ?? 'refused'}`,
      evidence.manifest,
    )
  }
  return passed(`${verdicts.length} reports verify, each over its own binding`, evidence.manifest)
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
  const { boot, nonce } = open.binding
  if (gate.nonce !== null && (nonce.source !== 'verifier' || nonce.value !== gate.nonce)) {
    return failed('replayed', 'the report is not over the nonce that was issued', manifest)
  }
  if (index.technology === 'sample') return skipped('sample evidence has no boot and no hardware')
  if (nonce.source === 'none') return failed('replayed', 'the report is over no nonce', manifest)
  if (boot.jobs !== 1)
    return failed(
      'replayed',
      `it was job number ${boot.jobs} of this boot: hardware levels need one job a boot`,
      manifest,
    )
  return passed(`nonce from ${nonce.source}, first job of its boot`, manifest)
}

function same(a: object, b: object): boolean {
  return jcs(a).equals(jcs(b))
}
