import { InputError, VerificationError } from '../base/errors.ts'
import { eachOf } from '../base/each-of.ts'
import { inOrder } from '../base/in-order.ts'
import { isObject, parseJson } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { collect, digestLike, once, type ByteSource } from '../base/streams.ts'
import { isAttachedTag, isDigest } from './digest.ts'
import { acceptManifests, digestOfNew, isVagueType, manifestLimit, mediaTypeOf, parseManifest } from './manifest.ts'
import { openMirrors, unwritten } from './mirrors.ts'
import { openConditionalPut } from './conditional-put.ts'
import { openFallbackIndex } from './fallback-index.ts'
import { pullBlob } from './pull.ts'
import { openWays } from './quiet-time.ts'
import { isTag } from './reference.ts'
import { placeOf } from './registries-conf.ts'
import { byteCache } from './byte-cache.ts'
import { missingBlob } from './referrers.ts'
import { listsOf } from './lists-once.ts'
import { refusedManifest, withoutAlgorithm } from './refused-manifest.ts'
import { openReferrersApi, type ReferrersApi } from './referrers-api.ts'
import { openReferrers, type PutReferrer } from './registry-referrers.ts'
import { bodyOf, mediaTypeIn, nextPage } from './responses.ts'
import { failed, openSession, type Session } from './session.ts'
import type { Descriptor, Digest, NewManifest, Store, StoredManifest } from './types.ts'
import { otherDigest, uploadBlob } from './upload.ts'
import { knownOf, type OnSent } from './upload-body.ts'

const listLimit = 4 << 20
/** Bytes of manifests and of small blobs that are held. */
const cacheLimit = { manifests: 16 << 20, blobs: 8 << 20 } as const
/** Manifests that are put at a time. */
const parallel = 8
/** Blobs of up to this many bytes are kept once they were read. */
const keptBlob = 128 << 10
/** Blobs of more bytes say how far they are. */
const largeBlob = 64 << 20
/** Milliseconds before a manifest is put again whose blobs the registry says it lacks. */
const unknownBlobPauses: readonly number[] = [100, 400]

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
function openOver(shared: Shared, ports: Ports, steady = false): Store {
  const { host, session, mirrors, place, name } = shared
  const cache = byteCache<StoredManifest>(cacheLimit.manifests, ({ bytes }) => bytes.length)
  const keep = (stored: StoredManifest): void => cache.add(stored.descriptor.digest, stored)
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
    const stored = cache.get(digest) ?? (await readManifest(digest))
    if (stored === null) throw missingBlob(digest, name)
    return stored
  }
  const putAs = async (
    reference: string,
    bytes: Uint8Array,
    mediaType: string,
    conditions?: Record<string, string>,
  ): Promise<Response> => {
    for (let attempt = 0; ; attempt++) {
      const response = await session.send(`manifests/${reference}`, {
        method: 'PUT',
        headers: { 'content-type': mediaType, ...conditions },
        body: bytes,
      })
      if (response.status === 201 || (response.status === 412 && conditions !== undefined)) {
        await response.body?.cancel()
        return response
      }
      const refused = await failed(response, host, `PUT of the manifest ${reference}`)
      const error = response.status === 400 ? withoutAlgorithm(reference, host, refused) : refused
      if (error instanceof InputError) throw error
      if (!/MANIFEST_BLOB_UNKNOWN|BLOB_UNKNOWN|MANIFEST_UNKNOWN/.test(error.message))
        throw refusedManifest(error, reference)
      // Two jobs that sign at once upload the same payload: docker-registry does not know a blob while another client's upload replaces it.
      const pause = unknownBlobPauses[attempt]
      if (pause === undefined) {
        throw new VerificationError('missing-blob', error.message, {
          subject: reference,
          remedy: 'Push what the manifest names first.',
          cause: error,
        })
      }
      await ports.clock.sleep(pause)
    }
  }
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
    if ((await digestOf(tagName)) === digest) return
    const { bytes, descriptor } = await getManifest(digest)
    await putAs(tagName, bytes, descriptor.mediaType)
  }
  const putOne = async ({ bytes, mediaType, digest: named, absent }: NewManifest): Promise<PutReferrer> => {
    const digest = digestOfNew(bytes, named)
    const content = parseManifest(bytes, mediaType, digest)
    const descriptor: Descriptor = { mediaType, digest, size: bytes.length }
    const there = absent !== true && (await digestOf(digest)) === digest
    const response = there ? null : await putAs(digest, bytes, mediaType)
    keep({ descriptor, bytes: Buffer.from(bytes), content })
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
  const written = openFallbackIndex({
    session,
    name,
    hasManifest,
    listTags: tags,
    conditional,
    ways,
    ports,
  })
  const fallback = { ...written, read: lists.fallbackOf(written) }
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
      return (await readManifest('digest' in reference ? reference.digest : reference.tag))?.descriptor ?? null
    },
    tags,
    anew: () => openOver(shared, ports, true),

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

