import { verify, type KeyObject } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import { collect } from '../base/streams.ts'
import { artifactOf, artifactOfDigest } from '../bundle/artifact.ts'
import { legacyBundle } from '../bundle/legacy.ts'
import { readBundle, type SealedBundle } from '../bundle/read.ts'
import { verifyBundle } from '../bundle/verify.ts'
import { artifactTypeOf, isIndex } from '../oci/manifest.ts'
import type { Descriptor, Digest, Store, StoredManifest } from '../oci/types.ts'
import { isBundleMediaType } from '../sign/bundle.ts'
import { bundlePlace, findCosignSignatures, type FoundSignature } from '../sign/find.ts'
import { legacyManifest } from '../sign/legacy.ts'
import { findNotation, type AttachedNotation } from '../sign/notation/attach.ts'
import { judgeNotation } from '../sign/notation/verify.ts'
import type { Question } from './types.ts'

/** A bundle that is attached as a referrer. */
export interface FoundBundle {
  manifest: Digest
  /** As a registry lists it. */
  artifactType: string
  size: number
  /** Null where it cannot be read. */
  bundle: SealedBundle | null
  fault: string | null
}

/** Signatures of one manifest, in every form. */
export interface SignatureFacts {
  subject: Descriptor
  /** Simple signing under the `.sig` tag. */
  tag: readonly FoundSignature[]
  /** Layers that the `.sig` tag names, readable or not. */
  tagLayers: number
  bundles: readonly FoundBundle[]
  notation: readonly AttachedNotation[]
  /** All referrers of the manifest. */
  referrers: number
  /** What is attached as a signature and cannot be read. */
  broken: readonly string[]
}

/** Bytes of one bundle that are read: readers take 10 MB to 128 MiB, a signature has some thousand. */
const bundleBytes = 16 << 20
/** Bundles that are read of one image. */
const mostBundles = 200

/** Reads every signature of a manifest. @throws TransportError when the store does not answer */
export async function findSignatures(store: Store, subject: Descriptor): Promise<SignatureFacts> {
  const broken: string[] = []
  const onBroken = ({ error }: { error: VerificationError }): void => {
    broken.push(error.message)
  }
  const tag = await findCosignSignatures(store, subject, { onBroken })
  const bundles: FoundBundle[] = []
  let referrers = 0
  let unread = 0
  for await (const stored of store.readReferrers(subject.digest, onBroken)) {
    referrers++
    if (bundles.length >= mostBundles) {
      if (isBundle(stored)) unread++
      continue
    }
    const found = await foundBundle(store, stored)
    if (found !== null) bundles.push(found)
  }
  if (unread > 0) broken.push(`${unread} more bundles were not read: ${mostBundles} are read of one image`)
  return {
    subject,
    tag,
    tagLayers: await layersUnderTag(store, subject.digest),
    bundles,
    notation: await findNotation(store, subject, onBroken),
    referrers,
    broken,
  }
}

function isBundle({ content }: StoredManifest): boolean {
  return !isIndex(content) && content.layers.some(({ mediaType }) => isBundleMediaType(mediaType))
}

async function layersUnderTag(store: Store, digest: Digest): Promise<number> {
  try {
    return (await legacyManifest(store, digest, 'sig'))?.manifest.layers.length ?? 0
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return 0
  }
}

async function foundBundle(store: Store, stored: Parameters<typeof bundlePlace>[0]): Promise<FoundBundle | null> {
  const about = { manifest: stored.descriptor.digest, artifactType: artifactTypeOf(stored.content) ?? '' }
  let size = 0
  try {
    const place = bundlePlace(stored)
    if (place === null) return null
    size = place.layer.size
    if (size > bundleBytes) return { ...about, size, bundle: null, fault: `it has more than ${bundleBytes} bytes` }
    const bytes = await collect(await store.openBlob(place.layer), size, place.layer.digest)
    return { ...about, size, bundle: readBundle(bytes), fault: null }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return { ...about, size, bundle: null, fault: error.message }
  }
}

