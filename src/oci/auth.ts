import { TransportError } from '../base/errors.ts'
import { isLoopback } from '../base/loopback.ts'
import { isObject, parseJson, type JsonValue } from '../base/json.ts'
import type { HttpRequest, Ports } from '../base/ports.ts'
import { certificatesFor } from './certificates.ts'
import { credentialFiles, type Credential } from './credentials.ts'
import { certificateError } from './endpoint.ts'
import { wholeBody } from './responses.ts'

export type Challenge =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'bearer'
      readonly realm: string
      readonly service: string | null
      readonly scope: string | null
    }

/** A token answer larger than this is no token (oras-go's limit). */
const answerLimit = 128 << 10

/**
 * Reads `WWW-Authenticate` (RFC 9110 §11.6.1), one field or several joined by commas: each parameter belongs to the challenge before it. A Bearer
 * challenge with a realm is taken before Basic. Null when there is neither.
 */
export function parseChallenge(header: string | null): Challenge | null {
  const challenges = challengesOf(header ?? '')
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'))
  const realm = bearer?.parameters.get('realm')
  if (bearer !== undefined && realm !== undefined) {
    const { parameters } = bearer
    return {
      scheme: 'bearer',
      realm,
      service: parameters.get('service') ?? null,
      scope: parameters.get('scope') ?? null,
    }
  }
  return challenges.some(({ scheme }) => scheme === 'basic') ? { scheme: 'basic' } : null
}

interface RawChallenge {
  scheme: string
  parameters: Map<string, string>
}

const name = "([!#$%&'*+.^_`|~0-9A-Za-z-]+)"
const end = '(?=\\s*(?:,|$))'
const parameter = `${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]+))${end}`
/** A scheme, and a token68 that we have no use for. */
const scheme = `${name}(?=\\s|,|$)(?:\\s+[A-Za-z0-9._~+/-]+=*${end})?`
const item = new RegExp(`(?:${parameter}|${scheme})[\\s,]*`, 'y')

/** What cannot be read ends the list: what stood before it counts. */
function challengesOf(header: string): RawChallenge[] {
  const found: RawChallenge[] = []
  const text = header.replace(/^[\s,]+/, '')
  item.lastIndex = 0
  for (let match = item.exec(text); match !== null; match = item.exec(text)) {
    const [, key, quoted, plain, word] = match
    if (word !== undefined) found.push({ scheme: word.toLowerCase(), parameters: new Map() })
    else {
      const { parameters } = found.at(-1) ?? {}
      const lower = key?.toLowerCase() ?? ''
      // Of two with one name the first counts, as it would for a reader that stops there.
      if (parameters?.has(lower) === false) parameters.set(lower, quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '')
    }
    if (item.lastIndex >= text.length) break
  }
  return found
}

/** A bearer token and how long it counts. */
export interface Token {
  readonly value: string
  /** Milliseconds from the answer on. */
  readonly lifetimeMs: number
  /** A new identity token, which takes the place of the one that was sent. */
  readonly refresh: string | null
}

export interface TokenRequest {
  readonly challenge: Challenge & { scheme: 'bearer' }
  /** `repository:NAME:pull,push` */
  readonly scopes: readonly string[]
  readonly credential: Credential | null
  /** The registry. */
  readonly host: string
  /** Its origin as it is reached. */
  readonly base: URL
}

type Sent = { status: number; body: string }

/**
 * Gets a bearer token (Docker's token protocol): GET with Basic credentials or none, and POST `grant_type=refresh_token` for an identity token, or
 * GET with it as the password where a service does not take the POST.
 *
 * @throws TransportError `unauthorized`, `registry-error`
 */
