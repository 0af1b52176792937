import type { ReasonCode } from '../base/errors.ts'
import type { Acceptance } from './policy/accept.ts'
import { acceptances } from './policy/accept.ts'
import type { Gate } from './candidate.ts'

/** What one step found. */
export interface Outcome {
  status: 'passed' | 'failed' | 'accepted' | 'skipped'
  reason: ReasonCode | null
  why: string
  subject: string | null
  /** The line that accepted this, or that would. */
  acceptance?: Acceptance
}

/** What must have been read before a step can run; without it the step is skipped, since an earlier one already failed or accepted that. */
export type Need = 'image' | 'key' | 'evidence' | 'journal' | 'tee'

export interface Step {
  /** Stable id: `evidence.binding`. */
  id: string
  clause: string
  needs: readonly Need[]
  /** A thrown VerificationError is a failure with its code. */
  run(gate: Gate): Outcome | Promise<Outcome>
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
  gate: Gate,
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
    why: `${why}; ${acceptance}${bound}: ${acceptances[acceptance]}`,
    subject,
    acceptance,
  }
}
