import { InputError, VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { sha256, type ByteSource } from '../base/streams.ts'
import { loadImage } from '../image/load.ts'
import type { Described } from '../sbom/scan.ts'
import type { Image } from '../image/types.ts'
import { evidenceMediaTypes } from '../journal/evidence-bundle.ts'
import { resolveImage } from '../oci/open.ts'
import type { Digest, Store } from '../oci/types.ts'
import { isObject } from '../base/json.ts'
import { readClaims, signedBy, type Claim } from './statements.ts'
import type { VerifyContext } from '../tee/verify/verifier.ts'
import { contextFor } from './context.ts'
import { isEncrypted } from './encrypted.ts'
import { readEvidence, type Evidence } from './evidence.ts'
import type { Gate, Opener, Subject } from './candidate.ts'
import type { Acceptance } from './policy/accept.ts'
import type { Policy } from './policy/load.ts'
import { signedImage } from './release-key.ts'
import { runSteps, type Judged } from './run-steps.ts'
import type { Check, Verdict } from './types.ts'

export interface VerifyOptions {
  /** When the verdict is made; the ports' clock by default. */
  at?: Date | undefined
  /** `os/architecture[/variant]` of an index. */
  platform?: string | undefined
  /** Nonce that this verifier had issued to the job: the evidence must be over it. */
  nonce?: string | undefined
  /** Commit that the image must be of. */
  expectCommit?: string | undefined
  /** Digest that the reference must lead to: of what it names, or of the image that is judged. */
  expectDigest?: string | undefined
  /** Folder or file with certificates and lists of the hardware makers, in place of the policy's. */
  collateral?: string | undefined
  /** Roots of synthetic hardware, for tests; no door sets it. */
  trust?: VerifyContext['trust']
  /** Where the key of encrypted layers comes from, as the verdict's inputs name it: the URL of a KBS, or that it was at hand. */
  keySource?: string | undefined
  /** Opens encrypted layers; without it an encrypted image is `not-checked`. */
  opener?: ((store: Store, image: Image) => Promise<Opener>) | undefined
}

/** What is attached as evidence at most; each candidate is judged. */
const candidateLimit = 16

/**
 * The gate (TRUST §5): replays the whole chain of one image against a policy. Anybody who may push can attach things, so each evidence
 * bundle is judged on its own, and the image is verified if one of them passes every check; else the one that came furthest is told.
 *
 * @param text reference of the image
 * @returns a verdict, also for a refusal
 * @throws InputError (`reference-invalid`, `not-found`), TransportError
 */
export async function verifyImage(
  text: string,
  policy: Policy,
  options: VerifyOptions,
  ports: Ports,
): Promise<Verdict> {
  return (await judgeImage(text, policy, options, ports)).verdict
}

/** As {@link verifyImage}, with the accept lines that the policy lacks, and the first failure that no line can accept. */
export async function judgeImage(
  text: string,
  policy: Policy,
  options: VerifyOptions,
  ports: Ports,
): Promise<{ verdict: Verdict; lacking: Acceptance[]; hard: Check | null }> {
  const at = options.at ?? ports.clock.now()
  const context = { ...(await contextFor(policy, at, options.collateral ?? null)), trust: options.trust }
  const { store, reference, subject, tag } = await openSubject(text, options, ports)
  const { claims, broken } = await readClaims(store, subject.descriptor)
  const candidates = await readCandidates(store, subject.descriptor.digest, claims)
  const releaseKey = await signedImage(subject, claims, policy, at)
  const content = lazyContent(subject, options)
  const evidenceKeys = candidates.flatMap(({ evidence }) => (evidence === null ? [] : [evidence.key.thumbprint]))

  const judge = (evidence: Evidence | null, evidenceError: VerificationError | null): Promise<Judged> => {
    const key: Gate['key'] =
      evidence !== null
        ? { source: 'evidence', pem: evidence.key.pem, id: evidence.key.thumbprint }
        : releaseKey !== null && policy.accepts.has('accept-signature-only')
          ? { source: 'release', pem: releaseKey.pem, id: releaseKey.hint }
          : null
    return runSteps({
      ports,
      policy,
      at,
      context,
      nonce: options.nonce ?? null,
      subject,
      expect: { commit: options.expectCommit, digest: options.expectDigest },
      tag,
      claims,
      broken,
      evidence,
      evidenceError,
      evidenceKeys,
      key,
      mine: key === null ? [] : claims.filter((claim) => signedBy(claim, key.pem)),
      releaseKey,
      sealedContent: sealedContent(subject, options),
      content,
      found: {
        journal: null,
        sealed: 0,
        tee: null,
        reference: null,
        claims: null,
        level: null,
        builderId: null,
        plainDigest: null,
        inputs: keyInput(subject, options),
      },
    })
  }

  const judged: Judged[] = []
  for (const { evidence, error } of candidates) judged.push(await judge(evidence, error))
  // A pinned key alone counts only where nothing with evidence does; without any candidate this says what is missing.
  if (candidates.length === 0 || (releaseKey !== null && policy.accepts.has('accept-signature-only')))
    judged.push(await judge(null, null))
  const found = best(judged)
  return { verdict: found.verdict(reference, subject), lacking: found.lacking, hard: found.hard }
}

/** The evidence of the job that made an image, not yet verified; null where none is attached. @throws VerificationError for one that cannot be read */
export async function readImageEvidence(text: string, ports: Ports): Promise<Evidence | null> {
  const { store, subject } = await openSubject(text, {}, ports)
  const { claims } = await readClaims(store, subject.descriptor)
  const candidates = await readCandidates(store, subject.descriptor.digest, claims)
  const builder = candidates.find(
    ({ evidence }) =>
      evidence !== null && claims.some((claim) => claim.kind === 'provenance' && signedBy(claim, evidence.key.pem)),
  )
  const found = builder ?? candidates[0]
  if (found === undefined) return null
  if (found.error !== null) throw found.error
  return found.evidence
}

async function openSubject(
  text: string,
  options: VerifyOptions,
  ports: Ports,
): Promise<{ store: Store; reference: string; subject: Subject; tag: string | null }> {
  const { store, descriptor, reference, tag } = await resolveImage(text, ports)
  let image: Image | null = null
  let error: VerificationError | null = null
  try {
    image = await loadImage(store, descriptor.digest, options.platform)
  } catch (thrown) {
    if (!(thrown instanceof VerificationError)) throw thrown
    error = thrown
  }
  return {
    store,
    reference,
    tag,
    subject: { store, reference, descriptor: image?.descriptor ?? descriptor, image, error },
  }
}

interface Candidate {
  evidence: Evidence | null
  error: VerificationError | null
}

/** Evidence bundles that are referrers of the subject, and those that an evidence statement points to. */
async function readCandidates(store: Store, subject: Digest, claims: readonly Claim[]): Promise<Candidate[]> {
  const digests = new Set<string>()
  for (const claim of claims) {
    const attributes = claim.kind === 'evidence' ? claim.statement.predicate['attributes'] : undefined
    for (const item of Array.isArray(attributes) ? attributes : []) {
      const pointer =
        isObject(item) && isObject(item['evidence']) && isObject(item['evidence']['digest'])
          ? item['evidence']['digest']['sha256']
          : null
      if (typeof pointer === 'string' && /^[0-9a-f]{64}$/.test(pointer)) digests.add(`sha256:${pointer}`)
    }
  }
  for (const descriptor of await store.referrers(subject, evidenceMediaTypes.index)) digests.add(descriptor.digest)
  if (digests.size > candidateLimit) {
    throw new InputError(
      'unsupported',
      `${digests.size} evidence bundles are attached to ${subject}, more than ${candidateLimit}`,
      {
        subject,
        remedy: 'Remove those that do not belong to this image.',
      },
    )
  }
  const found: Candidate[] = []
  for (const digest of digests) {
    try {
      found.push({ evidence: await readEvidence(store, digest as Digest, subject), error: null })
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      found.push({ evidence: null, error })
    }
  }
  return found
}

function keyInput({ image }: Subject, { opener, keySource }: VerifyOptions): NonNullable<Gate['found']['inputs']> {
  if (image === null || !isEncrypted(image) || opener === undefined || keySource === undefined) return []
  return [{ kind: 'key-source', digest: sha256(keySource) as Digest }]
}

function sealedContent({ image }: Subject, options: VerifyOptions): string | null {
  if (image === null || !isEncrypted(image) || options.opener !== undefined) return null
  return 'the image is encrypted and the gate was given no key: its content was not looked into'
}

/** One pass over the layers, whoever asks first; a refusal is kept, too. */
function lazyContent(subject: Subject, options: VerifyOptions): () => Promise<Described> {
  let content: Promise<Described> | null = null
  return () => (content ??= readContent(subject, options))
}

async function readContent({ store, image }: Subject, options: VerifyOptions): Promise<Described> {
  if (image === null) throw new VerificationError('missing-blob', 'the image could not be read')
  const open = isEncrypted(image) ? await options.opener?.(store, image) : undefined
  const { describeImage } = await import('../sbom/scan.ts')
  try {
    return await describeImage(store, image, open === undefined ? {} : { open })
  } catch (error) {
    // A damaged blob often fails as an archive first; that its bytes are not the described ones is the better reason.
    if (error instanceof VerificationError && ['format-invalid', 'decryption-failed'].includes(error.code))
      await readWhole(store, image)
    throw error
  }
}

/** The first that passed everything (what only signed verdicts on the image counts last), else the one with the most passed checks: the most telling refusal. */
function best(judged: readonly Judged[]): Judged {
  const builders = judged.filter(({ verifierOnly }) => !verifierOnly)
  const [first, ...rest] = builders.length > 0 ? builders : judged
  if (first === undefined) throw new Error('nothing was judged')
  const score = (item: Judged): number => (item.verified ? Number.POSITIVE_INFINITY : item.passed)
  return rest.reduce((a, b) => (score(b) > score(a) ? b : a), first)
}

/** @throws VerificationError `digest-mismatch`, `missing-blob` for the first layer that is not what its descriptor says */
async function readWhole(store: Store, image: Image): Promise<void> {
  for (const layer of image.manifest.layers) {
    await readToEnd(await store.openBlob(layer))
  }
}

async function readToEnd(source: ByteSource): Promise<number> {
  let size = 0
  for await (const chunk of source) size += chunk.length
  return size
}