/** GET of a manifest by tag or digest; null for 404. What came is checked against the digest asked for. */
async function getManifestOf(session: Session, reference: string, name: string): Promise<StoredManifest | null> {
  const response = await session.send(`manifests/${reference}`, { headers: { accept: acceptManifests } })
  if (response.status === 404) {
    await response.body?.cancel()
    return null
  }
  if (response.status === 400)
    throw withoutAlgorithm(
      reference,
      session.host,
      await failed(response, session.host, `GET of the manifest ${reference}`),
    )
  if (response.status !== 200) throw await failed(response, session.host, `GET of the manifest ${reference}`)
  const bytes = await collect(bodyOf(response, session.host), manifestLimit, `${name}: manifest ${reference}`)
  const digest = digestLike(isDigest(reference) ? reference : undefined, bytes)
  if (isDigest(reference) && reference !== digest) {
    throw new VerificationError('digest-mismatch', `${name} gives ${digest} for ${reference}`, {
      subject: reference,
      remedy: 'The stored copy is damaged or was changed: publish it again from its source.',
    })
  }
  const header = otherDigest(response, digest)
  if (header !== null) {
    throw new VerificationError('digest-mismatch', `${name} says that ${reference} is ${header}, and gives ${digest}`, {
      subject: reference,
      remedy: "Ask the registry's operator: Docker-Content-Digest must name the bytes that are sent.",
    })
  }
  const told = mediaTypeIn(response)
  const mediaType = isVagueType(told) ? mediaTypeOf(bytes, `${name}@${digest}`) : told
  return {
    descriptor: { mediaType, digest, size: bytes.length },
    bytes,
    content: parseManifest(bytes, mediaType, `${name}@${digest}`),
  }
}

/** HEAD; or, where a proxy lets none through (405), the answer to GET without its body. */
async function head(session: Session, target: string): Promise<Response> {
  const headers = target.startsWith('manifests/') ? { accept: acceptManifests } : {}
  const response = await session.send(target, { method: 'HEAD', headers })
  if (response.status !== 405) return response
  const whole = await session.send(target, { headers })
  if (whole.status === 200) await whole.body?.cancel()
  return whole
}

async function hasBlob(session: Session, digest: Digest): Promise<boolean> {
  const response = await head(session, `blobs/${digest}`)
  if (response.status === 200) return true
  if (response.status === 404) return false
  throw await failed(response, session.host, `HEAD of ${digest}`)
}

async function listTags(session: Session): Promise<string[]> {
  const tags = new Set<string>()
  let target: string | URL | null = 'tags/list'
  for (let page = 0; target !== null; page++) {
    const response: Response = await session.send(target)
    // A repository that nothing was pushed to is not known to the registry.
    if (response.status === 404 && page === 0) {
      await response.body?.cancel()
      return []
    }
    if (response.status !== 200 || page > 1000) throw await failed(response, session.host, 'GET of the tags')
    const subject = `the tags of ${session.host}/${session.repository}`
    const body = parseJson(
      (await collect(bodyOf(response, session.host), listLimit, subject)).toString('utf8'),
      subject,
    )
    const list = isObject(body) ? (body['tags'] ?? []) : null
    if (!Array.isArray(list)) throw new VerificationError('format-invalid', `${subject} are not a list`, { subject })
    for (const tag of list) if (typeof tag === 'string' && isTag(tag)) tags.add(tag)
    target = nextPage(response, target, session)
  }
  return [...tags].sort()
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
