import type { Evidence } from './evidence.ts'
import type { Gate } from './candidate.ts'
import { isWithin, type Window } from '../base/window.ts'

/**
 * When the evidence was made: the token's `iat`, which its issuer signed; for a self-asserted job the binding's own time.
 * Neither is a trusted statement time (TRUST §5.7); where one is missing, `time.statement` says so.
 */
export function evidenceTime(evidence: Evidence, claims: Gate['found']['claims']): Date {
  const iat = claims?.['iat']
  return typeof iat === 'number' ? new Date(iat * 1000) : new Date(evidence.open.binding.time)
}

/** Whether a pinned value counted when the evidence was made; without evidence, whether it counts now. */
export function inWindow(
  window: Window,
  gate: Pick<Gate, 'evidence' | 'at'> & { found: Pick<Gate['found'], 'claims'> },
): boolean {
  const time = gate.evidence === null ? gate.at : evidenceTime(gate.evidence, gate.found.claims)
  return isWithin(window, time)
}
