import { createHash, timingSafeEqual, type KeyObject } from 'node:crypto'
import { VerificationError } from '../../../base/errors.ts'
import type { Ports } from '../../../base/ports.ts'
import type { CborValue } from '../../../encoding/cbor/types.ts'
import { encodeCbor } from '../../../encoding/cbor/write.ts'
import { coseKeyOf, coseKeyThumbprint } from '../../../sign/cose/key.ts'
import { statementMediaType } from '../../scitt/statement.ts'
import type { Answer, Reply } from '../http.ts'
import { Rate } from './rate.ts'
import { problemReply, Refusal } from './refusal.ts'
import type { Register } from './register.ts'

/** What a served register says of itself. */
export interface ScrapiOptions {
  readonly register: Register
  /** Keys that receipts are or were signed with, the current one first. */
  readonly keys: readonly KeyObject[]
  /** Address that clients see, without a slash at its end; null where they see this server itself. */
  readonly url: string | null
  /** Bearer token that registrations need; null lets anybody try. */
  readonly token: string | null
  /** Longest time that a client waits for its receipt before it is sent to ask for it, in milliseconds. */
  readonly waitMs: number
  /** Registrations a minute. */
  readonly perMinute: number
  readonly ports: Ports
}

const cose = 'application/cose'
const keysPath = '/.well-known/scitt-keys'
const entriesPath = '/entries'
/** Seconds after which a client asks for a receipt again. */
const pollSeconds = 1

function isScrapiPath(path: string): boolean {
  return [keysPath, entriesPath].some((own) => path === own || path.startsWith(`${own}/`))
}

/** Errors of requests that were not read whole, as concise problem details. */
export function scrapiErrors(path: string, thrown: unknown): Reply | null {
  if (!isScrapiPath(path)) return null
  return problemReply(
    thrown instanceof VerificationError ? new Refusal(413, 'Statement Too Large', thrown.message) : thrown,
  )
}

/**
 * Answers of a transparency service (draft-ietf-scitt-scrapi §2): its keys, registrations and receipts.
 *
 * @returns null for a path that is not SCRAPI's
 */
export function scrapiAnswers(options: ScrapiOptions): Answer {
  const rate = new Rate(options.perMinute, options.ports.clock)
  const published = options.keys.map((key) => {
    const kid = coseKeyThumbprint(key)
    return { kid, key: new Map<CborValue, CborValue>([...coseKeyOf(key), [2, kid]]) }
  })
  const answer = async (method: string, path: string, body: Buffer, headers: Headers): Promise<Reply> => {
    const part = (own: string): string => decoded(path.slice(own.length + 1))
    if (path === entriesPath) {
      requireMethod(method, ['POST'])
      return registered(options, rate, body, headers)
    }
    requireMethod(method, ['GET', 'HEAD'])
    if (path.startsWith(`${entriesPath}/`)) return looked(options, part(entriesPath))
    if (path === keysPath) return cbor(published.map(({ key }) => key))
    const found = published.find(({ kid }) => kid.toString('base64url') === part(keysPath))
    if (found === undefined) throw new Refusal(404, 'No such key', 'No key could be found for this kid value')
    return cbor(found.key)
  }
  return async (method, path, body, headers) => {
    if (!isScrapiPath(path)) return null
    try {
      return await answer(method, path, body, headers)
    } catch (thrown) {
      const reply = problemReply(thrown)
      if (reply.status === 503) options.ports.log.warn(`a registration failed: ${String(thrown)}`)
      return reply
    }
  }
}

/** POST /entries (SCRAPI §2.3): 201 with the receipt, or 303 to where it will be. */
async function registered(options: ScrapiOptions, rate: Rate, body: Buffer, headers: Headers): Promise<Reply> {
  // Who has no token takes nothing of the rate from those who have it.
  requireToken(options.token, headers.get('authorization'))
  const wait = rate.take()
  if (wait > 0)
    throw new Refusal(429, 'Too Many Requests', `Only ${options.perMinute} requests per minute are allowed`, wait)
  const type = (headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  if (type !== cose && type !== statementMediaType)
    throw new Refusal(415, 'Unsupported Media Type', `send a signed statement as ${cose} or ${statementMediaType}`)
  const { id, receipt } = options.register.register(body)
  const location = locationOf(options, id)
  // A failure that comes while the client waits is its answer; a later one is kept for whoever asks.
  const done = await within(receipt, options)
  if (done !== null) return { status: 201, type: cose, body: done, headers: { location } }
  return running(303, location)
}

/** The receipt, or null where it takes longer than a client waits. */
async function within(receipt: Promise<Buffer>, { ports, waitMs }: ScrapiOptions): Promise<Buffer | null> {
  const stop = new AbortController()
  const patience = ports.clock.sleep(waitMs, stop.signal).then(
    () => null,
    () => null,
  )
  try {
    return await Promise.race([receipt, patience])
  } finally {
    stop.abort()
  }
}

/** GET /entries/ID (SCRAPI §2.4, §2.5): a fresh receipt, or 302 to itself while the registration runs. */
async function looked(options: ScrapiOptions, id: string): Promise<Reply> {
  if (!/^[0-9a-f]{64}$/.test(id))
    throw new Refusal(400, 'Invalid locator', 'a locator ends with 64 lower-case hex digits')
  const location = locationOf(options, id)
  const found = await options.register.look(id)
  if (found === null)
    throw new Refusal(404, 'Not Found', `Receipt with entry ID ${id} not known to this Transparency Service`)
  return found === 'running' ? running(302, location) : { status: 200, type: cose, body: found, headers: { location } }
}

function running(status: number, location: string): Reply {
  return { status, type: cose, body: '', headers: { location, 'retry-after': String(pollSeconds) } }
}

function locationOf({ url }: ScrapiOptions, id: string): string {
  return `${url ?? ''}${entriesPath}/${id}`
}

function cbor(value: CborValue): Reply {
  return { status: 200, type: 'application/cbor', body: encodeCbor(value) }
}

function requireMethod(method: string, allowed: readonly string[]): void {
  if (!allowed.includes(method))
    throw new Refusal(405, 'Method Not Allowed', `use ${allowed.join(' or ')} at this address`)
}

/** Digests are compared, so that the time does not tell how much of a token was right. */
function requireToken(token: string | null, given: string | null): void {
  if (token === null) return
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  if (!timingSafeEqual(digest(`Bearer ${token}`), digest(given ?? '')))
    throw new Refusal(401, 'Unauthorized', 'registrations need the bearer token of this service')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Refusal(400, 'Malformed request', 'the address is not valid percent-encoding')
  }
}
