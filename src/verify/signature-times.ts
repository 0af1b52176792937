import { VerificationError } from '../base/errors.ts'
import { sha256 } from '../base/streams.ts'
import { fromEitherBase64 } from '../encoding/base64.ts'
import type { StampedTime, TimestampAuthority } from '../log/timestamp/authority.ts'
import { verifyTimestamp } from '../log/timestamp/verify.ts'
import type { SignedDocument } from '../sign/documents.ts'
import type { Digest } from '../oci/types.ts'

/** When a key had signed, by a pinned time stamp authority. */
export interface SignatureTime extends StampedTime {
  /** SPKI PEM of the key whose signature is stamped. */
  by: string
  /** Of the time stamp as it is stored. */
  digest: Digest
}

/**
 * The stamps of one bundle that count: by a pinned authority, over the raw signature of an envelope with one signature.
 *
 * @param signers SPKI PEM of the keys that made the signature
 * @returns the earliest for each key, since anybody may have a signature stamped again later; `others` is the number of stamps that do not count
 */
export function timesOf(
  { envelope, stamps }: Pick<SignedDocument, 'envelope' | 'stamps'>,
  signers: readonly string[],
  authorities: readonly TimestampAuthority[],
): { times: SignatureTime[]; others: number } {
  const [signature, ...more] = envelope.signatures
  if (stamps.length === 0 || signature === undefined || more.length > 0) return { times: [], others: stamps.length }
  const bytes = fromEitherBase64(signature.sig, 'envelope signature')
  const good = stamps.flatMap((stamp) => {
    const time = counted(stamp, bytes, authorities)
    return time === null ? [] : signers.map((by) => ({ ...time, by, digest: sha256(stamp) }))
  })
  return { times: earliest(good), others: stamps.length - good.length / Math.max(1, signers.length) }
}

/** The earliest time of each key. */
export function earliest(times: readonly SignatureTime[]): SignatureTime[] {
  const found = new Map<string, SignatureTime>()
  for (const time of times) {
    const known = found.get(time.by)
    if (known === undefined || time.time < known.time) found.set(time.by, time)
  }
  return [...found.values()]
}

function counted(stamp: Buffer, bytes: Buffer, authorities: readonly TimestampAuthority[]): StampedTime | null {
  if (authorities.length === 0) return null
  try {
    return verifyTimestamp(stamp, bytes, authorities)
  } catch (error) {
    if (error instanceof VerificationError) return null
    throw error
  }
}
