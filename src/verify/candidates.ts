import { isObject } from '../base/json.ts'
import { isDigest } from '../oci/digest.ts'
import type { Digest } from '../oci/types.ts'
import type { Attached, JobKey } from './attached-types.ts'
import type { Claim } from './statements.ts'

/** Evidence bundles of one key that no statement of that key points to: our own writer always points. */
const unpointed = 4

/** What the agent of a gate signs: verdicts on an image, whose absence or presence says nothing of who built it. */
export function isGates(kind: string | null): boolean {
  return kind === 'vsa' || kind === 'promotion'
}

/** Keys that count, newest first, and those that do not: the former signed a statement that speaks for the image and is no verdict on it. */
export function sorted({ keys, claims }: Attached): { candidates: JobKey[]; others: JobKey[] } {
  const kindsOf = ({ key }: JobKey): (string | null)[] =>
    claims.filter(({ subject, signers }) => subject !== null && signers.includes(key.pem)).map(({ kind }) => kind)
  const speaks = (job: JobKey): boolean => kindsOf(job).some((kind) => kind !== 'evidence' && !isGates(kind))
  // The agent of another gate: it comes and goes with its verdicts, and says nothing of who built the image.
  const isGate = (job: JobKey): boolean => !speaks(job) && kindsOf(job).some(isGates)
  const speaking = keys.filter(speaks)
  return {
    candidates: speaking.filter(({ admitted }) => admitted !== null),
    others: [
      ...speaking.filter(({ admitted }) => admitted === null),
      ...keys.filter((job) => !speaks(job) && !isGate(job)),
    ],
  }
}

/** Bundles of a key: first those that a statement of the key names, since anybody can attach a copy with other reports. */
export function headsOf({ key, heads }: JobKey, { claims }: { claims: readonly Claim[] }): JobKey['heads'] {
  const pointers = new Set<string>()
  for (const claim of claims)
    if (claim.signers.includes(key.pem)) for (const found of pointersOf(claim)) pointers.add(found)
  const named = heads.filter(({ manifest }) => pointers.has(manifest))
  return [...named, ...heads.filter(({ manifest }) => !pointers.has(manifest)).slice(0, unpointed)]
}

/** Evidence manifests that an evidence statement names. */
export function pointersOf(claim: Claim): Digest[] {
  const attributes = claim.kind === 'evidence' ? claim.statement.predicate['attributes'] : undefined
  return (Array.isArray(attributes) ? attributes : []).flatMap((item) => {
    const evidence = isObject(item) && isObject(item['evidence']) ? item['evidence']['digest'] : undefined
    const digest: unknown =
      isObject(evidence) && typeof evidence['sha256'] === 'string' ? `sha256:${evidence['sha256']}` : null
    return isDigest(digest) ? [digest] : []
  })
}
