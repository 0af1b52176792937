import { TransportError } from '../base/errors.ts'
import { isLoopback } from '../base/loopback.ts'
import { isObject, parseJson } from '../base/json.ts'
import type { HttpRequest, Ports } from '../base/ports.ts'
import { collect, type ByteSource } from '../base/streams.ts'
import { credentialFiles, type Credential } from './credentials.ts'

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

/**
 * Gets a bearer token (Docker's token protocol): GET with Basic credentials or none, and POST `grant_type=refresh_token` for an identity token.
 *
 * @param scopes `repository:NAME:pull,push`
 * @returns the token
 * @throws TransportError `unauthorized`, `registry-error`
 */
export async function fetchToken(
  challenge: Challenge & { scheme: 'bearer' },
  scopes: readonly string[],
  credential: Credential | null,
  host: string,
  ports: Ports,
): Promise<string> {
  const realm = checkRealm(challenge.realm, host)
  const fields: [string, string][] = challenge.service === null ? [] : [['service', challenge.service]]
  const request: { url: string; options: HttpRequest } =
    credential?.kind === 'identity'
      ? {
          url: realm.href,
          options: {
            method: 'POST',
            headers: { 'content-type': 'application/x-www-form-urlencoded' },
            body: new URLSearchParams([
              ['grant_type', 'refresh_token'],
              ['refresh_token', credential.token],
              ['client_id', 'sealwright'],
              ...fields,
              ['scope', scopes.join(' ')],
            ]).toString(),
          },
        }
      : {
          url: withQuery(realm, [...fields, ...scopes.map((scope): [string, string] => ['scope', scope])]),
          options: { headers: credential?.kind === 'basic' ? { authorization: basic(credential) } : {} },
        }
  // A redirect could carry the password to a host that nobody named.
  const response = await ports.http.request(request.url, { ...request.options, redirect: 'manual' })
  const body =
    response.body === null
      ? ''
      : (await collect(response.body as ByteSource, answerLimit, `the answer of ${realm.host}`)).toString('utf8')
  if (response.status === 401 || response.status === 403)
    throw unauthorized(host, credential !== null, `${realm.host} gives no token`, ports)
  if (response.status !== 200) {
    throw new TransportError('registry-error', `${realm.host} answered ${response.status} instead of a token`, {
      subject: host,
    })
  }
  const token = readToken(body, realm.host)
  ports.log.mask(token)
  return token
}

/** The value of a Basic `Authorization` header. */
export function basic(credential: Credential & { kind: 'basic' }): string {
  return `Basic ${Buffer.from(`${credential.username}:${credential.password}`, 'utf8').toString('base64')}`
}

/** The error for a registry that refuses; it names the files in which credentials were looked for. */
export function unauthorized(host: string, hadCredential: boolean, what: string, ports: Ports): TransportError {
  return new TransportError(
    'unauthorized',
    `${what}: ${hadCredential ? 'the credentials are refused' : 'no credentials were found'}`,
    {
      subject: host,
      remedy: hadCredential
        ? `Check that the account may do this, and log in to ${host} again.`
        : howToLogIn(host, ports),
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

function checkRealm(text: string, host: string): URL {
  const realm = URL.canParse(text) ? new URL(text) : null
  // Over plain http anybody on the way would read the password; a registry on this machine may name a service on it.
  const safe =
    realm?.protocol === 'https:' || (realm?.protocol === 'http:' && isLoopback(realm.host) && isLoopback(host))
  if (realm === null || !safe) {
    throw new TransportError(
      'registry-error',
      `${host} names ${JSON.stringify(text)} as its token service, which is not https`,
      { subject: host },
    )
  }
  return realm
}

function readToken(body: string, host: string): string {
  let answer: unknown
  try {
    answer = parseJson(body, `the answer of ${host}`)
  } catch (cause) {
    throw new TransportError('registry-error', `${host} answered something that is no token`, { subject: host, cause })
  }
  const token = isObject(answer as never)
    ? ((answer as Record<string, unknown>)['access_token'] ?? (answer as Record<string, unknown>)['token'])
    : undefined
  if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) return token
  throw new TransportError('registry-error', `${host} answered without a token`, { subject: host })
}

function withQuery(realm: URL, fields: readonly [string, string][]): string {
  const url = new URL(realm)
  for (const [key, value] of fields) url.searchParams.append(key, value)
  return url.href
}
