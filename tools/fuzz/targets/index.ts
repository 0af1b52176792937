import type { Target } from '../target.ts'
import { evidenceTargets } from './evidence.ts'
import { logTargets } from './logs.ts'
import { snpTargets } from './snp.ts'
import { tdxTargets } from './tdx.ts'
import { tpmTargets } from './tpm.ts'
import { x509Targets } from './x509.ts'

/** All that `fuzz tee` changes, in an order that is always the same. */
export function teeTargets(): Target[] {
  const targets = [
    ...snpTargets(),
    ...tdxTargets(),
    ...x509Targets(),
    ...tpmTargets(),
    ...logTargets(),
    ...evidenceTargets(),
  ]
  const twice = targets.find(({ name }, at) => targets.findIndex((other) => other.name === name) !== at)
  if (twice !== undefined) throw new Error(`two targets are called ${twice.name}`)
  return targets
}
