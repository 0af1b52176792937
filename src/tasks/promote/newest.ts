import type { Digest } from '../../oci/types.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import type { Policy } from '../../verify/policy/load.ts'
import type { Verdict } from '../../verify/types.ts'
import { pinsTime } from '../../verify/signature-times.ts'
import type { MadeAt, TimeTrust } from '../graph/describe.ts'

/** Something attached with the time that decides whether it is among the newest. */
export interface Aged {
  readonly digest: Digest
  readonly made: MadeAt
  /** SHA-256 of the payload of a statement. */
  readonly payload: Digest | null
}

/** What a policy and its verdict at the source tell of times. */
export interface NewestTrust {
  /** Null where the policy pins no source of time. */
  readonly times: TimeTrust | null
  /** Payloads of statements that the verdict rests on. */
  readonly counted: ReadonlySet<Digest>
}

/** @throws VerificationError for a key of the policy that cannot be read */
export function newestTrust(policy: Policy, { inputs }: Pick<Verdict, 'inputs'>): NewestTrust {
  const { time, status, claims, releaseKeys } = policy
  const keys = [
    ...releaseKeys.map(({ pem }) => loadPublicKey(`${pem.trim()}\n`)),
    ...(status?.publicKeys ?? []),
    ...claims.flatMap(({ publicKeys }) => publicKeys),
  ]
  return {
    times: pinsTime(time) ? { sources: time, keys } : null,
    counted: new Set(inputs.map(({ digest }) => digest)),
  }
}

/**
 * What of one kind is older than the newest ones. What the verdict at the source rests on comes before all else, and copies of one payload count as one:
 * whoever may push could state a later time, or attach a copy under a broken signature, and so leave behind what the image needs (TRUST §5.2). A time
 * that is proven or signed comes before one of an annotation.
 *
 * @param count how many are new
 */
export function olderOnes(group: readonly Aged[], count: number, counted: ReadonlySet<Digest> = new Set()): Aged[] {
  const rank = ({ made, payload }: Aged): number =>
    payload !== null && counted.has(payload) ? 0 : made.by === 'annotation' ? 2 : 1
  const sorted = group.toSorted(
    (a, b) => rank(a) - rank(b) || b.made.time.getTime() - a.made.time.getTime() || (a.digest < b.digest ? -1 : 1),
  )
  const newest = [...new Set(sorted.map(({ payload, digest }) => payload ?? digest))].slice(0, count)
  return sorted.filter(({ payload, digest }) => !newest.includes(payload ?? digest))
}

/** `2026-01-31T00:00:00.000Z (proven)`. */
export function madeInWords({ time, by }: MadeAt): string {
  const whose = {
    proven: 'proven',
    signed: 'as its signer states',
    annotation: 'by an annotation, which nobody signed',
  }
  return `${time.toISOString()} (${whose[by]})`
}
