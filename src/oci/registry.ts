import { InputError } from '../base/errors.ts'
import { eachOf } from '../base/each-of.ts'
import { inOrder } from '../base/in-order.ts'
import type { Ports } from '../base/ports.ts'
import { once, type ByteSource } from '../base/streams.ts'
import { isAttachedTag, isDigest } from './digest.ts'
import { digestOfNew, parseManifest } from './manifest.ts'
import { openMirrors, unwritten } from './mirrors.ts'
import { openConditionalPut } from './conditional-put.ts'
import { openFallbackIndex } from './fallback-index.ts'
import { pullBlob } from './pull.ts'
import { putManifestAs, type PutAs } from './put-manifest.ts'
import { writtenHere } from './written-here.ts'
import { openWays } from './quiet-time.ts'
import { isTag } from './reference.ts'
import { placeOf } from './registries-conf.ts'
import { byteCache } from './byte-cache.ts'
import { missingBlob } from './referrers.ts'
import { listsOf } from './lists-once.ts'
import { openReferrersApi, type ReferrersApi } from './referrers-api.ts'
import { getManifestOf, hasBlob, head, listTags } from './registry-reads.ts'
import { openReferrers, type PutReferrer } from './registry-referrers.ts'
import { failed, openSession, type Session } from './session.ts'
import type { Descriptor, Digest, KeptManifests, NewManifest, Store, StoredManifest } from './types.ts'
import { uploadBlob } from './upload.ts'
import { knownOf, type OnSent } from './upload-body.ts'

/** Bytes of manifests and of small blobs that are held. */
const cacheLimit = { manifests: 16 << 20, blobs: 8 << 20 } as const
/** Manifests that are put at a time. */
const parallel = 16
/** Blobs of up to this many bytes are kept once they were read. */
const keptBlob = 128 << 10
/** Blobs of more bytes say how far they are. */
const largeBlob = 64 << 20

/**
 * One repository of a registry as a store (distribution-spec 1.1). Credentials are looked up only when the registry asks. Plain http is
 * spoken on loopback only.
 */
export function openRegistry(host: string, repository: string, ports: Ports): Store {
  const imagePath = host === 'docker.io' && !repository.includes('/') ? `library/${repository}` : repository
  const place = placeOf(host, imagePath, ports)
  const name = `${host}/${repository}`
  const session = openSession(place.host, place.repository, ports, place)
  const shared = {
    host,
    session,
    api: openReferrersApi(session, name),
    mirrors: openMirrors(name, place, ports),
    place,
    name,
  }
  return openOver(shared, ports)
}

/** What all readers and writers of one repository share: the sign-in, and what the registry was seen to lack. */
interface Shared {
  readonly host: string
  readonly session: Session
  readonly api: ReferrersApi
  readonly mirrors: ReturnType<typeof openMirrors>
  readonly place: ReturnType<typeof placeOf>
  readonly name: string
}

