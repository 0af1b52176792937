import { TransportError } from '../base/errors.ts'
import { isObject, parseJson } from '../base/json.ts'
import type { HttpRequest, Ports } from '../base/ports.ts'
import { collect, type ByteSource } from '../base/streams.ts'
import type { Credential } from './credentials.ts'
import { isLoopback } from '../base/loopback.ts'

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

/** Reads `WWW-Authenticate` (RFC 9110 §11.6.1): the Bearer challenge is taken before Basic. Null when there is neither. */
export function parseChallenge(header: string | null): Challenge | null {
  if (header === null) return null
  const bearer = /(?:^|,\s*)bearer\s+(.*)$/i.exec(header)
  if (bearer !== null) {
    const parameters = new Map<string, string>()
    for (const [, key, quoted, plain] of (bearer[1] ?? '').matchAll(
      /([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g,
    )) {
      if (key !== undefined) parameters.set(key.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '')
    }
    const realm = parameters.get('realm')
    if (realm === undefined) return null
    return {
      scheme: 'bearer',
      realm,
      service: parameters.get('service') ?? null,
      scope: parameters.get('scope') ?? null,
    }
  }
  return /(?:^|,\s*)basic\b/i.test(header) ? { scheme: 'basic' } : null
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
          options: { headers: credential === null ? {} : { authorization: basic(credential) } },
        }
  // A redirect could carry the password to a host that nobody named.
  const response = await ports.http.request(request.url, { ...request.options, redirect: 'manual' })
  const body =
    response.body === null
      ? ''
      : (await collect(response.body as ByteSource, answerLimit, `the answer of ${realm.host}`)).toString('utf8')
  if (response.status === 401 || response.status === 403)
    throw unauthorized(host, credential !== null, `${realm.host} gives no token`)
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

export function unauthorized(host: string, hadCredential: boolean, what: string): TransportError {
  return new TransportError(
    'unauthorized',
    `${what}: ${hadCredential ? 'the credentials are refused' : 'no credentials were found'}`,
    {
      subject: host,
      remedy: hadCredential
        ? `Check that the account may do this, and log in to ${host} again.`
        : `Log in to ${host} first (docker login, skopeo login, or REGISTRY_AUTH_FILE).`,
    },
  )
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
