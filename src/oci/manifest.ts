import { VerificationError } from '../base/errors.ts'
import type { JsonObject } from '../base/json.ts'
import { digestLike, tooLarge } from '../base/streams.ts'
import { jcs } from '../encoding/jcs.ts'
import { bad, checkAnnotations, checkDescriptor, checkSpelling, isMediaType, parseDocument } from './descriptor.ts'
import { mediaTypes, type Digest, type Index, type Manifest } from './types.ts'

/** Registries must take 4 MiB (distribution-spec 1.1); nothing larger travels. */
export const manifestLimit = 4 << 20

const limits = { layers: 4096, manifests: 16_384 } as const

/** Of manifests and indexes, and of Docker's schema 1, which its readers still know. */
const members = [
  ...['schemaVersion', 'mediaType', 'artifactType', 'config', 'layers', 'manifests', 'subject', 'annotations'],
  ...['name', 'tag', 'architecture', 'fsLayers', 'history', 'signatures'],
]

const manifestTypes: readonly string[] = [mediaTypes.manifest, mediaTypes.dockerManifest]
const indexTypes: readonly string[] = [mediaTypes.index, mediaTypes.dockerManifestList]

/** Everything that a manifest request must accept: some registries answer 404 to a type that is not listed. */
export const acceptManifests = [...manifestTypes, ...indexTypes].join(', ')

/** Whether a media type is one of the manifests and indexes that we read. */
export function isManifestType(mediaType: string): boolean {
  return manifestTypes.includes(mediaType) || indexTypes.includes(mediaType)
}

export function isIndexType(mediaType: string): boolean {
  return indexTypes.includes(mediaType)
}

/** Whether a `Content-Type` says nothing of a manifest: registries behind a plain file server send none, or one for any JSON or file. */
export function isVagueType(mediaType: string): boolean {
  return ['', 'application/json', 'application/octet-stream'].includes(mediaType.toLowerCase())
}

export function isIndex(content: Manifest | Index): content is Index {
  return indexTypes.includes(content.mediaType)
}

/**
 * Reads and checks a manifest or index. Members that are not known are kept. The `mediaType` member must equal the type
 * that the registry or descriptor gave; where it is absent (allowed in OCI), it is filled in.
 * A document that is a manifest and an index at once is refused: readers would disagree on what it holds.
 *
 * @param mediaType what the transport or descriptor said
 * @param subject digest or reference, for messages
 * @throws VerificationError `format-invalid`, `digest-mismatch` (embedded data)
 */
export function parseManifest(bytes: Uint8Array, mediaType: string, subject: string): Manifest | Index {
  const document = readDocument(bytes, subject)
  const field = document['mediaType']
  if (field !== undefined && field !== mediaType) {
    throw bad(subject, `says that it is ${JSON.stringify(field)}, but was given as ${JSON.stringify(mediaType)}`)
  }
  if (!isManifestType(mediaType))
    throw bad(subject, `has the media type ${JSON.stringify(mediaType)}, which is no manifest`)
  if (document['schemaVersion'] !== 2) throw bad(subject, 'does not have schemaVersion 2')
  checkAnnotations(document['annotations'], subject)
  const { artifactType } = document
  if (artifactType !== undefined && !isMediaType(artifactType)) throw bad(subject, 'has no valid artifactType')
  if (document['subject'] !== undefined) checkDescriptor(document['subject'], `${subject}: subject`)
  document['mediaType'] = mediaType
  return indexTypes.includes(mediaType) ? asIndex(document, subject) : asManifest(document, subject)
}

/**
 * The media type of manifest bytes that came without one, from their own `mediaType` or their shape.
 *
 * @throws VerificationError `format-invalid`
 */
export function mediaTypeOf(bytes: Uint8Array, subject: string): string {
  const document = readDocument(bytes, subject)
  if (typeof document['mediaType'] === 'string') return document['mediaType']
  if ('manifests' in document) return mediaTypes.index
  if ('layers' in document && 'config' in document) return mediaTypes.manifest
  throw bad(subject, 'is neither a manifest nor an index')
}

/** Bytes of a manifest that we make: RFC 8785, so that equal content has an equal digest. */
export function manifestBytes(value: Manifest | Index): Buffer {
  return jcs(value)
}

/**
 * The digest of a manifest that is put: the named one, whose bytes these have to be, or their SHA-256.
 *
 * @throws VerificationError `digest-mismatch`
 */
export function digestOfNew(bytes: Uint8Array, named: Digest | undefined): Digest {
  const digest = digestLike(named, bytes)
  if (named === undefined || named === digest) return digest
  throw new VerificationError('digest-mismatch', `the bytes of ${named} hash to ${digest}`, { subject: named })
}

/** The artifact type of a manifest: its own, else the config's media type (distribution-spec 1.1, "Listing Referrers"). */
export function artifactTypeOf(content: Manifest | Index): string | undefined {
  return content.artifactType ?? (isIndex(content) ? undefined : content.config.mediaType)
}

function asManifest(document: JsonObject, subject: string): Manifest {
  const { layers } = document
  if ('manifests' in document) throw bad(subject, 'is a manifest that also lists manifests')
  checkDescriptor(document['config'], `${subject}: config`)
  if (!Array.isArray(layers)) throw bad(subject, 'has no layers')
  if (layers.length > limits.layers) throw bad(subject, `has more than ${limits.layers} layers`)
  layers.forEach((layer, i) => checkDescriptor(layer, `${subject}: layers[${i}]`))
  return document as unknown as Manifest
}

function asIndex(document: JsonObject, subject: string): Index {
  const { manifests } = document
  if ('layers' in document || 'config' in document) throw bad(subject, 'is an index that also has layers or a config')
  if (!Array.isArray(manifests)) throw bad(subject, 'lists no manifests')
  if (manifests.length > limits.manifests) throw bad(subject, `lists more than ${limits.manifests} manifests`)
  manifests.forEach((child, i) => checkDescriptor(child, `${subject}: manifests[${i}]`))
  return document as unknown as Index
}

function readDocument(bytes: Uint8Array, subject: string): JsonObject {
  if (bytes.length > manifestLimit) throw tooLarge(subject, manifestLimit, bytes.length)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new VerificationError('format-invalid', `${subject} is not UTF-8`, { subject, cause })
  }
  const document = parseDocument(text, subject)
  checkSpelling(document, members, subject)
  return document
}
