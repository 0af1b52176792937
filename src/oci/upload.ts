import type { HttpResponse } from '../base/ports.ts'
import { TransportError, VerificationError } from '../base/errors.ts'
import { algorithmOf, digesting, type ByteSource } from '../base/streams.ts'
import { isDigest } from './digest.ts'
import { repositoryScope } from './scopes.ts'
import { failed, type Session } from './session.ts'
import type { BlobSource, Digest } from './types.ts'
import {
  bodyOf,
  differs,
  knownOf,
  smallStream,
  watched,
  type Known,
  type OnSent,
  type UploadBody,
} from './upload-body.ts'

/** Longest time that a timer takes, about 25 days: a longer one would ring at once, and anybody who may push writes the size of a descriptor. */
const longestMs = 2 ** 31 - 1

/** Time that a body of this size may take: two minutes and a slow line's 50 kB/s. */
export function bodyTimeoutMs(size: number): number {
  return Math.min(longestMs, 120_000 + Math.ceil(size / 50))
}

/**
 * Uploads a blob (distribution-spec 1.1, "Pushing blobs"): POST and one PUT with a length where the digest is known, else POST, one
 * streamed PATCH and a closing PUT. The registry checks the digest. Where the one PUT breaks, is too large for the registry or a proxy, or its
 * session is lost, a source that can be read again goes on in chunks where the registry's bytes end.
 *
 * @throws VerificationError `digest-mismatch` · TransportError · what the source throws
 */
export async function uploadBlob(session: Session, source: BlobSource, onSent: OnSent = () => {}): Promise<Known> {
  const known = knownOf(source)
  if (known === undefined) {
    if (!('stream' in source)) throw new TypeError('a blob source of no known kind')
    return uploadUnknown(session, source.stream)
  }
  const mountFrom = 'stream' in source ? source.mountFrom : undefined
  const mounted = mountFrom === undefined ? null : await mount(session, known.digest, mountFrom)
  if (mounted === 'there') return known
  let begun: Begun | null = mounted === null ? null : { location: mounted, least: 0 }
  let read: UploadBody | null = null
  const asked = inOne.get(session)
  if (begun === null && known.size <= smallStream && (asked === undefined || (await asked))) {
    // What the registry does with the first one is what it does with all: the others wait for its answer.
    const { promise, resolve } = Promise.withResolvers<boolean>()
    if (asked === undefined) inOne.set(session, promise)
    let answer: Begun | 'there' | null
    try {
      read = await bodyOf(source, known, onSent)
      answer = await postWhole(session, known, read.body)
    } catch (error) {
      if (asked === undefined) inOne.delete(session)
      resolve(true)
      throw error
    }
    resolve(answer === 'there')
    if (answer === 'there') return known
    begun = answer
  }
  const begin = async (): Promise<Begun> => begun ?? startUpload(session)
  // A small blob is read while the registry opens the upload.
  const [{ location, least }, body] = await Promise.all([begin(), read ?? bodyOf(source, known, onSent)])
  let cause: TransportError
  try {
    const done = await finish(session, location, known, body)
    body.check()
    return done
  } catch (error) {
    // A failed source shows itself as a failed request: the reader wants to know the reason.
    const failure = body.failure()
    if (failure !== undefined) throw failure
    if (body.again === null || !(error instanceof TransportError) || error.code === 'unauthorized') throw error
    cause = error
  }
  const { resumeUpload } = await import('./upload-chunks.ts')
  return resumeUpload(session, { known, location, least, open: body.again, cause, onSent })
}

/** Whether a registry takes a blob with the POST. */
const inOne = new WeakMap<Session, Promise<boolean>>()

/** An upload that the registry has begun: where it goes on, and the fewest bytes that a chunk but the last may have. */
interface Begun {
  readonly location: URL
  readonly least: number
}

/**
 * Sends a small blob with the POST itself (distribution-spec 1.1, "Single POST"), which a registry may answer by opening an upload as usual.
 *
 * @returns `there`; or the upload that it opened; null where it refuses
 */
async function postWhole(session: Session, known: Known, body: UploadBody['body']): Promise<Begun | 'there' | null> {
  const response = await session
    .send(`blobs/uploads/?digest=${encodeURIComponent(known.digest)}`, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(known.size) },
      body,
    })
    .catch((error: unknown) => {
      if (error instanceof TransportError && error.code === 'registry-error') return null
      throw error
    })
  if (response?.status === 202) return begunBy(response, session)
  await response?.body?.cancel()
  if (response?.status !== 201) return null
  const told = otherDigest(response, known.digest)
  if (told !== null) throw differs(known, `the registry stored ${told}`)
  return 'there'
}

