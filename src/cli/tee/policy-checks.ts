import type { TeeVerdict } from '../../tee/types.ts'
import type { VerifyContext } from '../../tee/verify/verifier.ts'
import { VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { eventLogSteps } from '../../verify/checks/event-log.ts'
import { exceptionSteps } from '../../verify/checks/exceptions.ts'
import { machineSteps } from '../../verify/checks/machine.ts'
import type { Gate } from '../../verify/candidate.ts'
import type { Policy } from '../../verify/policy/load.ts'
import { failed, passed, unlessAccepted, type Outcome, type Step } from '../../verify/step.ts'

/** One check of a policy on a verdict, as the gate would name it. */
export interface PolicyCheck {
  id: string
  clause: string
  status: Outcome['status']
  reason: Outcome['reason']
  why: string
}

/** What the gate reads of a candidate when there is nothing but one report. */
type MachineGate = Pick<Gate, 'policy' | 'at' | 'context' | 'evidence' | 'found' | 'ports'>

/** Checks that need a job's whole evidence: a second report, or a journal. */
const ofJobs: readonly string[] = ['machine.same', 'machine.jobs']

/**
 * The gate's own steps about a machine, on one verdict: technology, exceptions, reference values, coverage, events. What it takes a job's evidence
 * for is left to `verify-deploy`.
 */
export async function policyChecks(
  policy: Policy,
  verdict: TeeVerdict,
  context: VerifyContext,
  ports: Ports,
): Promise<PolicyCheck[]> {
  const gate: MachineGate = {
    ports,
    policy,
    at: context.at,
    context,
    evidence: null,
    found: {
      journal: null,
      sealed: 0,
      tee: [verdict],
      reference: null,
      claims: null,
      level: null,
      builderId: null,
      plainDigest: null,
    },
  }
  const steps: Step[] = [
    { id: 'evidence.technology', clause: 'TRUST §5.3', needs: [], run: (one) => technology(one, verdict) },
    ...exceptionSteps,
    ...machineSteps.filter(({ id }) => !ofJobs.includes(id)),
    ...eventLogSteps,
  ]
  const checks: PolicyCheck[] = []
  for (const step of steps) {
    const { status, reason, why } = await run(step, gate as Gate)
    checks.push({ id: step.id, clause: step.clause, status, reason, why })
  }
  return checks
}

async function run(step: Step, gate: Gate): Promise<Outcome> {
  try {
    return await step.run(gate)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return failed(error.code, error.message)
  }
}

function technology(gate: Gate, { technology: found }: TeeVerdict): Outcome {
  const { policy } = gate
  if (found === 'sample') {
    return unlessAccepted(gate, 'accept-sample', 'technology-refused', 'sample evidence proves nothing')
  }
  if (found === policy.technology) return passed(`${found} is what the policy is about`)
  const about = policy.technology ?? 'no technology'
  return failed('technology-refused', `the evidence is ${found}; the policy is about ${about}`)
}
