import { InputError } from '../base/errors.ts'
import { isDigest } from '../oci/digest.ts'
import type { Digest } from '../oci/types.ts'
import { ifAuthorized } from './call.ts'
import type { KbsAdmin } from './client.ts'
import type { Plan } from './plan-schema.ts'

/**
 * Reference value under which the digest of the resource policy that we wrote last stands. A KBS shows no policy's text, but it answers a reference
 * value, so that the next job knows what an earlier one wrote. No attestation policy reads this name.
 */
export const markerId = 'sealwright/resource-policy'

/** Digest at the marker; null where none stands; `unreadable` where this credential may not read reference values. */
export type Marker = Digest | 'unreadable' | null

/** Reads the marker. @throws TransportError where the KBS does not answer */
export async function readMarker(kbs: Pick<KbsAdmin, 'referenceValue'>): Promise<Marker> {
  const value = await ifAuthorized(kbs.referenceValue(markerId), undefined)
  if (value === undefined) return 'unreadable'
  return isDigest(value) ? value : null
}

/**
 * Whether the one global policy of a KBS that is not embedded may be replaced. One that we wrote last and that stays as it is replaces
 * nothing: the same plan may be run again. A digest that nobody wrote, or that was replaced since, is not taken (TRUST §7).
 *
 * @param lastHere digest that this job wrote last; null for none
 * @param next digest of the policy that is to stand there
 * @throws InputError `input-missing`, `state-conflict`
 */
export function checkReplacement(plan: Plan, marker: Marker, lastHere: Digest | null, next: Digest): void {
  const last = marker === 'unreadable' || marker === null ? lastHere : marker
  if (next === last) return
  const named = plan['replace-global']
  if (named === undefined) {
    throw new InputError(
      'input-missing',
      'the KBS has one resource policy for everybody, and the plan does not say that it may be replaced',
      {
        subject: 'replace-global',
        remedy: `Put every rule of this KBS into the plan, and \`replace-global: ${last ?? 'first'}\`. Where somebody else owns the policy, write \`resource-policy: leave\`.`,
      },
    )
  }
  // Without the marker nobody knows what another job wrote: only that this one wrote nothing else.
  if (last === null && (marker === 'unreadable' || named === 'first')) return
  if (named === last) return
  throw new InputError(
    'state-conflict',
    last === null
      ? `replace-global names ${named}, but nothing was written to this KBS yet`
      : `replace-global names ${named}, but the policy that we wrote last is ${last}`,
    {
      subject: 'replace-global',
      remedy:
        last === null
          ? 'Write `replace-global: first` once; afterwards the digest that the last run printed.'
          : 'Look at what changed meanwhile, then name the digest that was written last.',
    },
  )
}
