import { TransportError } from '../base/errors.ts'
import type { HttpHeaders } from '../base/ports.ts'

/** Cookies that one session keeps; a load balancer adds one or two of its own. */
const limits = { count: 8, bytes: 4096 } as const
const sessionName = 'kbs-session-id'

/** `name=value` at the start of each `Set-Cookie`. Dates in attributes have a comma too, but no name after it. */
const pair = /(?:^|, )([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=([\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*)(?=;|,|$)/g

/**
 * Cookies of one session after an answer: the KBS's own, and those by which a load balancer leads each request to the same server (coco.md §1.1).
 *
 * @param before what the session holds; a newer value takes the place of an older one
 * @throws TransportError `kbs-error` for two different session cookies in one answer, one that is no session id, and more or larger cookies than a KBS sets
 */
export function nextCookies(
  headers: HttpHeaders,
  before: ReadonlyMap<string, string>,
  url: string,
): Map<string, string> {
  const jar = new Map(before)
  const now = new Map<string, string>()
  for (const [, name = '', value = ''] of (headers.get('set-cookie') ?? '').matchAll(pair)) {
    const first = now.get(name) ?? value
    if (name === sessionName && first !== value) throw refused(url, 'sets two different session cookies')
    now.set(name, value)
    jar.set(name, value)
  }
  const session = now.get(sessionName)
  if (session !== undefined && !/^[0-9a-f]{32}$/.test(session))
    throw refused(url, 'sets a cookie that is no session id')
  if (jar.size > limits.count || cookieHeader(jar).length > limits.bytes)
    throw refused(url, 'sets more cookies than a KBS has')
  return jar
}

/** Whether the KBS opened a session. */
export function hasSession(jar: ReadonlyMap<string, string>): boolean {
  return jar.has(sessionName)
}

/** The value of a `Cookie` header. */
export function cookieHeader(jar: ReadonlyMap<string, string>): string {
  return [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
}

function refused(url: string, what: string): TransportError {
  return new TransportError('kbs-error', `${url} ${what}`, { subject: url, remedy: 'Check that this is a KBS.' })
}
