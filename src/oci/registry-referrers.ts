import { TransportError, VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { inOrder } from '../base/in-order.ts'
import type { ByteSource } from '../base/streams.ts'
import { fallbackTag } from './digest.ts'
import { readListing } from './listing.ts'
import { acceptManifests, isIndex, isIndexType, isVagueType, manifestBytes } from './manifest.ts'
import { byDigest, imageUnderFallback, pickReferrers, readListed, referrerOf, type OnBroken } from './referrers.ts'
import { bodyOf, mediaTypeIn, nextPage } from './responses.ts'
import { failed, type Session } from './session.ts'
import { mediaTypes, type Descriptor, type Digest, type Index, type Manifest, type StoredManifest } from './types.ts'
import { bodyTimeoutMs } from './upload.ts'

const writes = 8
/** Some registries list 50 at a time: pages for as many entries as a listing may have. */
const pages = 20_000
/** Manifests that are fetched at a time. */
const parallel = 4
/** A long listing may take as long as a large blob: that much of it a slow line brings in this time. */
const listingTimeoutMs = bodyTimeoutMs(256 << 20)

interface Tools {
  session: Session
  name: string
  getManifest(digest: Digest): Promise<StoredManifest>
  fetchManifest(reference: string): Promise<StoredManifest | null>
  hasManifest(digest: Digest): Promise<boolean>
  putAs(reference: string, bytes: Uint8Array, mediaType: string): Promise<Response>
  ports: Ports
}

/** A referrer that was put. */
export interface PutReferrer {
  readonly descriptor: Descriptor
  readonly content: Manifest | Index
  /** The registry answered with `OCI-Subject`. */
  readonly processed: boolean
}

/** Referrers of one repository: the API where the registry has it, else the fallback tag (distribution-spec 1.1). */
export function openReferrers(tools: Tools): {
  list(digest: Digest, artifactType?: string): Promise<Descriptor[]>
  read(digest: Digest, onBroken: OnBroken): AsyncGenerator<StoredManifest>
  /** After the PUT of referrers of one subject: lists those that the registry does not list by itself, with one write. */
  announce(subject: Digest, referrers: readonly PutReferrer[]): Promise<void>
} {
  const { session, name, ports } = tools
  let turn: Promise<void> = Promise.resolve()

  /** The listing of the API, or null where the registry lacks it. */
  const fromApi = async (digest: Digest, artifactType?: string): Promise<Descriptor[] | null> => {
    const found: Descriptor[] = []
    const counted = { bytes: 0, entries: 0 }
    const subject = `the referrers of ${digest} in ${name}`
    const filter = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`
    let target: string | URL | null = `referrers/${digest}${filter}`
    for (let page = 0; target !== null; page++) {
      const response: Response = await session.send(target, {
        headers: { accept: mediaTypes.index },
        timeoutMs: listingTimeoutMs,
      })
      if (page === 0 && [400, 404, 405, 501].includes(response.status)) {
        await response.body?.cancel()
        return null
      }
      if (response.status !== 200) throw await failed(response, session.host, `GET of ${subject}`)
      // A proxy that gives its start page for every unknown path knows no API: the answer has to be an index (distribution-spec 1.1).
      const type = mediaTypeIn(response)
      if (page === 0 && !isIndexType(type) && !isVagueType(type)) {
        await response.body?.cancel()
        return null
      }
      if (page >= pages) {
        await response.body?.cancel()
        throw new TransportError('registry-error', `${subject}: the listing has more than ${pages} pages`, { subject })
      }
      // `OCI-Filters-Applied` needs no look: what comes is filtered by its own manifests anyway.
      await readPage(bodyOf(response, session.host), subject, counted, found)
      target = nextPage(response, target, session)
    }
    return found
  }

  /** The registry itself writes this document: one that is none says nothing about the image, and is not refused as if it did. */
  const readPage = async (
    body: ByteSource,
    subject: string,
    counted: { bytes: number; entries: number },
    found: Descriptor[],
  ): Promise<void> => {
    try {
      for await (const entry of readListing(body, subject, { counted, nullIsNone: true })) found.push(entry)
    } catch (cause) {
      if (!(cause instanceof VerificationError)) throw cause
      throw new TransportError('registry-error', cause.message, {
        subject: session.host,
        cause,
        remedy: "Try again; if it stays, ask the registry's operator.",
      })
    }
  }

  const readFallback = (digest: Digest): Promise<StoredManifest | null> => tools.fetchManifest(fallbackTag(digest))

  async function* read(digest: Digest, onBroken: OnBroken, artifactType?: string): AsyncGenerator<StoredManifest> {
    let listed = (await fromApi(digest, artifactType)) ?? []
    // Some registries answer with an empty list without having the API: the fallback tag then knows better.
    if (listed.length === 0) listed = await fallbackListing(digest, onBroken)
    yield* readListed(listed, digest, (wanted) => tools.getManifest(wanted), parallel, onBroken)
  }

  /**
   * Anybody who may push writes this tag: what it holds beside a listing lists nothing. It is read as a listing, not as a manifest, so that
   * entries of strangers neither make it too large nor unreadable.
   */
  const fallbackListing = async (digest: Digest, onBroken: OnBroken): Promise<Descriptor[]> => {
    const tag = fallbackTag(digest)
    const response = await session.send(`manifests/${tag}`, {
      headers: { accept: acceptManifests },
      timeoutMs: listingTimeoutMs,
    })
    if (response.status === 404) {
      await response.body?.cancel()
      return []
    }
    if (response.status !== 200) throw await failed(response, session.host, `GET of the manifest ${tag}`)
    const type = mediaTypeIn(response)
    if (!isIndexType(type) && !isVagueType(type)) {
      await response.body?.cancel()
      imageUnderFallback(response.headers.get('docker-content-digest') ?? tag, name, ports.log)
      return []
    }
    try {
      const found: Descriptor[] = []
      for await (const entry of readListing(bodyOf(response, session.host), `${name}:${tag}`)) found.push(entry)
      return found
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      onBroken({ manifest: digest, error })
      return []
    }
  }

  const list = (digest: Digest, artifactType?: string): Promise<Descriptor[]> => {
    const onBroken: OnBroken = ({ manifest }) =>
      ports.log.debug(`${name} lists ${manifest} as a referrer of ${digest}, but it cannot be read`)
    return pickReferrers(read(digest, onBroken, artifactType), artifactType)
  }

  /** Entries whose manifests are there, readable or not. */
  const present = async (entries: readonly Descriptor[]): Promise<Descriptor[]> => {
    const found: Descriptor[] = []
    const look = async (item: Descriptor): Promise<Descriptor | null> =>
      (await tools.hasManifest(item.digest)) ? item : null
    for await (const item of inOrder(entries, parallel, look)) if (item !== null) found.push(item)
    return found
  }

  /**
   * Adds to the fallback index: read, union, write, read back. Registries know no conditional write, so another writer may have
   * replaced ours between; then it is done again.
   */
  const addToFallback = async (subject: Digest, entries: readonly Descriptor[]): Promise<void> => {
    const tag = fallbackTag(subject)
    for (let attempt = 0; attempt < writes; attempt++) {
      const stored = await readFallback(subject)
      if (stored !== null && !isIndex(stored.content)) {
        throw new TransportError(
          'registry-error',
          `the tag ${tag} of ${name}, which must list referrers, names an image`,
          {
            subject: `${name}:${tag}`,
            remedy: 'cosign copy leaves such tags. Delete the tag, or use a registry with the referrers API.',
          },
        )
      }
      const manifests = stored !== null && isIndex(stored.content) ? stored.content.manifests : []
      const missing = absentIn(manifests, entries)
      if (missing.length === 0) return
      const put = (others: readonly Descriptor[]): Promise<Response> => {
        const index: Index = {
          ...(stored !== null && isIndex(stored.content) ? stored.content : undefined),
          schemaVersion: 2,
          mediaType: mediaTypes.index,
          manifests: [...others, ...missing].sort(byDigest),
        }
        return tools.putAs(tag, manifestBytes(index), mediaTypes.index)
      }
      try {
        await put(manifests)
      } catch (error) {
        if (!(error instanceof VerificationError) || error.code !== 'missing-blob') throw error
        // Registries refuse an index that lists what a retention rule deleted: such an entry leads nowhere, so nothing is lost with it.
        await put(await present(manifests))
      }
      // Writers that collide wait for unequal times, so that one of them comes last and sees all.
      if (attempt > 0) await ports.clock.sleep((ports.random(1)[0] ?? 0) * attempt)
      const after = await readFallback(subject)
      if (after !== null && isIndex(after.content) && absentIn(after.content.manifests, entries).length === 0) return
    }
    throw new TransportError(
      'registry-error',
      `${name} keeps losing entries of ${tag}: other writers change it at the same time`,
      {
        subject: `${name}:${tag}`,
        remedy: 'Let one job at a time attach to an image, and run this again.',
      },
    )
  }

  const announce = async (subject: Digest, referrers: readonly PutReferrer[]): Promise<void> => {
    // The header alone is no proof (a registry sent it without having the API), nor is an answer of the API.
    const api = await fromApi(subject)
    const unlisted = referrers.filter(
      ({ descriptor, processed }) => api === null || !(processed || api.some((d) => d.digest === descriptor.digest)),
    )
    if (unlisted.length === 0) return
    // One writer at a time here; only other processes are left to collide with.
    const mine = turn.then(() =>
      addToFallback(
        subject,
        unlisted.map(({ descriptor, content }) => referrerOf(descriptor, content)),
      ),
    )
    turn = mine.catch(() => {})
    await mine
  }

  return { list, read: (digest, onBroken) => read(digest, onBroken), announce }
}

function absentIn(listed: readonly Descriptor[], entries: readonly Descriptor[]): Descriptor[] {
  const there = new Set(listed.map(({ digest }) => digest))
  return entries.filter(({ digest }) => !there.has(digest))
}
