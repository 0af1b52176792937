import { TransportError, VerificationError } from '../base/errors.ts'
import { eachOf } from '../base/each-of.ts'
import { inOrder } from '../base/in-order.ts'
import type { HttpResponse, Ports } from '../base/ports.ts'
import { digestLike, digesting, sha256 } from '../base/streams.ts'
import type { ConditionalPut, Standing } from './conditional-put.ts'
import { fallbackTag } from './digest.ts'
import { readWrittenIndex, writtenIndexBytes, type WrittenIndex } from './written-index.ts'
import { readListing } from './listing.ts'
import { acceptManifests, isIndexType, isVagueType, manifestLimit } from './manifest.ts'
import type { Ways } from './quiet-time.ts'
import { imageUnderFallback, listedOf, type OnBroken } from './referrers.ts'
import { listingTimeoutMs } from './referrers-api.ts'
import { bodyOf, mediaTypeIn, wholeBody } from './responses.ts'
import { failed, type Session } from './session.ts'
import { mediaTypes, type Descriptor, type Digest, type WrittenListing } from './types.ts'

/** How often a write is tried before its run gives up. */
const writes = 16
/** How often entries that were lost are written again before their run gives up. */
const looks = 12
/** Manifests and indexes that are looked for at a time. */
const parallel = 4

interface Tools {
  session: Session
  name: string
  hasManifest(digest: Digest): Promise<boolean>
  listTags(): Promise<string[]>
  conditional: ConditionalPut
  ways: Ways
  ports: Ports
}

/** Where the tag stands, and the list there; null for none. */
interface State {
  at: Standing | null
  list: WrittenIndex | null
}

/** The referrers tag schema of one repository: an index under `sha256-HEX` (distribution-spec 1.1, "Unavailable Referrers API"). */
export interface FallbackIndex {
  /** What the index of a manifest lists. Something else under its tag lists nothing. */
  read(subject: Digest, onBroken: OnBroken): Promise<Descriptor[]>
  /** Adds entries with one write; what is listed already is not written. @throws TransportError `registry-error` */
  add(subject: Digest, entries: readonly Descriptor[]): Promise<void>
  /**
   * Waits until all entries that were added here have stood for the quiet time, and adds again what other writers took out.
   *
   * @throws TransportError `registry-error` naming the entries that get lost again and again
   */
  settle(): Promise<void>
  readonly listing: WrittenListing
}

