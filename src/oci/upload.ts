import { openAsBlob } from 'node:fs'
import { TransportError, VerificationError } from '../base/errors.ts'
import { digesting, sha256, type ByteSource } from '../base/streams.ts'
import { repositoryScope } from './scopes.ts'
import { failed, type Session } from './session.ts'
import type { BlobSource, Digest } from './types.ts'

type Known = { digest: Digest; size: number }

/** Time that a body of this size may take: two minutes and a slow line's 50 kB/s. */
export function bodyTimeoutMs(size: number): number {
  return 120_000 + Math.ceil(size / 50)
}

/** Digest and size of a source, where they are known before it is read. */
export function knownOf(source: BlobSource): Known | undefined {
  if ('bytes' in source) return { digest: sha256(source.bytes), size: source.bytes.length }
  return 'path' in source ? { digest: source.digest, size: source.size } : source.expect
}

/**
 * Uploads a blob (distribution-spec 1.1, "Pushing blobs"): POST and one PUT with a length where the digest is known, else POST, one
 * streamed PATCH and a closing PUT. The registry checks the digest; a file is sent by reference and may be sent again.
 *
 * @throws VerificationError `digest-mismatch` · TransportError · what the source throws
 */
export async function uploadBlob(session: Session, source: BlobSource): Promise<Known> {
  const known = knownOf(source)
  if ('bytes' in source && known !== undefined) {
    return finish(session, await start(session), known, { body: source.bytes, length: known.size })
  }
  if ('path' in source && known !== undefined) {
    const body = await openAsBlob(source.path)
    if (body.size !== known.size) throw differs(known, `${source.path} has ${body.size} bytes`)
    return finish(session, await start(session), known, { body, length: known.size })
  }
  if (!('stream' in source)) throw new TypeError('a blob source of no known kind')
  const mounted =
    known === undefined || source.mountFrom === undefined ? null : await mount(session, known.digest, source.mountFrom)
  if (mounted === 'there' && known !== undefined) return known
  const location = mounted instanceof URL ? mounted : await start(session)
  const flow = watched(source.stream)
  const { stream, result } = digesting(flow.stream)
  try {
    if (known !== undefined) {
      const done = await finish(session, location, known, { body: stream, length: known.size, once: true })
      const found = result()
      if (found.digest !== known.digest || found.size !== known.size)
        throw differs(known, `${found.digest} (${found.size} bytes) came`)
      return done
    }
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
    // A failed source shows itself as a failed request: the reader wants to know the reason.
    throw flow.failure() ?? error
  }
}

async function start(session: Session): Promise<URL> {
  const response = await session.send('blobs/uploads/', { method: 'POST', headers: { 'content-length': '0' } })
  if (response.status !== 202) throw await failed(response, session.host, 'POST of an upload')
  return nextLocation(response, null, session.host)
}

/**
 * Asks for a blob of another repository (distribution-spec 1.1, "Mounting a blob from another repository").
 *
 * @returns `there`; or where to send it, since a registry may answer with an upload; null where it refuses
 */
async function mount(session: Session, digest: Digest, from: string): Promise<URL | 'there' | null> {
  const query = new URLSearchParams({ mount: digest, from })
  const response = await session
    .send(`blobs/uploads/?${query.toString()}`, {
      method: 'POST',
      headers: { 'content-length': '0' },
      scopes: [repositoryScope(from, 'pull')],
    })
    .catch((error: unknown) => {
      if (error instanceof TransportError && error.code === 'unauthorized') return null
      throw error
    })
  if (response?.status === 202) return nextLocation(response, null, session.host)
  await response?.body?.cancel()
  if (response?.status !== 201) return null
  const told = response.headers.get('docker-content-digest')
  if (told?.startsWith('sha256:') && told !== digest)
    throw new VerificationError(
      'digest-mismatch',
      `${session.host} was asked to mount ${digest} of ${from}, but mounted ${told}`,
      {
        subject: digest,
        remedy: "Ask the registry's operator.",
      },
    )
  return 'there'
}

async function finish(
  session: Session,
  location: URL,
  known: Known,
  data: { body?: Uint8Array | Blob | ByteSource; length: number; once?: boolean },
): Promise<Known> {
  const url = new URL(location)
  // The registry's own query carries its state: it is added to, never rebuilt.
  url.search = `${url.search === '' ? '?' : `${url.search}&`}digest=${encodeURIComponent(known.digest)}`
  const response = await session.send(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(data.length) },
    body: data.body,
    once: data.once,
    timeoutMs: bodyTimeoutMs(data.length),
  })
  if (response.status === 400 || response.status === 416) {
    const reason = await failed(response, session.host, `PUT of ${known.digest}`)
    throw /DIGEST_INVALID|SIZE_INVALID/.test(reason.message) ? differs(known, reason.message) : reason
  }
  if (response.status !== 201 && response.status !== 204)
    throw await failed(response, session.host, `PUT of ${known.digest}`)
  await response.body?.cancel()
  const told = response.headers.get('docker-content-digest')
  if (told?.startsWith('sha256:') && told !== known.digest) throw differs(known, `the registry stored ${told}`)
  return known
}

function nextLocation(response: Response, before: URL | null, host: string): URL {
  const text = response.headers.get('location')
  const from = before?.href ?? response.url
  if (text === null || !URL.canParse(text, from)) {
    throw new TransportError('registry-error', `${host} started an upload without a valid Location`, { subject: host })
  }
  void response.body?.cancel().catch(() => {})
  return new URL(text, from)
}

function differs(known: Known, why: string): VerificationError {
  return new VerificationError('digest-mismatch', `${known.digest} (${known.size} bytes) was expected, but ${why}`, {
    subject: known.digest,
    remedy: 'The source is damaged or was changed while it was read: make it again.',
  })
}

/** Remembers what a source threw, which `fetch` hides behind an error of its own. */
function watched(source: ByteSource): { stream: ByteSource; failure: () => unknown } {
  let failure: unknown
  async function* flow(): AsyncGenerator<Uint8Array> {
    try {
      yield* source
    } catch (error) {
      failure = error
      throw error
    }
  }
  return { stream: flow(), failure: () => failure }
}
