import { VerificationError } from '../base/errors.ts'
import { inOrder } from '../base/in-order.ts'
import { parseJson, type JsonValue } from '../base/json.ts'
import { collect, sha256 } from '../base/streams.ts'
import type { Descriptor, Digest, Store } from '../oci/types.ts'
import type { Envelope } from '../statement/types.ts'
import { parseBundle, type BundleSigner } from './bundle.ts'
import { envelopePayload, parseEnvelope } from './dsse.ts'
import type { LegacyMaterial } from './legacy-material.ts'

/** What we read of one document or tag at most: attached things are written by anybody who may push (CVE-2023-46737). */
export const findLimits = {
  layers: 1000,
  documentBytes: 128 << 20,
  /** Documents up to this size are read however many there are: each costs a bounded time. */
  smallBytes: 1 << 20,
  /** Bytes of larger documents that are read although nothing that counts is missing. */
  budget: 256 << 20,
} as const

/** Small documents that are read at a time. Large ones are read one after the other: each takes several times its size of memory. */
const parallel = 4

/** Told of what is attached as a statement and cannot be read. */
export type OnBroken = (broken: { manifest: Digest; error: VerificationError }) => void

/** Where a bundle or an envelope lies; nothing of it was read. */
export interface Place {
  origin: 'referrer' | 'att'
  /** Manifest that holds it. */
  manifest: Digest
  /** Without its annotations, which may be megabytes. */
  layer: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>
  /** Predicate type that an annotation names: a hint for readers, which neither selects nor excludes. */
  declaredType: string | null
  /** Certificate and log entry of a layer under the `.att` tag; null where it names none, and in a bundle. */
  legacy: LegacyMaterial | null
}

/** An envelope of somebody; its payload is not parsed. */
export interface SignedDocument {
  envelope: Envelope
  /** Decoded bytes of the envelope's payload. */
  payload: Buffer
  /** What a bundle says of its signer; null in the legacy form. */
  signer: BundleSigner | null
  /** RFC 3161 time stamps of a bundle in DER; none of them was read. */
  stamps: readonly Buffer[]
  /** The whole bundle where a certificate signed it, since log entries and time stamps belong to what is verified; else null. */
  bundle: Uint8Array | null
  /** Log entries of a bundle; none of them was read. */
  logEntries: readonly JsonValue[]
}

/** One document and all places that name it. */
export interface FoundDocument extends SignedDocument {
  places: [Place, ...Place[]]
}

/** How far a reader goes into large documents. */
export interface ReadPlan {
  /**
   * Predicate types of what counts and was not found yet; empty where something is missing and its type is not known, null where nothing is.
   * Asked before each large document, when everything that was given before it has been looked at.
   */
  missing(): Promise<readonly string[] | null>
  /** Told of large documents that were not read: over the budget. */
  onUnread(places: readonly Place[], bytes: number): void
}

/**
 * Reads the documents at some places, each blob once however many manifests name it, and keeps none.
 *
 * An image that has what it needs must not be refused because strangers attached large documents beside (TRUST §5.2), and these must not cost
 * hours. No mark on a blob tells ours from theirs before it was read whole: a pusher copies sizes, annotations and hints, and a signature covers
 * all bytes. So this order holds:
 *
 * 1. Small documents, all of them. After these the reader knows every key that counts, and what its sealed journal names.
 * 2. Large documents while something that counts is missing, without a budget: those whose annotation says a missing type first, then by size.
 *    A stranger can make this slow, by one fetch for each blob that he pushed, but cannot make it end too early.
 * 3. Once nothing is missing, or where nothing can be, the next large documents by size as far as the budget reaches; the rest is told.
 */
