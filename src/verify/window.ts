import type { Evidence } from './evidence.ts'
import type { Gate } from './candidate.ts'
import { isWithin, type Window } from '../base/window.ts'
import { isSurelyWithin, jobWindow } from './seal-time.ts'

/**
 * When the evidence was made: the token's `iat`, which its issuer signed; for a self-asserted job the binding's own time.
 * Neither is a trusted statement time (TRUST §5.7): stamps are, which `time.statement` and `time.seal` judge.
 */
export function evidenceTime(evidence: Evidence, claims: Gate['found']['claims']): Date {
  const iat = claims?.['iat']
  return typeof iat === 'number' ? new Date(iat * 1000) : new Date(evidence.open.binding.time)
}

/**
 * The time that windows of reference values, issuers and keys are compared with (TRUST §6): the seal's stamp by a pinned authority where it lies in the
 * job's own window, else what the evidence says of itself. A stamp outside of that window, which anybody can have made later, moves nothing.
 */
function statementTime(
  evidence: Evidence,
  { policy, found }: Pick<Gate, 'policy'> & { found: Pick<Gate['found'], 'claims' | 'sealTime'> },
): Date {
  const made = evidenceTime(evidence, found.claims)
  const stamp = found.sealTime ?? null
  if (stamp === null) return made
  return isSurelyWithin(jobWindow(made, policy.maxJobSeconds), stamp) ? stamp.time : made
}

/** Whether a pinned value counted when the evidence was made, by trusted time where there is one; without evidence, whether it counts now. */
export function inWindow(
  window: Window,
  gate: Pick<Gate, 'evidence' | 'at' | 'policy'> & { found: Pick<Gate['found'], 'claims' | 'sealTime'> },
): boolean {
  const time = gate.evidence === null ? gate.at : statementTime(gate.evidence, gate)
  return isWithin(window, time)
}
