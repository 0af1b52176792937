/** `unsafe`: somebody gets more than they should. `warning`: it works less well than it could, or tells more than it must. */
export type Standing = 'ok' | 'unsafe' | 'warning' | 'not-probed'

/** Names of the probes, in the order in which they are shown. Stable: scripts read them. */
export const probeNames = [
  'transport',
  'protocol',
  'open-admin',
  'header-jwk',
  'resource-policy',
  'sample-evidence',
  'metrics',
  'admin-acl',
  'claim-numbers',
] as const
export type ProbeName = (typeof probeNames)[number]

/** What one probe found. */
export interface Finding {
  readonly probe: ProbeName
  readonly standing: Standing
  /** What was asked and answered, or why nothing was asked. */
  readonly found: string
  /** What to do; null where nothing is to be done. */
  readonly remedy: string | null
}

/** A finding that needs no remedy. */
export function fine(probe: ProbeName, found: string): Finding {
  return { probe, standing: 'ok', found, remedy: null }
}

/** A probe that could not be made. */
export function notProbed(probe: ProbeName, found: string, remedy: string | null = null): Finding {
  return { probe, standing: 'not-probed', found, remedy }
}
