import type { HttpResponse } from '../base/ports.ts'
import { TransportError, VerificationError } from '../base/errors.ts'
import type { ByteSource } from '../base/streams.ts'
import { readListing } from './listing.ts'
import { isIndexType, isVagueType } from './manifest.ts'
import { pagesOf } from './pages.ts'
import { bodyOf, mediaTypeIn, wholeBody } from './responses.ts'
import { failed, type Session } from './session.ts'
import { mediaTypes, type Descriptor, type Digest } from './types.ts'
import { bodyTimeoutMs } from './upload.ts'

/** An answer that says why there is none. */
const reasonBytes = 64 << 10
/** A long listing may take as long as a large blob: that much of it a slow line brings in this time. */
export const listingTimeoutMs = bodyTimeoutMs(256 << 20)

/** The listing of referrers by the registry itself (distribution-spec 1.1, end-12). */
export interface ReferrersApi {
  /**
   * All pages. No answer means "none" by itself, since anything between may give an empty one: the fallback tag is read beside it.
   *
   * @returns null where the registry lacks the API
   * @throws TransportError `registry-error` for a listing that is not one, does not end, or leads in a circle
   */
  list(digest: Digest, artifactType?: string): Promise<Descriptor[] | null>
}

export function openReferrersApi(session: Session, name: string): ReferrersApi {
  /** The registry said that it knows no such path, so it is not asked again for each of thousands of manifests. */
  let lacks = false
  /** Until the first answer is there: it says whether the registry has the API, so that others wait for it. */
  let first: Promise<void> | null = null

  const isLacking = async (response: HttpResponse): Promise<boolean> => {
    const { status } = response
    if ([400, 404, 405, 501].includes(status)) {
      const text = await wholeBody(response, session, reasonBytes, 'an error').then(String, () => '')
      // What it says of a repository or manifest that is not there yet says nothing of the API.
      lacks = status !== 400 && !/NAME_UNKNOWN|MANIFEST_UNKNOWN/.test(text)
      return true
    }
    if (status !== 200) throw await failed(response, session.host, `GET of referrers in ${name}`)
    // A proxy that gives its start page for every unknown path knows no API: the answer has to be an index (distribution-spec 1.1).
    const type = mediaTypeIn(response)
    if (isIndexType(type) || isVagueType(type)) return false
    await response.body?.cancel()
    return true
  }

  const list = async (digest: Digest, artifactType?: string): Promise<Descriptor[] | null> => {
    if (first !== null) {
      await first
      return lacks ? null : allOf(digest, artifactType)
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    first = promise
    try {
      return await allOf(digest, artifactType, resolve)
    } finally {
      resolve()
    }
  }

  /** @param onAnswer hears that the first answer is there */
  const allOf = async (
    digest: Digest,
    artifactType: string | undefined,
    onAnswer: () => void = () => {},
  ): Promise<Descriptor[] | null> => {
    const found: Descriptor[] = []
    const counted = { bytes: 0, entries: 0 }
    const subject = `the referrers of ${digest} in ${name}`
    const filter = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`
    const known = new Set<Digest>()
    const request = { headers: { accept: mediaTypes.index }, timeoutMs: listingTimeoutMs }
    let begins = true
    for await (const response of pagesOf(session, `referrers/${digest}${filter}`, subject, request, () => known.size)) {
      if (begins && (await isLacking(response))) return null
      begins = false
      onAnswer()
      if (response.status !== 200) throw await failed(response, session.host, `GET of ${subject}`)
      // `OCI-Filters-Applied` needs no look: what comes is filtered by its own manifests anyway.
      for await (const entry of readPage(bodyOf(response, session), subject, counted)) {
        known.add(entry.digest)
        found.push(entry)
      }
    }
    return found
  }

  /** The registry itself writes this document: one that is none says nothing about the image, and is not refused as if it did. */
  async function* readPage(
    body: ByteSource,
    subject: string,
    counted: { bytes: number; entries: number },
  ): AsyncGenerator<Descriptor> {
    try {
      yield* readListing(body, subject, { counted, nullIsNone: true })
    } catch (cause) {
      if (!(cause instanceof VerificationError)) throw cause
      throw new TransportError('registry-error', cause.message, {
        subject: session.host,
        cause,
        remedy: "Try again; if it stays, ask the registry's operator.",
      })
    }
  }
  return { list }
}