export async function fetchToken(request: TokenRequest, ports: Ports): Promise<Token> {
  const { challenge, scopes, credential, host, base } = request
  const realm = checkRealm(challenge.realm, host, base)
  const fields: [string, string][] = challenge.service === null ? [] : [['service', challenge.service]]
  const query = withQuery(realm, [...fields, ...scopes.map((scope): [string, string] => ['scope', scope])])
  const tls = await (realm.protocol === 'https:' ? certificatesFor(realm.host, ports) : undefined)
  const send = async (url: string, options: HttpRequest): Promise<Sent> => {
    // A redirect could carry the password to a host that nobody named.
    const response = await ports.http.request(url, { ...options, redirect: 'manual', tls }).catch((error: unknown) => {
      throw certificateError(error, realm.host, ports) ?? error
    })
    const body = String(await wholeBody(response, { host: realm.host }, answerLimit, `the answer of ${realm.host}`))
    return { status: response.status, body }
  }
  const login = (pair: { username: string; password: string } | null): HttpRequest => ({
    headers: pair === null ? {} : { authorization: basic(pair) },
  })
  let answer: Sent
  if (credential?.kind === 'identity') {
    const form: [string, string][] = [
      ['grant_type', 'refresh_token'],
      ['refresh_token', credential.token],
      ['client_id', 'sealwright'],
      ...fields,
      ['scope', scopes.join(' ')],
    ]
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const body = new URLSearchParams(form).toString()
    answer = await send(realm.href, { method: 'POST', headers, body })
    if (noPost.has(answer.status)) {
      const { username, token: password } = credential
      answer = await send(query, login({ username: username ?? '<token>', password }))
    }
  } else answer = await send(query, login(credential?.kind === 'basic' ? credential : null))
  if (answer.status === 401 || answer.status === 403)
    throw unauthorized(host, credential, `${realm.host} gives no token for ${scopes.join(' ')}`, ports)
  if (answer.status !== 200) {
    throw new TransportError('registry-error', `${realm.host} answered ${answer.status} instead of a token`, {
      subject: host,
      remedy: 'Try again; if it stays, ask the operator of the token service.',
    })
  }
  const token = readToken(answer.body, realm.host)
  ports.log.mask(token.value)
  return token
}

/** Answers of services that know no POST, or take an identity token only as a password (Artifactory, older Quay). */
const noPost: ReadonlySet<number> = new Set([401, 404, 405])

/** The value of a Basic `Authorization` header. */
export function basic(credential: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${credential.username}:${credential.password}`, 'utf8').toString('base64')}`
}

/** The error for a registry that refuses; it names the file that the credential comes from, or those in which one was looked for. */
export function unauthorized(host: string, credential: Credential | null, what: string, ports: Ports): TransportError {
  return new TransportError(
    'unauthorized',
    `${what}: ${credential === null ? 'no credentials were found' : `the credentials of ${credential.source} are refused`}`,
    {
      subject: host,
      remedy:
        credential === null
          ? howToLogIn(host, ports)
          : `Check that the account may do this, and log in to ${host} again.`,
    },
  )
}

function howToLogIn(host: string, { env, remote }: Ports): string {
  // A worker is asked for its credentials by nobody but its step, which looks where the job's environment says.
  if (remote !== undefined)
    return `Log in to ${host} in the job first (docker login, skopeo login, or REGISTRY_AUTH_FILE).`
  const named = env['REGISTRY_AUTH_FILE']
  if (named !== undefined && named !== '')
    return `REGISTRY_AUTH_FILE is set, so only ${named} is read: log in with it (skopeo login --authfile ${named} ${host}), or unset it.`
  return `Log in to ${host} first (docker login or skopeo login). Looked in ${credentialFiles({ env }).join(', ')}.`
}

function checkRealm(text: string, host: string, base: URL): URL {
  const realm = URL.canParse(text) ? new URL(text) : null
  // Over plain http anybody on the way would read the password; a plain registry may name a service of its own, and on this machine any.
  const safe =
    realm?.protocol === 'https:' ||
    (realm?.protocol === 'http:' &&
      ((isLoopback(realm.host) && isLoopback(host)) || (base.protocol === 'http:' && realm.host === base.host)))
  if (realm === null || !safe) {
    throw new TransportError(
      'registry-error',
      `${host} names ${JSON.stringify(text)} as its token service, which is not https`,
      { subject: host, remedy: "Ask the registry's operator to name an https address." },
    )
  }
  return realm
}

/** A service that does not say how long a token counts means 60 s, and none may say less (distribution, "Token Response Fields"). */
const shortestS = 60
const longestS = 86_400

function readToken(body: string, host: string): Token {
  let answer: JsonValue
  try {
    answer = parseJson(body, `the answer of ${host}`)
  } catch (cause) {
    throw new TransportError('registry-error', `${host} answered something that is no token`, { subject: host, cause })
  }
  const members = isObject(answer) ? answer : {}
  const value = members['access_token'] ?? members['token']
  const { expires_in: seconds, refresh_token: refresh } = members
  if (typeof value !== 'string' || !tokenForm.test(value))
    throw new TransportError('registry-error', `${host} answered without a token`, { subject: host })
  const lifetimeS = typeof seconds === 'number' && seconds > shortestS ? Math.min(seconds, longestS) : shortestS
  return {
    value,
    lifetimeMs: lifetimeS * 1000,
    refresh: typeof refresh === 'string' && refresh !== '' ? refresh : null,
  }
}
const tokenForm = /^[\x21-\x7e]+$/

function withQuery(realm: URL, fields: readonly [string, string][]): string {
  const url = new URL(realm)
  for (const [key, value] of fields) url.searchParams.append(key, value)
  return url.href
}
