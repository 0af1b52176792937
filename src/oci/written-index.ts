import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../base/json.ts'
import { jcs } from '../encoding/jcs.ts'
import { checkDescriptor } from './descriptor.ts'
import { isIndexType } from './manifest.ts'
import { byDigest } from './referrers.ts'
import { mediaTypes, type Descriptor } from './types.ts'

/** An index that clients add to. What is not understood in it belongs to somebody and is kept as it is. */
export interface WrittenIndex {
  readonly entries: readonly Descriptor[]
  /** Entries that are not descriptors as we read them, such as those with digests of another algorithm. */
  readonly foreign: readonly JsonValue[]
  readonly document: JsonObject
}

/** @returns null for bytes that are not an index */
export function readWrittenIndex(bytes: Uint8Array): WrittenIndex | null {
  let document: JsonValue
  try {
    document = parseJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), 'the fallback index')
  } catch {
    return null
  }
  if (!isObject(document)) return null
  const { manifests, mediaType } = document
  const isIndex = mediaType === undefined || (typeof mediaType === 'string' && isIndexType(mediaType))
  if (!isIndex || !Array.isArray(manifests)) return null
  const entries: Descriptor[] = []
  const foreign: JsonValue[] = []
  for (const entry of manifests) {
    const read = descriptorOf(entry)
    if (read === null) foreign.push(entry)
    else entries.push(read)
  }
  return { entries, foreign, document }
}

/** The bytes of an index with these entries and everything else that it had, in a fixed order. */
export function writtenIndexBytes(index: WrittenIndex | null, entries: readonly Descriptor[]): Buffer {
  const manifests = [...[...entries].sort(byDigest), ...(index?.foreign ?? [])]
  return jcs({ ...index?.document, schemaVersion: 2, mediaType: mediaTypes.index, manifests })
}

function descriptorOf(entry: JsonValue): Descriptor | null {
  try {
    return checkDescriptor(entry, 'an entry')
  } catch (error) {
    if (error instanceof VerificationError) return null
    throw error
  }
}