/** A blob whose digest comes out at the end of its stream. */
async function uploadUnknown(session: Session, source: ByteSource): Promise<Known> {
  const { location } = await startUpload(session)
  const flow = watched(source)
  const { stream, result } = digesting(flow.stream)
  try {
    const patched = await session.send(location, {
      method: 'PATCH',
      headers: { 'content-type': 'application/octet-stream' },
      body: stream,
      once: true,
      timeoutMs: bodyTimeoutMs(1 << 30),
    })
    if (patched.status !== 202) throw await failed(patched, session.host, 'PATCH of a blob')
    const found = result() as Known
    return await finish(session, nextLocation(patched, location, session.host), found, { length: 0 })
  } catch (error) {
    throw flow.failure() ?? error
  }
}

export async function startUpload(session: Session): Promise<Begun> {
  const response = await session.send('blobs/uploads/', { method: 'POST', headers: { 'content-length': '0' } })
  if (response.status !== 202) throw await failed(response, session.host, 'POST of an upload')
  return begunBy(response, session)
}

function begunBy(response: HttpResponse, session: Session): Begun {
  const least = Number(response.headers.get('oci-chunk-min-length') ?? 0)
  return {
    location: nextLocation(response, null, session.host),
    least: Number.isSafeInteger(least) && least > 0 ? least : 0,
  }
}

/**
 * Asks for a blob of another repository (distribution-spec 1.1, "Mounting a blob from another repository").
 *
 * @returns `there`; or where to send it, since a registry may answer with an upload; null where it refuses
 */
async function mount(session: Session, digest: Digest, repository: string): Promise<URL | 'there' | null> {
  const query = new URLSearchParams({ mount: digest, from: repository })
  const response = await session
    .send(`blobs/uploads/?${query.toString()}`, {
      method: 'POST',
      headers: { 'content-length': '0' },
      scopes: [repositoryScope(repository, 'pull')],
    })
    .catch((error: unknown) => {
      if (error instanceof TransportError && error.code === 'unauthorized') return null
      throw error
    })
  if (response?.status === 202) return nextLocation(response, null, session.host)
  await response?.body?.cancel()
  if (response?.status !== 201) return null
  const told = otherDigest(response, digest)
  if (told !== null)
    throw new VerificationError(
      'digest-mismatch',
      `${session.host} was asked to mount ${digest} of ${repository}, but mounted ${told}`,
      {
        subject: digest,
        remedy: "Ask the registry's operator.",
      },
    )
  return 'there'
}

/** The PUT that ends an upload, with all of its bytes or none. @throws as {@link uploadBlob} */
export async function finish(
  session: Session,
  location: URL,
  known: Known,
  data: Partial<Pick<UploadBody, 'body' | 'once' | 'stops'>> & Pick<UploadBody, 'length'>,
): Promise<Known> {
  const url = new URL(location)
  // The registry's own query carries its state: it is added to, never rebuilt.
  url.search = `${url.search === '' ? '?' : `${url.search}&`}digest=${encodeURIComponent(known.digest)}`
  const response = await session.send(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(data.length) },
    body: data.body,
    once: data.once,
    stops: data.stops,
    timeoutMs: bodyTimeoutMs(data.length),
  })
  if (response.status === 400 || response.status === 416) {
    const reason = await failed(response, session.host, `PUT of ${known.digest}`)
    throw /DIGEST_INVALID|SIZE_INVALID/.test(reason.message) ? differs(known, reason.message) : reason
  }
  if (response.status !== 201 && response.status !== 204)
    throw await failed(response, session.host, `PUT of ${known.digest}`)
  await response.body?.cancel()
  const told = otherDigest(response, known.digest)
  if (told !== null) throw differs(known, `the registry stored ${told}`)
  return known
}

/** A digest that an answer names in place of ours; one of another algorithm is no contradiction. */
export function otherDigest(response: HttpResponse, digest: Digest): Digest | null {
  const told = response.headers.get('docker-content-digest')
  return isDigest(told) && algorithmOf(told) === algorithmOf(digest) && told !== digest ? told : null
}

/** Where an upload goes on: each answer names it anew. */
export function nextLocation(response: HttpResponse, before: URL | null, host: string): URL {
  const text = response.headers.get('location')
  const base = before?.href ?? response.url
  if (text === null || !URL.canParse(text, base)) {
    throw new TransportError('registry-error', `${host} started an upload without a valid Location`, { subject: host })
  }
  void response.body?.cancel().catch(() => {})
  return new URL(text, base)
}
