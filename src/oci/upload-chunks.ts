import type { HttpResponse } from '../base/ports.ts'
import { TransportError, VerificationError } from '../base/errors.ts'
import type { ByteSource } from '../base/streams.ts'
import { failed, type Session } from './session.ts'
import { finish, nextLocation, startUpload } from './upload.ts'
import type { Known, OnSent } from './upload-body.ts'

/** Bytes of a chunk at first, and at least: it shrinks where a proxy refuses or breaks it. */
const chunkBytes = { first: 8 << 20, least: 64 << 10, most: 128 << 20 } as const
/** Failures in a row that bring no byte into the registry before the upload gives up. */
const mostIdle = 5
/** Sessions that are begun where the registry has forgotten the one before. */
const mostSessions = 4

/** An upload that broke. */
export interface BrokenUpload {
  readonly known: Known
  /** Where the session was. */
  readonly location: URL
  /** Bytes that a chunk must have, but the last. */
  readonly least: number
  /** The source's bytes from an offset on. */
  readonly open: (offset: number) => ByteSource
  /** What broke it: thrown where nothing else can be said. */
  readonly cause: TransportError
  readonly onSent: OnSent
}

interface Place {
  readonly location: URL
  /** Bytes that the registry has. */
  readonly offset: number
}

/**
 * Goes on with an upload in chunks (distribution-spec 1.1, "Pushing a blob in chunks"): the registry says how much it has, and after each PATCH its
 * `Range` is compared with what was sent, because some registries append whatever comes. A session that is lost is begun anew.
 *
 * @throws TransportError where five attempts in a row, or four sessions, bring nothing · VerificationError `digest-mismatch`
 */
export async function resumeUpload(session: Session, broken: BrokenUpload): Promise<Known> {
  const { known, open, cause, onSent } = broken
  const reader = chunkReader(open)
  let size: number = chunkBytes.first
  let run: Run = { sessions: 0, least: broken.least, idle: 0, best: 0, sent: known.size, clean: false }
  let place = await statusOf(session, broken.location)
  try {
    for (;;) {
      // Bytes that nobody sent are the registry's mistake, as where it appended what came twice.
      if (place === null || place.offset > run.sent) {
        if (await isThere(session, known)) return known
        if (run.sessions === mostSessions) throw cause
        if (run.sessions > 0) await session.pause(run.sessions)
        const { least, location } = await startUpload(session)
        run = { sessions: run.sessions + 1, least, idle: 0, best: 0, sent: 0, clean: true }
        place = { location, offset: 0 }
      }
      const { location, offset } = place
      if (offset === known.size) {
        if (await closed(session, location, known, run.clean)) return known
        place = null
        continue
      }
      if (run.least > chunkBytes.most) throw tooLarge(session, run.least)
      const chunk = await reader.read(offset, Math.min(Math.max(size, run.least), known.size - offset))
      const answer = await sendChunk(session, location, offset, chunk)
      run.idle += 1
      run.sent = Math.max(run.sent, offset + chunk.length)
      if (answer === 'lost') place = null
      else if ('location' in answer) place = answer
      else {
        run.clean = false
        const smaller = Math.max(Math.floor(size / 4), chunkBytes.least, run.least)
        if (run.idle >= mostIdle || (answer.tooLarge && smaller >= chunk.length)) throw answer.error
        size = smaller
        await session.pause(run.idle)
        place = await statusOf(session, location)
      }
      if (place !== null && place.offset > run.best) {
        run.best = place.offset
        run.idle = 0
        onSent(known, place.offset)
      }
      if (run.idle >= mostIdle) throw cause
    }
  } finally {
    await reader.close()
  }
}

/** What is known of the session that is written to. */
interface Run {
  sessions: number
  /** Bytes of a chunk that the registry wants at least. */
  least: number
  /** Answers in a row after which the registry had no byte more. */
  idle: number
  best: number
  /** Bytes that may have arrived. */
  sent: number
  /** Whether no connection broke in it, so that a wrong digest is the source's. */
  clean: boolean
}

/** How far the session is; null where the registry does not know it any more. */
async function statusOf(session: Session, location: URL): Promise<Place | null> {
  const response = await session.send(location, { push: true })
  if (response.status === 404) {
    await response.body?.cancel()
    return null
  }
  if (response.status !== 204 && response.status !== 200 && response.status !== 202)
    throw await failed(response, session.host, 'GET of an upload')
  await response.body?.cancel()
  const named = response.headers.get('location') === null ? location : nextLocation(response, location, session.host)
  return { location: named, offset: receivedOf(response) ?? 0 }
}

