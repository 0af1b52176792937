import { VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { ResolvedBase } from '../../build/driver.ts'
import type { Digest } from '../../oci/types.ts'
import { readPredicate, type PredicateOf } from '../../statement/schemas/predicate.ts'
import { admission } from '../../verify/admitted.ts'
import { readAttached } from '../../verify/attached.ts'
import { contextFor } from '../../verify/context.ts'
import { Notes } from '../../verify/notes.ts'
import { seconds } from '../../verify/policy/duration.ts'
import type { Policy } from '../../verify/policy/load.ts'
import { receiverPolicy } from '../../verify/policy/receiver.ts'
import { recordsByJobs, type JobRecords } from '../../verify/receiver-jobs.ts'
import type { Claim } from '../../verify/statements.ts'

/** A promotion record and the digest of its payload. */
interface Golden {
  predicate: PredicateOf<'promotion'>
  payload: Digest
}

/** Promotion records of a base by the attested jobs of a bases policy. */
interface GoldenByJobs {
  /** Those for the place in which the base is named. */
  counted: Golden[]
  /** Those for another place, not judged any further. */
  others: Golden[]
  /** Why the newest for this place does not count; null where there is none. */
  refused: JobRecords['refused']
}

/**
 * Judges the promotion records of a base that agents signed as the gate judges them, by the machines that the bases policy admits.
 *
 * @param policy of the jobs
 * @param maxAge of a record and its evidence; null for the default of policies
 * @throws TransportError when the store or an issuer does not answer
 */
export async function goldenByJobs(
  policy: Policy,
  { text, name, digest, store }: ResolvedBase,
  maxAge: string | null,
  at: Date,
  ports: Ports,
): Promise<GoldenByJobs> {
  const maxAgeSeconds = maxAge === null ? null : seconds(maxAge)
  const receivers = { certificates: null, admit: admission(receiverPolicy(policy, policy.jobs, maxAgeSeconds), ports) }
  const nobody = (): Promise<null> => Promise.resolve(null)
  const lacks = (): Promise<boolean> => Promise.resolve(false)
  const { keys, claims } = await readAttached(
    store,
    [digest],
    [],
    null,
    nobody,
    new Notes(),
    lacks,
    policy.time,
    null,
    receivers,
  )
  const records = claims.filter(({ kind, subject }) => kind === 'promotion' && subject !== null)
  const isHere = (claim: Claim): boolean => goldenOf(claim)?.predicate.to.name === name
  const context = await contextFor(policy, at)
  const descriptor = { mediaType: '', size: 0, digest }
  const subject = {
    store,
    reference: text,
    descriptor,
    image: null,
    error: null,
    via: [],
    siblings: [digest],
    wanted: null,
  }
  const gate = { ports, policy, at, context, subject, claims, jobKeys: keys }
  const { counted, refused } = await recordsByJobs(gate, policy.jobs, records.filter(isHere), maxAgeSeconds)
  for (const { job, used } of counted)
    ports.log.info(`the base ${text} was promoted by job ${job}${used.length === 0 ? '' : ` (${used.join(', ')})`}`)
  return {
    counted: counted.flatMap(({ claim }) => goldenOf(claim) ?? []),
    others: records.filter((claim) => !isHere(claim)).flatMap((claim) => goldenOf(claim) ?? []),
    refused,
  }
}

/** Null for a record that cannot be read. */
function goldenOf({ statement, payloadDigest, manifest }: Claim): Golden | null {
  try {
    return { predicate: readPredicate('promotion', statement.predicate, manifest), payload: payloadDigest }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return null
  }
}
