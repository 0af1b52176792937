import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../base/json.ts'
import { duplicateMember, otherSpelling } from '../base/json-members.ts'
import { digestLike } from '../base/streams.ts'
import { fromBase64 } from '../encoding/base64.ts'
import { asDigest } from './digest.ts'
import { mediaTypes, type Descriptor } from './types.ts'

const limits = { annotations: 1024, dataBytes: 1 << 20 } as const

export const descriptorMembers = [
  'mediaType',
  'digest',
  'size',
  'urls',
  'annotations',
  'data',
  'platform',
  'artifactType',
]
const platformMembers = ['architecture', 'os', 'os.version', 'os.features', 'variant', 'features']

/** RFC 6838 §4.2 names, as image-spec's descriptor.md asks. */
const mediaTypeForm = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/

export function isMediaType(value: unknown): value is string {
  return typeof value === 'string' && mediaTypeForm.test(value)
}

/**
 * Checks one descriptor of foreign JSON (image-spec 1.1 descriptor.md); unknown members are kept.
 *
 * @param path where it stands, for the message, such as `sha256:…: layers[2]`
 * @throws VerificationError `format-invalid`, `digest-mismatch` (embedded `data` that is not the described bytes)
 */
export function checkDescriptor(value: JsonValue | undefined, path: string): Descriptor {
  if (!isObject(value)) throw bad(path, 'is not an object')
  checkSpelling(value, descriptorMembers, path)
  const { mediaType, digest, size, data, artifactType, platform } = value
  if (!isMediaType(mediaType)) throw bad(path, `has no valid mediaType (${JSON.stringify(mediaType)})`)
  asDigest(digest, path)
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw bad(path, `has no valid size (${JSON.stringify(size)})`)
  if (artifactType !== undefined && !isMediaType(artifactType)) throw bad(path, 'has no valid artifactType')
  checkAnnotations(value['annotations'], path)
  if (
    platform !== undefined &&
    !(isObject(platform) && typeof platform['os'] === 'string' && typeof platform['architecture'] === 'string')
  ) {
    throw bad(path, 'has a platform without os and architecture')
  }
  if (isObject(platform)) checkSpelling(platform, platformMembers, `${path}: platform`)
  if (data !== undefined) checkData(data, value as unknown as Descriptor, path)
  return value as unknown as Descriptor
}

/**
 * Runtimes are written in Go, whose JSON reader takes `Digest` for `digest`: a document could mean one image to us and another one to them.
 *
 * @param members of the object, as the specification spells them
 * @throws VerificationError `format-invalid`
 */
export function checkSpelling(value: JsonObject, members: readonly string[], path: string): void {
  const found = otherSpelling(value, members)
  if (found !== null)
    throw bad(path, `has the member ${JSON.stringify(found)}, which some readers take for another one`)
}

/** A descriptor alone: annotations and embedded data, which may be megabytes by a stranger, are not kept. */
export function slim({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size }
}

/**
 * A JSON document that all readers take alike as far as names go: an object in which no member stands twice.
 *
 * @throws VerificationError `format-invalid`
 */
export function parseDocument(text: string, subject: string): JsonObject {
  const document = parseJson(text, subject)
  if (!isObject(document)) throw bad(subject, 'is not a JSON object')
  const twice = duplicateMember(text)
  if (twice !== null) throw bad(subject, `has the member ${JSON.stringify(twice)} twice`)
  return document
}

/** Whether a layer's media type says that it is encrypted. */
export function isEncryptedType(mediaType: string): boolean {
  return mediaType.endsWith(mediaTypes.encryptedSuffix)
}

/** Annotations are a map of strings; keys may not be empty. */
export function checkAnnotations(value: JsonValue | undefined, path: string): void {
  if (value === undefined) return
  if (!isObject(value)) throw bad(path, 'has annotations that are no object')
  const entries = Object.entries(value)
  if (entries.length > limits.annotations) throw bad(path, `has more than ${limits.annotations} annotations`)
  for (const [key, text] of entries) {
    if (key === '' || typeof text !== 'string')
      throw bad(path, `has an annotation ${JSON.stringify(key)} that is not text`)
  }
}

/** A reader may take `data` for a fetch, so it has to be exactly the described bytes. */
function checkData(data: JsonValue, descriptor: Descriptor, path: string): void {
  if (typeof data !== 'string' || data.length > limits.dataBytes * 1.4)
    throw bad(path, 'has embedded data that is no text or too long')
  const bytes = fromBase64(data, `${path}: data`)
  if (bytes.length !== descriptor.size || digestLike(descriptor.digest, bytes) !== descriptor.digest) {
    throw new VerificationError('digest-mismatch', `${path} embeds data that is not ${descriptor.digest}`, {
      subject: descriptor.digest,
    })
  }
}

export function bad(path: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${path} ${why}`, { subject: path })
}