/**
 * Bytes that a registry says it has, by `Range: 0-END`; null where it says nothing. `0-0` is what docker-registry says of none, and nothing that
 * is sent here ends after one byte.
 */
function receivedOf(response: HttpResponse): number | null {
  const range = response.headers.get('range')
  if (range === null) return null
  const end = /^(?:bytes=)?0-(\d{1,15})$/.exec(range.trim())?.[1]
  return end === undefined || end === '0' ? 0 : Number(end) + 1
}

type Refused = { error: TransportError; tooLarge: boolean }

/** Sends one chunk. @returns where to go on and how far the registry is; `lost`; or why the chunk did not arrive */
async function sendChunk(
  session: Session,
  location: URL,
  offset: number,
  chunk: Buffer,
): Promise<Place | 'lost' | Refused> {
  let response: HttpResponse
  try {
    response = await session.send(location, {
      method: 'PATCH',
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(chunk.length),
        'content-range': `${offset}-${offset + chunk.length - 1}`,
      },
      body: chunk,
      stops: true,
    })
  } catch (error) {
    if (!(error instanceof TransportError) || error.code === 'unauthorized') throw error
    return { error, tooLarge: false }
  }
  if (response.status === 202 || response.status === 204) {
    const received = receivedOf(response)
    const next = nextLocation(response, location, session.host)
    return { location: next, offset: received ?? offset + chunk.length }
  }
  if (response.status === 404) {
    await response.body?.cancel()
    return 'lost'
  }
  const error = await failed(response, session.host, 'PATCH of a chunk')
  if (response.status === 413) return { error, tooLarge: true }
  if (response.status !== 416) throw error
  return (await statusOf(session, location)) ?? 'lost'
}

/** Ends the upload. @returns false where the session was lost, or holds something else because a connection broke in it */
async function closed(session: Session, location: URL, known: Known, clean: boolean): Promise<boolean> {
  try {
    await finish(session, location, known, { length: 0 })
    return true
  } catch (error) {
    if (error instanceof VerificationError && clean) throw error
    if (error instanceof TransportError && error.code === 'unauthorized') throw error
    if (!(error instanceof VerificationError) && !(error instanceof TransportError)) throw error
    return false
  }
}

/** The answer to the last PUT may have been lost with its connection. */
async function isThere(session: Session, { digest }: Known): Promise<boolean> {
  return (await session.send(`blobs/${digest}`, { method: 'HEAD' })).status === 200
}

function tooLarge({ host }: Session, least: number): TransportError {
  return new TransportError(
    'registry-error',
    `${host} takes chunks of at least ${least} bytes (OCI-Chunk-Min-Length); at most ${chunkBytes.most} are supported`,
    { subject: host, remedy: 'Upload over a connection or a proxy that takes the blob in one request.' },
  )
}

/** Reads a source in pieces of a given length, one after the other; where an earlier byte is wanted it is opened again. */
function chunkReader(open: (offset: number) => ByteSource): {
  read(offset: number, length: number): Promise<Buffer>
  close(): Promise<void>
} {
  let source: AsyncIterator<Uint8Array> | null = null
  let position = 0
  let rest: Uint8Array = Buffer.alloc(0)
  const close = async (): Promise<void> => {
    await source?.return?.()
    source = null
    rest = Buffer.alloc(0)
  }
  return {
    close,
    read: async (offset, length) => {
      if (source === null || position !== offset) {
        await close()
        source = open(offset)[Symbol.asyncIterator]()
        position = offset
      }
      const parts = [rest]
      let held = rest.length
      while (held < length) {
        const next = await source.next()
        if (next.done === true) break
        parts.push(next.value)
        held += next.value.length
      }
      const all = Buffer.concat(parts, held)
      if (held < length) throw ended(offset + held)
      rest = all.subarray(length)
      position = offset + length
      return all.subarray(0, length)
    },
  }
}

function ended(bytes: number): VerificationError {
  return new VerificationError('digest-mismatch', `the source of a blob ended after ${bytes} bytes`, {
    subject: 'blob',
    remedy: 'The source is damaged or was changed while it was read: make it again.',
  })
}
