import { VerificationError, type ReasonCode } from '../base/errors.ts'
import type { Acceptance } from './policy/accept.ts'
import type { Found, Gate } from './candidate.ts'

/** What one step found. */
export interface Outcome {
  status: 'passed' | 'failed' | 'accepted' | 'skipped'
  reason: ReasonCode | null
  why: string
  subject: string | null
  /** The line that accepted this, or that would. */
  acceptance?: Acceptance
  /** Lines that were needed for other evidence than that of the image: of whoever promoted it. */
  used?: readonly Acceptance[]
}

/** What must have been read before a step can run; without it the step is skipped, since an earlier one already failed or accepted that. */
export type Need = 'image' | 'key' | 'evidence' | 'journal' | 'tee'

/** What steps about a machine read: the verdicts on its reports and the policy. There may be no job. */
export interface MachineGate extends Pick<Gate, 'ports' | 'policy' | 'at' | 'context' | 'evidence'> {
  found: Pick<Found, 'tee' | 'reference' | 'claims' | 'level' | 'sealTime'>
}

interface Common {
  /** Stable id: `evidence.binding`. */
  id: string
  clause: string
}

/** Judges a machine by its verdicts alone, so every door that has one runs it: `tee verify`, setup, `runner attest`, the gate. */
export interface MachineStep extends Common {
  scope: 'machine'
  needs: readonly 'tee'[]
  /** A thrown VerificationError is a failure with its code. */
  run(gate: MachineGate): Outcome | Promise<Outcome>
}

/** Judges an image and the job that made it. The scope where a step names none. */
export interface JobStep extends Common {
  scope?: 'job'
  needs: readonly Need[]
  run(gate: Gate): Outcome | Promise<Outcome>
  /** The part of the step that a verdict alone can answer. */
  machine?(gate: MachineGate): Outcome | Promise<Outcome>
}

export type Step = MachineStep | JobStep

/** Runs a step, or the part of one. A thrown VerificationError is its failure. */
export async function guarded(run: () => Outcome | Promise<Outcome>): Promise<Outcome> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    const remedy = error.remedy === undefined ? '' : `. ${error.remedy}`
    return failed(error.code, `${error.message}${remedy}`, error.subject ?? null)
  }
}

export function passed(why: string, subject: string | null = null): Outcome {
  return { status: 'passed', reason: null, why, subject }
}

export function failed(reason: ReasonCode, why: string, subject: string | null = null): Outcome {
  return { status: 'failed', reason, why, subject }
}

export function skipped(why: string): Outcome {
  return { status: 'skipped', reason: null, why, subject: null }
}

/** Accepted where the policy has the line, else failed: the only way that a relaxation takes effect, so a verdict names each one used. */
export function unlessAccepted(
  gate: Pick<MachineGate, 'policy' | 'found'>,
  acceptance: Acceptance,
  reason: ReasonCode,
  why: string,
  subject: string | null = null,
): Outcome {
  if (!gate.policy.accepts.has(acceptance))
    return { ...failed(reason, `${why} (the policy has no ${acceptance})`, subject), acceptance }
  const { policy, found } = gate
  const where = [policy.technology, policy.platform, found.reference].filter((item) => item !== null).join(', ')
  const bound = where === '' ? '' : ` [${where}]`
  return {
    status: 'accepted',
    reason,
    why: `${why} (accepted by the policy’s ${acceptance}${bound})`,
    subject,
    acceptance,
  }
}