export function openFallbackIndex(tools: Tools): FallbackIndex {
  const { session, name, conditional, ways, ports } = tools
  const { clock } = ports
  /** Entries that another writer may still take out, by subject. */
  const open = new Map<Digest, Map<Digest, Descriptor>>()
  /**
   * All that any index was seen to list. A writer who lost a race writes back what the winner had not read, so that many writers agree after few
   * rounds; what somebody takes out on purpose in these seconds is listed once more.
   */
  const seen = new Map<Digest, Map<Digest, Descriptor>>()
  let lastWrite = 0
  const turns = new Map<Digest, Promise<void>>()

  /** What stands under the tag; null for nothing. */
  const get = async (tag: string): Promise<HttpResponse | null> => {
    const response = await session.send(`manifests/${tag}`, {
      headers: { accept: acceptManifests },
      timeoutMs: listingTimeoutMs,
    })
    if (response.status === 200) return response
    if (response.status !== 404) throw await failed(response, session.host, `GET of the manifest ${tag}`)
    await response.body?.cancel()
    return null
  }

  /**
   * Anybody who may push writes this tag: it is read as a listing, not as a manifest, so that entries of strangers neither make it too large
   * nor unreadable.
   */
  const read = async (subject: Digest, onBroken: OnBroken): Promise<Descriptor[]> => {
    const tag = fallbackTag(subject)
    const response = await get(tag)
    if (response === null) return []
    const type = mediaTypeIn(response)
    if (!isIndexType(type) && !isVagueType(type)) {
      await response.body?.cancel()
      const named = response.headers.get('docker-content-digest') ?? tag
      if (named !== subject) imageUnderFallback(named, name, ports.log)
      return []
    }
    const { stream, result } = digesting(bodyOf(response, session), subject)
    try {
      const found: Descriptor[] = []
      for await (const entry of readListing(stream, `${name}:${tag}`)) found.push(entry)
      // GitLab takes the tag for the digest and answers with the image, whose children are no referrers of it.
      return result().digest === subject ? [] : found
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      onBroken({ manifest: subject, error })
      return []
    }
  }

  /** The list to be extended, or null where there is none. @throws TransportError for something else under the tag */
  const standing = async (subject: Digest, replaceImage = false): Promise<State> => {
    const tag = fallbackTag(subject)
    const response = await get(tag)
    if (response === null) return { at: null, list: null }
    const bytes = await wholeBody(response, session, manifestLimit, `${name}:${tag}`)
    const digest = sha256(bytes)
    const at = { digest, etag: response.headers.get('etag') }
    const isImage = digestLike(subject, bytes) === subject
    const list = isImage ? null : readWrittenIndex(bytes)
    if (list !== null) return { at, list }
    // GitLab answers for a tag that nobody wrote; `cosign copy` writes the image under that tag, and somebody may count on it.
    if (isImage && !(await tools.listTags()).includes(tag)) return { at: null, list: null }
    if (replaceImage) return { at, list: null }
    const what = isImage ? 'the image itself' : `something else (${digest})`
    throw new TransportError('registry-error', `the tag ${tag} of ${name}, which must list referrers, names ${what}`, {
      subject: `${name}:${tag}`,
      remedy:
        'cosign copy leaves such tags. Delete the tag, or have sealwright repair replace it (`--replace-image`); the image stays under its digest.',
    })
  }

  /** Entries whose manifests are there, readable or not. */
  const present = async (entries: readonly Descriptor[]): Promise<Descriptor[]> => {
    const found: Descriptor[] = []
    const look = async (item: Descriptor): Promise<Descriptor | null> =>
      (await tools.hasManifest(item.digest)) ? item : null
    for await (const item of inOrder(entries, parallel, look)) if (item !== null) found.push(item)
    return found
  }

  /** One read, union and write. @returns whether the entries are listed afterwards */
  const attempt = async (subject: Digest, entries: readonly Descriptor[]): Promise<boolean> => {
    const tag = fallbackTag(subject)
    const begin = clock.monotonic()
    const { at, list } = await standing(subject)
    const listed = list?.entries ?? []
    const missing = absentIn(listed, entries)
    if (missing.length === 0) return true
    const known = seen.get(subject) ?? new Map<Digest, Descriptor>()
    seen.set(subject, known)
    for (const entry of entries) known.delete(entry.digest)
    const manifests = [...listed, ...absentIn(listed, [...known.values()])]
    for (const entry of manifests) known.set(entry.digest, entry)
    const put = (others: readonly Descriptor[]): Promise<boolean> =>
      conditional.put(tag, writtenIndexBytes(list, [...others, ...missing]), mediaTypes.index, at)
    let written: boolean
    try {
      written = await put(manifests)
    } catch (error) {
      if (!(error instanceof VerificationError) || error.code !== 'missing-blob') throw error
      // Registries refuse an index that lists what a retention rule deleted: such an entry leads nowhere, so nothing is lost with it.
      written = await put(await present(manifests))
    }
    lastWrite = clock.monotonic()
    ways.took(lastWrite - begin)
    // A condition that held needs no second look.
    if (!written || conditional.exact === true) return written
    return absentIn((await standing(subject)).list?.entries ?? [], entries).length === 0
  }

  const write = async (subject: Digest, entries: readonly Descriptor[]): Promise<void> => {
    for (let i = 0; i < writes; i++) {
      if (await attempt(subject, entries)) {
        if (conditional.exact === true) return
        const known = open.get(subject) ?? new Map<Digest, Descriptor>()
        for (const entry of entries) known.set(entry.digest, entry)
        open.set(subject, known)
        return
      }
      // Writers that collide wait for unequal times, so that one of them comes last and sees all.
      await clock.sleep((ports.random(1)[0] ?? 0) * (i + 1))
    }
    throw losing(subject, entries)
  }

  const losing = (subject: Digest, entries: readonly Descriptor[]): TransportError => {
    const lost = entries.map(({ digest }) => digest).join(', ')
    return new TransportError(
      'registry-error',
      `${name} keeps losing entries of ${fallbackTag(subject)}, because other writers change it at the same time. Not listed for certain: ${lost}`,
      {
        subject: `${name}:${fallbackTag(subject)}`,
        remedy: 'Let one job at a time attach to an image, and run this again. sealwright repair lists them, too.',
      },
    )
  }

  /** One writer of each index at a time here; only other processes are left to collide with. */
  const add = async (subject: Digest, entries: readonly Descriptor[]): Promise<void> => {
    const mine = (turns.get(subject) ?? Promise.resolve()).then(() => write(subject, entries))
    turns.set(
      subject,
      mine.catch(() => {}),
    )
    await mine
  }

  const settle = async (): Promise<void> => {
    const quiet = ways.quietMs()
    for (let look = 0; open.size > 0; look++) {
      const rest = lastWrite + quiet - clock.monotonic()
      // Unequal pauses keep two writers from meeting again.
      await clock.sleep(Math.max(0, rest) + (look === 0 ? 0 : ((ports.random(1)[0] ?? 0) / 255) * quiet))
      await eachOf([...open], parallel, async ([subject, known]) => {
        const entries = [...known.values()]
        const lost = absentIn((await standing(subject)).list?.entries ?? [], entries)
        if (lost.length === 0) open.delete(subject)
        else if (look >= looks) throw losing(subject, lost)
        else await add(subject, entries)
      })
    }
  }

  const rewrite: WrittenListing['rewrite'] = async (subject, change, { replaceImage } = {}) => {
    const tag = fallbackTag(subject)
    for (let i = 0; i < writes; i++) {
      const { at, list } = await standing(subject, replaceImage)
      const before = list?.entries ?? []
      const manifests = change(before)
      if (manifests === before || (at === null && manifests.length === 0)) return
      const bytes = writtenIndexBytes(list, manifests)
      if (await conditional.put(tag, bytes, mediaTypes.index, at)) return
    }
    throw losing(subject, [])
  }
  const listing: WrittenListing = {
    entries: async (subject) => (await standing(subject, true)).list?.entries ?? null,
    entryOf: ({ descriptor, content }) => listedOf(descriptor, content),
    rewrite,
  }

  return { read, add, settle, listing }
}

function absentIn(listed: readonly Descriptor[], entries: readonly Descriptor[]): Descriptor[] {
  const there = new Set(listed.map(({ digest }) => digest))
  return entries.filter(({ digest }) => !there.has(digest))
}
