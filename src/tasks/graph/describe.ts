import { VerificationError } from '../../base/errors.ts'
import { collect, sha256 } from '../../base/streams.ts'
import { readIdentity } from '../../bundle/identity.ts'
import { readBundle, type BundleMaterial, type SealedBundle } from '../../bundle/read.ts'
import type { GraphNode } from '../../oci/graph.ts'
import { artifactTypeOf, isIndex } from '../../oci/manifest.ts'
import type { Descriptor, Digest, Manifest, Store } from '../../oci/types.ts'
import { bundleAnnotations } from '../../sign/attach.ts'
import { isBundleMediaType, parseBundle } from '../../sign/bundle.ts'
import { envelopePayload } from '../../sign/dsse.ts'
import { isPublishable } from '../../sign/publishable.ts'
import { predicateTypeAnnotation, signatureAnnotation } from '../../sign/legacy.ts'
import type { PublicKey } from '../../sign/public-key.ts'
import { parseStatement, speaksOf, subjectInWords } from '../../statement/statement.ts'
import { timesOf, type TimeSources } from '../../verify/signature-times.ts'
import { dateOf, statedTime } from './stated-time.ts'

/** What a manifest says of itself. Nothing of it is verified. */
export interface NodeFacts {
  /** `image`, `index`, `statement`, `signature`, `attestations`, `signatures` or `artifact`. */
  readonly kind: string
  /** Predicate type, artifact type, or media type of the configuration. */
  readonly type: string | null
  /** Who signed by his own word: `key HINT`, or `SAN (issuer URL)`. */
  readonly signer: string | null
  /** The parts of that which a filter can name: hint of a key, or identity and issuer of a certificate. */
  readonly signers: readonly string[]
  readonly made: MadeAt | null
  /** SHA-256 of the payload of a statement. */
  readonly payload: Digest | null
  /** False for what stays inside: {@link isPublishable}. */
  readonly publishable: boolean
  /** `logged`, `time-stamped`, sizes and counts. */
  readonly details: readonly string[]
  /** What does not fit together, such as an annotation that lies. */
  readonly notes: readonly string[]
}

/** When something was made, and whose word that is. */
export interface MadeAt {
  readonly time: Date
  /** `proven` by a time stamp or a log that counts, `signed` with the statement, or of an `annotation`, which any pusher writes. */
  readonly by: 'proven' | 'signed' | 'annotation'
}

/** Whose times prove when a statement was signed. */
export interface TimeTrust {
  readonly sources: TimeSources
  /** Keys that a bundle may name by their hint: a log entry is about a key. */
  readonly keys: readonly PublicKey[]
}

const nothing = {
  type: null,
  signer: null,
  signers: [],
  made: null,
  payload: null,
  publishable: true,
  details: [],
  notes: [],
} as const
/** image-spec 1.1, annotations. */
const createdAnnotation = 'org.opencontainers.image.created'

/** A bundle up to this size is read. */
const mostBundle = 16 << 20

/**
 * Reads what a manifest of the graph says of itself: of a Sigstore bundle the statement's predicate type and the signer, whose signature is not
 * checked here.
 *
 * @param trust for proven times; without it none is proven
 * @throws TransportError when the store does not answer
 */
export async function describeNode(store: Store, node: GraphNode, trust: TimeTrust | null = null): Promise<NodeFacts> {
  const facts = await ownFacts(store, node, trust)
  const { annotations } = node.content
  const annotated = dateOf(annotations?.[createdAnnotation])
  return {
    ...facts,
    made: facts.made ?? (annotated === null ? null : { time: annotated, by: 'annotation' }),
    publishable: facts.publishable && isPublishable(annotations, null),
  }
}

async function ownFacts(store: Store, node: GraphNode, trust: TimeTrust | null): Promise<NodeFacts> {
  const { content, relation, tag } = node
  if (isIndex(content))
    return plain(artifactTypeOf(content) === undefined ? 'index' : 'artifact', artifactTypeOf(content), [
      `${content.manifests.length} manifests`,
    ])
  if (relation === 'tagged') return legacy(content, tag ?? '')
  const layer = content.layers.find(({ mediaType }) => isBundleMediaType(mediaType))
  if (layer !== undefined) return describeBundle(store, layer, node, trust)
  const bytes = content.layers.reduce((sum, { size }) => sum + size, 0)
  const layers = `${content.layers.length} ${content.layers.length === 1 ? 'layer' : 'layers'}, ${bytes} bytes`
  const isImage = relation !== 'referrer' && content.artifactType === undefined
  return plain(isImage ? 'image' : 'artifact', isImage ? undefined : artifactTypeOf(content), [layers])
}

