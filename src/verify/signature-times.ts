import { VerificationError } from '../base/errors.ts'
import { sha256 } from '../base/streams.ts'
import { fromEitherBase64 } from '../encoding/base64.ts'
import { promisedTimes, witnessedTimes, type EntryTime, type TimeWitnesses } from '../log/entry-time.ts'
import type { TimestampAuthority } from '../log/timestamp/authority.ts'
import { verifyTimestamp } from '../log/timestamp/verify.ts'
import type { SignedDocument } from '../sign/documents.ts'
import type { TrustedLog } from '../sign/trusted-root.ts'
import { entrySigned, loggedOf } from './logged.ts'

/** Who may say when something was signed (TRUST §5.7). */
export interface TimeSources {
  /** RFC 3161. */
  authorities: readonly TimestampAuthority[]
  /** Logs whose signed entry timestamps count (Rekor v1). */
  logs: readonly TrustedLog[]
  /** Witnesses of the log that the policy pins whose cosignatures count as time; null for none. */
  witnesses: TimeWitnesses | null
}

/** Without a policy nobody's time counts. */
export const noTime: TimeSources = { authorities: [], logs: [], witnesses: null }

/** Whether anybody's time counts. */
export function pinsTime({ authorities, logs, witnesses }: TimeSources): boolean {
  return authorities.length > 0 || logs.length > 0 || witnesses !== null
}

/** When a key had signed, by a pinned authority, log or witness. */
export interface SignatureTime extends EntryTime {
  /** Whose signature it is: SPKI PEM of a key, or the id of an identity. */
  by: string
}

/**
 * The trusted times of one bundle with one signature: stamps by pinned authorities over its raw bytes, and times of log entries over it.
 *
 * @param signers of the signature, as in `signers` of a claim
 * @returns the earliest for each, since anybody may have a signature stamped or logged again later; `others` is the number of stamps that do not count
 */
export function timesOf(
  document: Pick<SignedDocument, 'envelope' | 'payload' | 'stamps' | 'logEntries' | 'bundle'>,
  signers: readonly string[],
  sources: TimeSources,
): { times: SignatureTime[]; others: number } {
  const { stamps, envelope } = document
  const [signature, ...more] = envelope.signatures
  if (signature === undefined || more.length > 0) return { times: [], others: stamps.length }
  const bytes = fromEitherBase64(signature.sig, 'envelope signature')
  const stamped = stamps.flatMap((stamp) => counted(stamp, bytes, sources.authorities))
  const times = signers.flatMap((by) =>
    [...stamped, ...loggedTimes(document, by, sources)].map((time) => ({ ...time, by })),
  )
  return { times: earliest(times), others: stamps.length - stamped.length }
}

/** The earliest time of each signer. */
export function earliest(times: readonly SignatureTime[]): SignatureTime[] {
  const found = new Map<string, SignatureTime>()
  for (const time of times) {
    const known = found.get(time.by)
    if (known === undefined || time.time < known.time) found.set(time.by, time)
  }
  return [...found.values()]
}

function loggedTimes(
  document: Pick<SignedDocument, 'envelope' | 'payload' | 'logEntries' | 'bundle'>,
  signer: string,
  { logs, witnesses }: TimeSources,
): EntryTime[] {
  if (logs.length === 0 && witnesses === null) return []
  return loggedOf(document, [signer]).flatMap((logged) => {
    const signed = entrySigned(logged, document.payload, signer)
    if (signed === null) return []
    return [
      ...promisedTimes(logged.entries, signed, logs),
      ...(witnesses === null ? [] : witnessedTimes(logged.entries, signed, witnesses)),
    ]
  })
}

function counted(stamp: Buffer, bytes: Buffer, authorities: readonly TimestampAuthority[]): EntryTime[] {
  if (authorities.length === 0) return []
  try {
    const { time, accuracyMs, authority, key } = verifyTimestamp(stamp, bytes, authorities)
    return [{ time, accuracyMs, authority, keys: [key], digest: sha256(stamp) }]
  } catch (error) {
    if (error instanceof VerificationError) return []
    throw error
  }
}
