import type { HttpResponse } from '../base/ports.ts'
import { TransportError, VerificationError } from '../base/errors.ts'
import { verified, type ByteSource } from '../base/streams.ts'
import { missingBlob } from './referrers.ts'
import { bodyOf, lengthOf, usualPace } from './responses.ts'
import { failed, type Session } from './session.ts'
import type { Digest } from './types.ts'
import { bodyTimeoutMs } from './upload.ts'

/** Connections in a row that break and bring nothing new, or next to nothing, before the pull gives up. */
const mostIdle = 4

/**
 * Streams a blob of a registry (distribution-spec 1.1, "Pulling blobs"). A connection that breaks is taken up again where it ended (RFC 9110
 * §14.2), so that a large layer survives a slow line. Digest and size are checked when the stream ends.
 *
 * @throws VerificationError `missing-blob`, `digest-mismatch` · TransportError when four connections in a row bring no byte
 */
export async function pullBlob(session: Session, digest: Digest, size: number, name: string): Promise<ByteSource> {
  const first = await ask(session, digest, size, 0, name)
  return verified(resumed(first, session, digest, size, name), { digest, size }, name)
}

async function* resumed(
  first: HttpResponse,
  session: Session,
  digest: Digest,
  size: number,
  name: string,
): AsyncGenerator<Uint8Array> {
  let response = first
  let done = 0
  for (let idle = 0; ;) {
    const before = done
    let failure: TransportError | undefined
    try {
      for await (const piece of after(response, done, session)) {
        done += piece.length
        yield piece
        // What follows the last byte is looked at, too: a blob longer than its descriptor is no good blob.
      }
    } catch (error) {
      if (!(error instanceof TransportError)) throw error
      failure = error
    }
    if (failure === undefined && done >= size) return
    // One that is held open by a byte now and then would go on for years.
    const least = failure?.code === 'timeout' ? (session.pace ?? usualPace).bytes : 1
    idle = done - before >= least ? 0 : idle + 1
    // A body that ends early without an error is as long as the registry has it, if asking for the rest brings nothing.
    if (failure === undefined && idle > 0) return
    if (idle >= mostIdle) throw failure
    await session.pause(idle + 1)
    response = await ask(session, digest, size, done, name)
    if (response.status === 416) return
  }
}

/** The bytes of an answer from `offset` on: a server that ignores `Range` sends all of them. */
async function* after(response: HttpResponse, offset: number, session: Session): AsyncGenerator<Uint8Array> {
  let skip = offset
  if (response.status === 206) {
    const start = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1]
    if (start === undefined || Number(start) > offset) {
      await response.body?.cancel()
      throw new TransportError('registry-error', `${session.host} answers another range than asked for`, {
        subject: session.host,
      })
    }
    skip = offset - Number(start)
  }
  for await (const piece of bodyOf(response, session)) {
    const cut = Math.min(skip, piece.length)
    skip -= cut
    if (cut < piece.length) yield cut === 0 ? piece : piece.subarray(cut)
  }
}

async function ask(
  session: Session,
  digest: Digest,
  size: number,
  offset: number,
  name: string,
): Promise<HttpResponse> {
  const range: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` }
  const response = await session.send(`blobs/${digest}`, {
    timeoutMs: bodyTimeoutMs(size - offset),
    headers: { 'accept-encoding': 'identity', ...range },
  })
  if (response.status === 200 || (offset > 0 && response.status === 206)) {
    const length = lengthOf(response)
    if (response.status === 206 || length === null || length <= size) return response
    await response.body?.cancel()
    throw new VerificationError(
      'digest-mismatch',
      `${digest} in ${name} should have ${size} bytes, but ${length} are sent`,
      {
        subject: digest,
        remedy: 'The stored copy is damaged or was changed: publish it again from its source.',
      },
    )
  }
  if (response.status === 404 || (offset > 0 && response.status === 416)) {
    await response.body?.cancel()
    if (response.status === 416) return response
    throw missingBlob(digest, name)
  }
  throw await failed(response, session.host, `GET of ${digest}`)
}
