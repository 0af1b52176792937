import { InputError, TransportError, VerificationError } from '../../base/errors.ts'
import { isPrivateUrl } from '../../base/loopback.ts'
import type { Ports } from '../../base/ports.ts'
import { retriedStatuses, retryWait } from '../../base/retry.ts'
import { wholeBody } from '../../oci/responses.ts'
import { readProblem } from './problem.ts'
import { readServiceKeys, type ServiceKey } from './services.ts'

/** A transparency service that speaks SCRAPI (draft-ietf-scitt-scrapi). */
export interface ScrapiService {
  readonly url: URL
  /** Bearer token, or null. */
  readonly token: string | null
  /** Longest time to wait for a registration, in milliseconds. */
  readonly patienceMs: number
}

export interface Registration {
  readonly receipt: Buffer
  /** Where the service keeps it; null where it does not say. */
  readonly location: string | null
}

const limits = { receipt: 1 << 20, keys: 1 << 18, problem: 1 << 14 } as const
const timeoutMs = 30_000
const longestWaitMs = 30_000
const mediaType = 'application/cose'

/**
 * The address of a service.
 *
 * @throws InputError `input-invalid` for anything but https, or http on loopback, without credentials, query and fragment
 */
export function scrapiUrl(text: string, option: string): URL {
  if (isPrivateUrl(text)) {
    const url = new URL(text)
    if (url.username === '' && url.password === '' && url.search === '' && url.hash === '') return url
  }
  throw new InputError('input-invalid', `\`${option}\`: "${text}" is not the address of a transparency service`, {
    subject: option.replace(/^--/, ''),
    remedy: 'Use https://HOST[/PATH], or http on this machine.',
  })
}

/**
 * Registers a signed statement (SCRAPI §2.1.2, §2.1.3) and waits for its receipt: 201 gives it at once, 303 leads to a place that answers 302 while the
 * registration runs. The receipt is not verified here.
 *
 * @throws TransportError `log-error` for a service that does not answer as it should or in time; VerificationError `denied` for a refusal by its policy
 */
export async function registerStatement(
  service: ScrapiService,
  statement: Uint8Array,
  ports: Ports,
): Promise<Registration> {
  const deadline = ports.clock.monotonic() + service.patienceMs
  let target = under(service.url, 'entries')
  let method: 'POST' | 'GET' = 'POST'
  for (let attempt = 1; ; attempt++) {
    const response = await ports.http.request(target.href, {
      method,
      headers: {
        accept: mediaType,
        ...(method === 'POST' ? { 'content-type': mediaType } : {}),
        ...(service.token === null ? {} : { authorization: `Bearer ${service.token}` }),
      },
      body: method === 'POST' ? statement : undefined,
      redirect: 'manual',
      timeoutMs,
    })
    const { status, headers } = response
    const location = headers.get('location')
    if (status === 201 || (status === 200 && method === 'GET')) {
      const receipt = await wholeBody(response, target, limits.receipt, `the receipt of ${target.host}`)
      if (receipt.length === 0) throw wrong(service.url, `${status} without a receipt`)
      const kept = location === null ? (method === 'GET' ? target : null) : samePlace(target, location, service.url)
      return { receipt, location: kept?.href ?? null }
    }
    const runs = status === 303 || status === 302
    const body = await wholeBody(response, target, limits.problem, `the answer of ${target.host}`)
    if (runs) {
      if (location === null) throw wrong(service.url, `${status} without a location`)
      if (status === 302 && method === 'POST') throw wrong(service.url, '302 to a registration')
      target = samePlace(target, location, service.url)
      method = 'GET'
      attempt = 1
    } else if (!retriedStatuses.has(status)) throw refusal(service.url, status, body)
    const waitMs = retryWait({
      retryAfter: headers.get('retry-after'),
      attempt,
      now: ports.clock.now(),
      chance: ports.random(1)[0] ?? 0,
      firstMs: runs ? 250 : 500,
      mostMs: longestWaitMs,
    })
    if (ports.clock.monotonic() + waitMs > deadline)
      throw wrong(service.url, runs ? 'that the registration still runs' : `${status} until the time was over`)
    ports.log.debug(`${target.host} answered ${status}; asking again in ${Math.round(waitMs)} ms`)
    await ports.clock.sleep(waitMs)
  }
}

/**
 * The keys that a service publishes (SCRAPI §2.1.1): a COSE_KeySet, as it was sent and as it was read. They are as trustworthy as the connection.
 *
 * @throws TransportError `log-error`; InputError `file-invalid` where no key in it can be read
 */
export async function publishedKeys(url: URL, ports: Ports): Promise<{ bytes: Buffer; keys: ServiceKey[] }> {
  const target = under(url, '.well-known/scitt-keys')
  const response = await ports.http.request(target.href, {
    headers: { accept: 'application/cbor' },
    redirect: 'manual',
    timeoutMs,
  })
  const body = await wholeBody(response, target, limits.keys, `the keys of ${target.host}`)
  if (response.status !== 200) throw wrong(url, `${response.status} to a request for its keys`)
  return { bytes: body, keys: readServiceKeys(body, target.href) }
}

function under(base: URL, path: string): URL {
  return new URL(path, base.href.endsWith('/') ? base : `${base.href}/`)
}

/** A location of the same service: a foreign one would get the token, and could answer for it. */
function samePlace(from: URL, location: string, service: URL): URL {
  const target = URL.canParse(location, from.href) ? new URL(location, from) : null
  if (target?.origin === service.origin) return target
  throw wrong(service, 'with a location on another host')
}

function refusal(url: URL, status: number, body: Buffer): Error {
  const { title, detail } = readProblem(body)
  const said = [title, detail].filter((text) => text !== null).join(': ')
  if (status < 400 || status >= 500) return wrong(url, `${status}${said === '' ? '' : ` (${said})`}`)
  if (status === 401 || status === 403)
    return new TransportError('unauthorized', `${url.host} does not accept this client: ${said || status}`, {
      subject: url.host,
      remedy: 'Check the token.',
    })
  return new VerificationError('denied', `${url.host} did not register the statement: ${said || status}`, {
    subject: url.host,
    remedy: 'Compare the statement with the registration policy of the service.',
  })
}

function wrong({ host }: URL, what: string): TransportError {
  return new TransportError('log-error', `${host} answered ${what}`, {
    subject: host,
    remedy: 'Check the address of the transparency service, or try again: a statement may be registered twice.',
  })
}
