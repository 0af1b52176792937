import { VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import type { TeeVerdict } from '../tee/types.ts'
import type { VerifyContext } from '../tee/verify/verifier.ts'
import type { Policy } from './policy/load.ts'
import { matchReference } from './reference-match.ts'
import { steps } from './run-steps.ts'
import { guarded, skipped, type MachineGate, type Outcome, type Step } from './step.ts'
import type { Check } from './types.ts'

const needsJob = 'needs the evidence of a job: verify-deploy checks it'

/**
 * Runs the gate's table of steps on one machine: every step of scope `machine`, the part of others that a verdict alone can answer, and a
 * skipped check for each that needs a job, an image or a journal.
 *
 * @param context with exceptions left to the steps (`leavingExceptions`)
 */
export async function machineChecks(
  policy: Policy,
  verdict: TeeVerdict,
  context: VerifyContext,
  ports: Ports,
): Promise<Check[]> {
  const gate: MachineGate = {
    ports,
    policy,
    at: context.at,
    context,
    evidence: null,
    found: { tee: [verdict], reference: null, claims: null, level: null },
  }
  gate.found.reference = matchReference(gate)?.name ?? null
  const checks: Check[] = []
  for (const step of steps) {
    const { status, reason, why, subject } = await outcomeOf(step, gate)
    checks.push({ id: step.id, clause: step.clause, status, reason, why, subject })
  }
  return checks
}

async function outcomeOf(step: Step, gate: MachineGate): Promise<Outcome> {
  if (step.scope === 'machine') return guarded(() => step.run(gate))
  const { machine } = step
  return machine === undefined ? skipped(needsJob) : guarded(() => machine(gate))
}

/** Ids of the checks that one machine could not answer. */
export function unanswered(checks: readonly Check[]): string[] {
  return checks.filter(({ status, why }) => status === 'skipped' && why === needsJob).map(({ id }) => id)
}

/**
 * @param subject what was judged, for the error
 * @throws VerificationError with the reason of the first failed check, naming all of them
 */
export function demandMachine(checks: readonly Check[], subject: string): void {
  const failed = checks.filter(({ status }) => status === 'failed')
  const [first] = failed
  if (first === undefined) return
  throw new VerificationError(
    first.reason ?? 'evidence-invalid',
    `the policy refuses this machine: ${failed.map(({ id, why }) => `${id}: ${why}`).join('; ')}`,
    { subject, remedy: 'Change the machine, or the lines of the policy that these checks name.' },
  )
}