/** @param steady asks for each list once (see {@link Store.anew}) */
function openOver(shared: Shared, ports: Ports, steady = false, kept?: KeptManifests): Store {
  const { host, session, mirrors, place, name } = shared
  const cache = byteCache<StoredManifest>(cacheLimit.manifests, ({ bytes }) => bytes.length)
  const written = writtenHere(ports.http, name)
  const keep = (stored: StoredManifest): void => {
    cache.add(stored.descriptor.digest, stored)
    kept?.add(stored)
  }
  /** Small blobs that were read: who verifies an image and then copies it reads each statement twice. */
  const blobs = byteCache<Buffer>(cacheLimit.blobs, (bytes) => bytes.length)
  /** Blobs that this process saw or put here: the empty configuration of each artifact would else be asked for every time. */
  const seen = new Set<Digest>()

  const fetchManifest = async (reference: string): Promise<StoredManifest | null> => {
    const stored = await getManifestOf(session, reference, name)
    if (stored !== null) keep(stored)
    return stored
  }
  /** The same by way of the mirrors. */
  const readManifest = async (reference: string): Promise<StoredManifest | null> => {
    const by = isDigest(reference) ? 'digests' : 'tags'
    const stored = isAttachedTag(reference)
      ? null
      : await mirrors.first(by, (mirror) => getManifestOf(mirror, reference, `${mirror.host}/${mirror.repository}`))
    if (stored !== null) keep(stored)
    return stored ?? fetchManifest(reference)
  }
  const getManifest = async (digest: Digest): Promise<StoredManifest> => {
    const stored = cache.get(digest) ?? kept?.get(digest) ?? (await readManifest(digest))
    if (stored === null) throw missingBlob(digest, name)
    return stored
  }
  const putAs: PutAs = (...put) => putManifestAs(session, host, ports.clock, ...put)
  const digestOf = async (reference: string): Promise<Digest | null> => {
    const response = await head(session, `manifests/${reference}`)
    if (response.status === 404) return null
    const told = response.headers.get('docker-content-digest')
    if (response.status === 200 && isDigest(told)) return told
    return (await fetchManifest(reference))?.descriptor.digest ?? null
  }
  const tag = async (tagName: string, digest: Digest): Promise<void> => {
    if (!isTag(tagName))
      throw new InputError('reference-invalid', `${JSON.stringify(tagName)} is not a tag`, { subject: tagName })
    const own = written.take(digest)
    // What this process has just put was there under no tag.
    if (own === undefined && (await digestOf(tagName)) === digest) return
    const { bytes, descriptor } = own ?? (await getManifest(digest))
    await putAs(tagName, bytes, descriptor.mediaType)
  }
  const putOne = async ({ bytes, mediaType, digest: named, absent }: NewManifest): Promise<PutReferrer> => {
    const digest = digestOfNew(bytes, named)
    const content = parseManifest(bytes, mediaType, digest)
    const descriptor: Descriptor = { mediaType, digest, size: bytes.length }
    const there = absent !== true && (await digestOf(digest)) === digest
    const response = there ? null : await putAs(digest, bytes, mediaType)
    const stored = { descriptor, bytes: Buffer.from(bytes), content }
    keep(stored)
    if (!there && content.subject === undefined) written.add(stored)
    const processed = response?.headers.get('oci-subject') === content.subject?.digest
    return { descriptor, content, processed: processed && content.subject !== undefined }
  }
  const retag = async (tagName: string, digest: Digest, from: Digest | null): Promise<boolean> => {
    const { bytes, descriptor } = await getManifest(digest)
    const begin = ports.clock.monotonic()
    if ((await digestOf(tagName)) !== from) return false
    if (!(await conditional.put(tagName, bytes, descriptor.mediaType, from === null ? null : { digest: from })))
      return false
    ways.took(ports.clock.monotonic() - begin)
    if (conditional.exact === true || (await digestOf(tagName)) === digest) {
      collisions = 0
      return true
    }
    // Writers that collide wait for unequal times, so that one of them comes last and sees all.
    await ports.clock.sleep((ports.random(1)[0] ?? 0) * ++collisions)
    return false
  }
  const hasManifest = async (digest: Digest): Promise<boolean> => {
    const response = await head(session, `manifests/${digest}`)
    if (response.status === 200) return true
    if (response.status === 404) return false
    throw await failed(response, host, `HEAD of the manifest ${digest}`)
  }
  const present = async (digest: Digest): Promise<boolean> => {
    if (!seen.has(digest) && (await hasBlob(session, digest))) seen.add(digest)
    return seen.has(digest)
  }
  const onSent: OnSent = ({ digest, size }, sent) => {
    if (size > largeBlob) ports.log.progress(progressText(digest, sent, size, `sent to ${name}`))
  }
  const conditional = openConditionalPut({ putAs, digestOf })
  const ways = openWays(ports.env)
  let collisions = 0
  const lists = listsOf({ api: shared.api, listTags: () => listTags(session) }, steady)
  const { tags } = lists
  const index = openFallbackIndex({
    session,
    name,
    hasManifest,
    listTags: tags,
    conditional,
    ways,
    ports,
  })
  const fallback = { ...index, read: lists.fallbackOf(index) }
  const referrers = openReferrers({ api: lists.api, fallback, name, getManifest, ports })

  const store: Store = {
    kind: 'registry',
    name,
    location: { host: place.host, repository: place.repository },
    identity: name,
    getManifest,
    tag,
    retag,
    resolve: async (reference) => {
      if ('tag' in reference && (await lists.lacks(reference.tag))) return null
      const known = steady && 'digest' in reference ? cache.get(reference.digest) : undefined
      if (known !== undefined) return known.descriptor
      const name = 'digest' in reference ? reference.digest : reference.tag
      return lists.under(name, async () => (await readManifest(name))?.descriptor ?? null)
    },
    tags,
    anew: (held) => openOver(shared, ports, true, held),

    putManifest: async (bytes, mediaType, options = {}) => {
      const { descriptor, ...put } = await putOne({ bytes, mediaType, ...options })
      if (put.content.subject !== undefined)
        await referrers.announce(put.content.subject.digest, [{ descriptor, ...put }])
      if (options.tag !== undefined) await tag(options.tag, descriptor.digest)
      return descriptor
    },
    putManifests: async (manifests, inTurn = false) => {
      const put: PutReferrer[] = []
      for await (const one of inOrder(manifests, inTurn ? 1 : parallel, putOne)) put.push(one)
      const bySubject = Map.groupBy(put, ({ content }) => content.subject?.digest)
      await eachOf([...bySubject], parallel, async ([subject, group]) => {
        if (subject !== undefined) await referrers.announce(subject, group)
      })
      return put.map(({ descriptor }) => descriptor)
    },

    hasBlob: (digest) => present(digest),
    openBlob: async ({ digest, size }) => {
      const known = blobs.get(digest)
      if (known?.length === size) return once(known)
      const bytes =
        (await mirrors.first('digests', (mirror) =>
          pullBlob(mirror, digest, size, `${mirror.host}/${mirror.repository}`),
        )) ?? (await pullBlob(session, digest, size, name))
      return size > largeBlob
        ? told(bytes, (read) => ports.log.progress(progressText(digest, read, size, `read from ${name}`)))
        : size <= keptBlob
          ? keeping(bytes, (all) => blobs.add(digest, all))
          : bytes
    },
    putBlob: async (source) => {
      const known = knownOf(source)
      // A mount answers by itself whether the blob is there.
      const asked = 'stream' in source && (source.absent === true || source.mountFrom !== undefined)
      if (known !== undefined && (asked ? seen.has(known.digest) : await present(known.digest))) return known
      const put = await uploadBlob(session, source, onSent)
      seen.add(put.digest)
      return put
    },
    referrers: (digest, artifactType) => referrers.list(digest, artifactType),
    readReferrers: (digest, onBroken, known) => referrers.read(digest, onBroken, known),
    settle: () => fallback.settle(),
    quietMs: () => ways.quietMs(),
    listing: fallback.listing,
  }
  return unwritten(store, place)
}

function progressText(digest: Digest, done: number, size: number, what: string): string {
  return `${digest.slice(0, 19)}: ${Math.floor(done / (1 << 20))} of ${Math.ceil(size / (1 << 20))} MiB ${what}`
}

async function* told(bytes: ByteSource, onRead: (read: number) => void): AsyncGenerator<Uint8Array> {
  let read = 0
  for await (const piece of bytes) {
    onRead((read += piece.length))
    yield piece
  }
}

/** Gives all bytes of a checked stream to `keep` when it has ended. */
async function* keeping(bytes: ByteSource, keep: (all: Buffer) => void): AsyncGenerator<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const piece of bytes) {
    parts.push(piece)
    yield piece
  }
  keep(Buffer.concat(parts))
}