export async function* readDocuments(
  store: Store,
  places: readonly Place[],
  onBroken: OnBroken,
  plan: ReadPlan,
): AsyncGenerator<FoundDocument> {
  const { small, large } = grouped(places, onBroken)
  /** Digests whose bytes were seen. */
  const seen = new Set<Digest>()
  const readSmall = async (group: Group): Promise<{ group: Group; bytes: Buffer | null }> => ({
    group,
    bytes: await attempt(group, onBroken, async () => {
      const [{ layer }] = group
      return collect(await store.openBlob(layer), layer.size, layer.digest)
    }),
  })
  for await (const { group, bytes } of inOrder(small, parallel, readSmall)) {
    if (bytes === null) continue
    seen.add(group[0].layer.digest)
    yield* documentsIn(group, bytes, onBroken)
  }

  const queue: { group: Group; size: number; first: boolean }[] = []
  for (const group of large) {
    // A digest has one size: whoever says another of a document that was read speaks of nothing.
    if (seen.has(group[0].layer.digest)) tell(group, otherSize(group[0]), onBroken)
    else queue.push({ group, size: group.reduce((most, { layer }) => Math.max(most, layer.size), 0), first: false })
  }
  if (queue.length === 0) return
  const types = new Set(await plan.missing())
  for (const item of queue) item.first = item.group.some(({ declaredType }) => types.has(declaredType ?? ''))
  queue.sort((a, b) => Number(b.first) - Number(a.first) || a.size - b.size || byDigest(a.group, b.group))
  let left: number = findLimits.budget
  for (const { group, size } of queue) {
    if (size > left && (await plan.missing()) === null) {
      plan.onUnread(group, size)
      continue
    }
    left -= size
    const bytes = await attempt(group, onBroken, () => readLarge(store, group[0].layer.digest, size))
    if (bytes !== null) yield* documentsIn(group, bytes, onBroken)
  }
}

type Group = [Place, ...Place[]]

/** Places of one blob together: of small ones by what they say of it, of large ones by digest alone. */
function grouped(places: readonly Place[], onBroken: OnBroken): { small: Group[]; large: Group[] } {
  const small = new Map<string, Group>()
  const large = new Map<string, Group>()
  for (const place of places) {
    const { digest, size } = place.layer
    if (size > findLimits.documentBytes) {
      const why = `an attached document of ${size} bytes is over the limit`
      tell([place], new VerificationError('format-invalid', why, { subject: digest }), onBroken)
      continue
    }
    const [groups, id] = size <= findLimits.smallBytes ? [small, `${digest} ${size}`] : [large, digest]
    const known = groups.get(id)
    if (known === undefined) groups.set(id, [place])
    else known.push(place)
  }
  return { small: [...small.values()], large: [...large.values()] }
}

function* documentsIn(group: Group, bytes: Buffer, onBroken: OnBroken): Generator<FoundDocument> {
  for (const place of group) if (place.layer.size !== bytes.length) tell([place], otherSize(place), onBroken)
  for (const origin of ['referrer', 'att'] as const) {
    const [place, ...others] = group.filter((item) => item.origin === origin && item.layer.size === bytes.length)
    if (place === undefined) continue
    let document: SignedDocument
    try {
      document = parseDocument(bytes, origin)
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      tell([place, ...others], error, onBroken)
      continue
    }
    yield { ...document, places: [place, ...others] }
  }
}

/** Reads one bundle, or the envelope of a layer under `.att`. @throws VerificationError `format-invalid` */
export function parseDocument(bytes: Buffer, origin: Place['origin']): SignedDocument {
  const document =
    origin === 'referrer'
      ? parseBundle(bytes)
      : {
          envelope: parseEnvelope(parseJson(bytes.toString('utf8'), 'the envelope')),
          signer: null,
          stamps: [],
          logEntries: [],
        }
  const bundle = document.signer?.kind === 'certificate' ? bytes : null
  return { ...document, bundle, payload: envelopePayload(document.envelope) }
}

/**
 * A large blob whose size strangers may have stated wrong, so that each wrong statement does not cost a reading of its own.
 *
 * @param size the largest that was stated
 */
async function readLarge(store: Store, digest: Digest, size: number): Promise<Buffer> {
  const source = await store.openBlob({ digest, size })
  const bytes = Buffer.allocUnsafe(size)
  let length = 0
  try {
    for await (const part of source) {
      bytes.set(part, length)
      length += part.length
    }
  } catch (error) {
    if (!(error instanceof VerificationError) || error.code !== 'digest-mismatch') throw error
    if (length >= size || sha256(bytes.subarray(0, length)) !== digest) throw error
  }
  return bytes.subarray(0, length)
}

async function attempt<T>(group: Group, onBroken: OnBroken, read: () => Promise<T>): Promise<T | null> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    tell(group, error, onBroken)
    return null
  }
}

function tell(places: readonly Place[], error: VerificationError, onBroken: OnBroken): void {
  for (const { manifest } of places) onBroken({ manifest, error })
}

function otherSize({ layer }: Place): VerificationError {
  return new VerificationError('digest-mismatch', `${layer.digest} does not have ${layer.size} bytes`, {
    subject: layer.digest,
  })
}

function byDigest([a]: Group, [b]: Group): number {
  return a.layer.digest < b.layer.digest ? -1 : 1
}