function plain(kind: string, type: string | undefined, details: readonly string[]): NodeFacts {
  return { ...nothing, kind, type: type ?? null, details }
}

function legacy(content: Manifest, tag: string): NodeFacts {
  const attestations = tag.endsWith('.att')
  const named = content.layers.flatMap(({ annotations }) => annotations?.[predicateTypeAnnotation] ?? [])
  const signed = content.layers.filter(({ annotations }) => annotations?.[signatureAnnotation] !== undefined)
  return {
    ...nothing,
    kind: attestations ? 'attestations' : tag.endsWith('.sig') ? 'signatures' : 'artifact',
    details: [
      `${attestations ? content.layers.length : signed.length} in the form of cosign 2`,
      ...[...new Set(named)].sort(),
    ],
  }
}

async function describeBundle(
  store: Store,
  layer: Descriptor,
  node: GraphNode,
  trust: TimeTrust | null,
): Promise<NodeFacts> {
  const annotated = node.content.annotations?.[bundleAnnotations.predicateType] ?? null
  const facts = { ...nothing, kind: 'statement', type: annotated }
  if (layer.size > mostBundle) return { ...facts, notes: [`the bundle has ${layer.size} bytes and was not read`] }
  try {
    const bytes = await collect(await store.openBlob(layer), mostBundle, layer.digest)
    const own = bundleFacts(readBundle(bytes), annotated, node.parent)
    const proven = trust === null || own.payload === null ? null : provenTime(bytes, trust)
    return proven === null ? own : { ...own, made: { time: proven, by: 'proven' } }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return { ...facts, notes: [`cannot be read: ${error.message}`] }
  }
}

/** The earliest time at which the signature was there; null where nothing that counts proves one. */
function provenTime(bytes: Buffer, { sources, keys }: TimeTrust): Date | null {
  const bundle = parseBundle(bytes)
  const { envelope, signer } = bundle
  const by = signer.kind === 'key' ? keys.filter(({ hint }) => hint === signer.hint).map(({ pem }) => pem) : []
  const document = { ...bundle, payload: envelopePayload(envelope), bundle: signer.kind === 'key' ? null : bytes }
  // A stamp is over the signature, whoever made it.
  const { times } = timesOf(document, by.length === 0 ? ['its signer'] : by, sources)
  return times.reduce<Date | null>((first, { time }) => (first === null || time < first ? time : first), null)
}

function bundleFacts(bundle: SealedBundle, annotated: string | null, parent: Digest | null): NodeFacts {
  const signers = signersOf(bundle.material)
  const common = {
    ...nothing,
    signer: signerInWords(bundle.material, signers),
    signers,
    details: [
      ...(bundle.entries.length > 0 ? ['logged'] : []),
      ...(bundle.timestamps.length > 0 ? ['time-stamped'] : []),
    ],
  }
  if (bundle.content.kind === 'message') return { ...common, kind: 'signature' }
  const payload = envelopePayload(bundle.content.envelope)
  const statement = parseStatement(payload)
  const stated = statedTime(statement.predicate)
  const notes: string[] = []
  if (annotated !== null && annotated !== statement.predicateType) notes.push(`the annotation says ${annotated}`)
  if (parent !== null && !speaksOf(statement, parent))
    notes.push(`speaks of ${subjectInWords(statement)}, not of this manifest`)
  return {
    ...common,
    kind: 'statement',
    type: statement.predicateType,
    made: stated === null ? null : { time: stated, by: 'signed' },
    payload: sha256(payload),
    publishable: isPublishable(undefined, statement.predicate),
    notes,
  }
}

/** The hint of a key; identity and issuer of a certificate, or the name of one without identity. */
export function signersOf(material: BundleMaterial): string[] {
  if (material.kind === 'key') return material.hint === '' ? [] : [material.hint]
  try {
    const { issuer, san } = readIdentity(material.leaf)
    return issuer === null ? [san.value] : [san.value, issuer]
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return [`certificate ${material.leaf.subjectName ?? material.leaf.fingerprint.slice(0, 16)}`]
  }
}

function signerInWords({ kind }: BundleMaterial, [first, issuer]: readonly string[]): string {
  if (kind === 'key') return `key ${first ?? 'without a hint'}`
  return issuer === undefined ? (first ?? '') : `${first ?? ''} (${issuer})`
}
