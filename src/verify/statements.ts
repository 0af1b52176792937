import { VerificationError, type SealwrightError } from '../base/errors.ts'
import { isIndex } from '../oci/manifest.ts'
import type { Descriptor, Store } from '../oci/types.ts'
import { bundleAnnotations } from '../sign/attach.ts'
import { findStatements, type FoundStatement } from '../sign/find.ts'
import { verifyEnvelope } from '../sign/dsse.ts'
import { predicateTypes, type StatementKind } from '../statement/types.ts'

/** A statement as it was found: believed only once {@link signedBy} says by whom. */
export interface Claim extends FoundStatement {
  kind: StatementKind | null
  /** Predicate type that the bundle's manifest promises; null where it promises none. */
  declaredType: string | null
}

/** Reads all statements of a subject, the same payload under one signature once. */
export async function readClaims(
  store: Store,
  subject: Descriptor,
): Promise<{ claims: Claim[]; broken: { manifest: string; error: VerificationError }[] }> {
  const broken: { manifest: string; error: VerificationError }[] = []
  const onBroken = (item: { manifest: string; error: SealwrightError }): void => {
    const { error } = item
    if (!(error instanceof VerificationError)) throw error
    broken.push({ manifest: item.manifest, error })
  }
  const found = await findStatements(store, subject, { onBroken })
  const seen = new Set<string>()
  const claims: Claim[] = []
  for (const item of found) {
    const id = `${item.payloadDigest} ${item.envelope.signatures[0]?.sig ?? ''}`
    if (seen.has(id)) continue
    seen.add(id)
    claims.push({ ...item, kind: kindOf(item.predicateType), declaredType: await declaredType(store, item) })
  }
  return { claims, broken }
}

/** Whether a claim's envelope was signed with a key. */
export function signedBy(claim: Claim, pem: string): boolean {
  try {
    return verifyEnvelope(claim.envelope, pem).equals(claim.payload)
  } catch (error) {
    if (error instanceof VerificationError) return false
    throw error
  }
}

/** Whether a bundle says that a key signed it; whether it did is another question. */
export function names(claim: Claim, hint: string): boolean {
  return claim.signer?.kind === 'key' && claim.signer.hint === hint
}

export function kindOf(predicateType: string): StatementKind | null {
  return (Object.keys(predicateTypes) as StatementKind[]).find((kind) => predicateTypes[kind] === predicateType) ?? null
}

async function declaredType(store: Store, item: FoundStatement): Promise<string | null> {
  if (item.origin !== 'referrer') return null
  const { content } = await store.getManifest(item.manifest)
  return isIndex(content) ? null : (content.annotations?.[bundleAnnotations.predicateType] ?? null)
}
