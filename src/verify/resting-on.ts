import { sha256 } from '../base/streams.ts'
import type { Digest } from '../oci/types.ts'
import type { Collateral } from '../tee/verify/verifier.ts'
import type { Gate } from './candidate.ts'

/** What a verdict rests on beside policy, evidence and statements: fetched keys, collateral, where the image key came from (TRUST §4). */
export function restingOn({ context, found }: Pick<Gate, 'context' | 'found'>): { kind: string; digest: Digest }[] {
  const collateral = collateralDigest(context.collateral)
  return [...(found.inputs ?? []), ...(collateral === null ? [] : [{ kind: 'collateral', digest: collateral }])]
}

/** Over every certificate and list, each by its own digest, in the order in which they were read; null for none. */
function collateralDigest(collateral: Collateral): Digest | null {
  const texts = JSON.stringify(collateral, (_name, value: unknown) => {
    const stored = value as { type?: unknown; data?: unknown } | null
    return stored?.type === 'Buffer' && Array.isArray(stored.data) ? sha256(Uint8Array.from(stored.data)) : value
  })
  const empty = Object.values(collateral).every((list: readonly unknown[]) => list.length === 0)
  return empty ? null : sha256(texts)
}
