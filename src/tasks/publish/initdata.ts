import { agentPolicyProblems } from '../../deploy/agent-policy/problems.ts'
import { initdataClaim } from '../../initdata/claim.ts'
import { initdataLimits, readInitdata } from '../../initdata/document.ts'
import { keptInitdata } from '../../initdata/make.ts'
import type { Plan } from '../../kbs/plan-schema.ts'
import { planFile, type FileContext } from './plan-files.ts'

/** A plan with its initdata, and what a pod takes from it. */
export interface WithInitdata {
  plan: Plan
  /** Value of the pod annotation for the first document; empty without one. */
  annotation: string
  notes: string[]
}

const noPolicy =
  'There is no policy.rego: the one of the guest image applies, which allows everything in the usual builds.'

/**
 * The plan with the digests of its initdata documents in the rules of its workloads: guests that were started with another document get nothing. A rule
 * with values of its own keeps them; a pipeline secret goes to a runner, which has none.
 *
 * @throws InputError `file-missing`; VerificationError `format-invalid`
 */
export async function withInitdata(plan: Plan, context: Pick<FileContext, 'caller'>): Promise<WithInitdata> {
  const digests: Buffer[] = []
  const notes: string[] = []
  let annotation = ''
  for (const path of plan.initdata) {
    const bytes = await planFile(context, path, initdataLimits.document)
    const made = keptInitdata(bytes)
    annotation ||= made.annotation
    digests.push(Buffer.from(made.digest, 'hex'))
    const policy = readInitdata(bytes, path).files.get('policy.rego')
    const problems = policy === undefined ? [noPolicy] : agentPolicyProblems(policy, null).map(({ what }) => what)
    notes.push(
      `${path}: initdata with ${made.algorithm} ${made.digest}.`,
      ...problems.map((what) => `${path}, agent policy: ${what}`),
    )
  }
  if (digests.length === 0) return { plan, annotation, notes }
  const resources = plan.resources.map((one) => ({
    ...one,
    admit: one.admit.map((admission) =>
      one.kind === 'pipeline' || admission.initdata.length > 0
        ? admission
        : { ...admission, initdata: digests.map((digest) => initdataClaim(digest, admission.technology)) },
    ),
  }))
  return { plan: { ...plan, resources }, annotation, notes }
}
