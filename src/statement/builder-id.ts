import { builderIdPrefix } from './types.ts'

/** Where nobody but the agent can reach the TEE, and where any root process can (TRUST §1). */
export type BuilderLevel = 'agent-exclusive' | 'machine-only'

/**
 * Builder id for a technology (TRUST §4). An agent claims one of these, the gate computes its own from what it verified and compares.
 *
 * @param technology Trustee's `tee` name, or null without an agent
 * @param level only hardware technologies have one
 * @param softwareTpm false only where a chain of the TPM's maker was verified: an agent can't know that, and claims the less
 */
export function builderId(technology: string | null, level: BuilderLevel = 'machine-only', softwareTpm = true): string {
  return `${builderIdPrefix}${name(technology, level, softwareTpm)}`
}

function name(technology: string | null, level: BuilderLevel, softwareTpm: boolean): string {
  switch (technology) {
    case null:
      return 'plain'
    case 'sample':
      return 'sample'
    case 'tpm':
      return softwareTpm ? 'tpm-software' : 'tpm'
    default:
      return `${technology.replace(/^az-/, '')}/${level}`
  }
}