/** What a reader makes of the signatures in one form. */
export interface FormResult {
  /** How many are there. */
  there: number
  /** How many are by the signer that was asked for. */
  good: number
  /** No signer was given that this form could be checked with. */
  unasked: boolean
  /** Why the first one does not count. */
  why: string | null
}

/** Hash functions that a reader checks a key's signatures with; null for pure Ed25519. Empty where it cannot use the key. */
export type HashRule = (key: KeyObject) => readonly ('sha256' | 'sha384' | 'sha512' | null)[]

/** SHA-256 for every key, as cosign's `--signature-digest-algorithm` and container-libs have it. */
const sha256Only: HashRule = ({ asymmetricKeyType }) => (asymmetricKeyType === 'ed25519' ? [null] : ['sha256'])

/** Simple signing under the tag, by key or by certificate. */
export function judgeTag(
  { tag, subject }: SignatureFacts,
  question: Question,
  hashes: HashRule = sha256Only,
): FormResult {
  return counted(
    tag.map((signature) => () => {
      if (signature.claims.digest !== subject.digest) return `a signature is over ${signature.claims.digest}`
      if (question.key !== null) return keyFault(signature, question.key.object, hashes)
      return question.identity === null ? null : identityFault(signature, question.identity, question.now)
    }),
    question.key === null && question.identity === null,
  )
}

function keyFault({ payload, signature }: FoundSignature, key: KeyObject, hashes: HashRule): string | null {
  const good = hashes(key).some((hash) => {
    try {
      return verify(hash, payload, key, signature)
    } catch {
      return false
    }
  })
  return good ? null : 'no signature is by this key'
}

function identityFault(
  { payload, signature, legacy }: FoundSignature,
  { rules, root }: NonNullable<Question['identity']>,
  now: Date,
): string | null {
  if (legacy === null) return 'the signature carries no certificate'
  return faultOf(() => {
    const content = { kind: 'message', digest: null, signature } as const
    verifyBundle(legacyBundle(legacy, content), artifactOf(payload, 'the signature payload'), {
      signer: { kind: 'identity', rules },
      root,
      now,
    })
  })
}

/** Bundles, by key or by certificate: any statement about the manifest counts, whatever its type, as cosign has it. */
export function judgeBundles({ bundles, subject }: SignatureFacts, question: Question): FormResult {
  const { key, identity, now } = question
  return counted(
    bundles.map(({ bundle, fault }) => () => {
      if (bundle === null) return fault
      return faultOf(() => {
        const artifact = artifactOfDigest(subject.digest)
        if (key !== null) verifyBundle(bundle, artifact, { signer: { kind: 'key', key }, root: null, now })
        else if (identity !== null)
          verifyBundle(bundle, artifact, {
            signer: { kind: 'identity', rules: identity.rules },
            root: identity.root,
            now,
          })
      })
    }),
    key === null && identity === null,
  )
}

/** Signatures of the Notary Project below the given roots, whoever the leaf is. */
export function judgeNotaryProject({ notation, subject }: SignatureFacts, { authorities, now }: Question): FormResult {
  return counted(
    notation.map(({ signature }) => () => {
      const trust = { store: authorities, identities: '*', stampedTime: null, now } as const
      return judgeNotation(signature, subject, trust).find(({ ok }) => !ok)?.why ?? null
    }),
    authorities.length === 0,
  )
}

function counted(checks: readonly (() => string | null)[], unasked: boolean): FormResult {
  if (unasked) return { there: checks.length, good: 0, unasked, why: null }
  const faults = checks.map((check) => check())
  const good = faults.filter((fault) => fault === null).length
  return { there: checks.length, good, unasked, why: faults.find((fault) => fault !== null) ?? null }
}

function faultOf(check: () => void): string | null {
  try {
    check()
    return null
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return error.message
  }
}
