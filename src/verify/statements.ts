import { VerificationError } from '../base/errors.ts'
import type { Descriptor, Digest, Store } from '../oci/types.ts'
import { verifyEnvelope } from '../sign/dsse.ts'
import { findStatements, type FoundStatement } from '../sign/find.ts'
import { speaksOf } from '../statement/statement.ts'
import { predicateTypes, type StatementKind } from '../statement/types.ts'
import type { CertificateFit } from './assign-parties.ts'
import { loggedOf, type Logged } from './logged.ts'
import type { SignatureTime } from './signature-times.ts'

/** A statement that a key signed which may count; the envelope is not kept. */
export interface Claim extends Omit<
  FoundStatement,
  'envelope' | 'layer' | 'stamps' | 'logEntries' | 'bundle' | 'legacy'
> {
  kind: StatementKind | null
  /** The digest that it speaks of: the image's, or that of the index that was named; null for another subject. */
  subject: Digest | null
  /** Each party that made a signature of it: SPKI PEM of a key, or the id of an identity that the policy names. */
  signers: readonly string[]
  /** Its signatures by certificates that count, each with the identities that it fits. */
  certified: readonly CertificateFit[]
  /** The earliest time that a pinned source states for the signature of each of these signers that has one. */
  times: readonly SignatureTime[]
  /** Log entries of its bundles, none of them read. */
  logged: readonly Logged[]
}

/** A statement as it was found: believed only once {@link signedBy} says by whom. */
export interface ReadClaim extends Claim {
  envelope: FoundStatement['envelope']
  stamps: FoundStatement['stamps']
  bundle: FoundStatement['bundle']
  legacy: FoundStatement['legacy']
}

/** Time stamps of one signature that are kept: anybody may attach copies. */
const mostStamps = 16

/** Reads all statements of a subject that can be read, the same payload under one signature once. */
export async function readClaims(store: Store, subject: Descriptor): Promise<{ claims: ReadClaim[] }> {
  const found = new Map<string, ReadClaim>()
  for (const item of await findStatements(store, subject, { onBroken: () => {} })) {
    const id = [item.payloadDigest, ...item.envelope.signatures.map(({ sig }) => sig)].join(' ')
    const known = found.get(id)
    const { envelope, bundle, legacy } = item
    // Copies have stamps of their own; the one that is named is the first that has any, wherever the store lists it.
    const stamps = [...(known?.stamps ?? []), ...item.stamps].slice(0, mostStamps)
    const isBetter = known === undefined || (known.stamps.length === 0 && item.stamps.length > 0)
    const claim = isBetter ? { ...claimOf(item, [subject.digest], []), envelope, bundle, legacy } : known
    found.set(id, { ...claim, stamps })
  }
  return { claims: [...found.values()] }
}

/** A statement as a claim on one of some digests. */
export function claimOf(
  found: FoundStatement,
  targets: readonly Digest[],
  signers: readonly string[],
  times: readonly SignatureTime[] = [],
  logged: readonly Logged[] = loggedOf(found, signers),
  certified: readonly CertificateFit[] = [],
): Claim {
  const { origin, manifest, declaredType, payload, payloadDigest, statement, predicateType, signer } = found
  return {
    origin,
    manifest,
    declaredType,
    payload,
    payloadDigest,
    statement,
    predicateType,
    signer,
    // A predicate that is a text is nobody's document that we read: it can stand for no kind.
    kind: statement.predicateText === undefined ? kindOf(predicateType) : null,
    subject: targets.find((digest) => speaksOf(statement, digest)) ?? null,
    signers,
    certified,
    times,
    logged,
  }
}

/** Whether a claim's envelope was signed with a key. */
export function signedBy(claim: ReadClaim, pem: string): boolean {
  try {
    return verifyEnvelope(claim.envelope, pem).equals(claim.payload)
  } catch (error) {
    if (error instanceof VerificationError) return false
    throw error
  }
}

export function kindOf(predicateType: string): StatementKind | null {
  const kinds = Object.keys(predicateTypes) as StatementKind[]
  return kinds.find((kind) => predicateTypes[kind] === predicateType) ?? null
}
