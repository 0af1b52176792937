import { SealwrightError, TransportError, VerificationError } from '../base/errors.ts'
import { isObject, nestsDeeper, parseJson, textOf, type JsonObject, type JsonValue } from '../base/json.ts'
import type { HttpHeaders, HttpRequest, HttpResponse, Ports } from '../base/ports.ts'
import { collect } from '../base/streams.ts'
import { socketUrl } from './uri.ts'

/** Answers of a KBS are small: keys, tokens, policies. */
const limit = 4 << 20
const mostLevels = 64

export interface Answer {
  status: number
  headers: HttpHeaders
  body: Buffer
}

/** What Trustee says of a failure: nearly everything is a 401, so the name in `type` is what counts (coco.md §1.1). */
export interface KbsFailure {
  /** `PolicyDeny`, `TokenNotFound`, `AdminAuthAccess` …; `''` where the body is not Trustee's. */
  name: string
  detail: string
}

/**
 * One request to a KBS or an Attestation Service, with all of its answer. Redirects are not followed: they would carry credentials and evidence elsewhere.
 *
 * @throws TransportError `unreachable`, `timeout` (60 s for request and answer), `kbs-error` for a redirect or an answer above 4 MiB
 */
export async function call(ports: Ports, url: string, request: HttpRequest): Promise<Answer> {
  const timeoutMs = 60_000
  const [, socketPath, path] = socketUrl.exec(url) ?? []
  const response =
    socketPath === undefined
      ? await ports.http.request(url, { redirect: 'manual', timeoutMs, ...request })
      : await ports.http.request(`http://localhost${path}`, {
          timeoutMs,
          signal: AbortSignal.timeout(timeoutMs),
          ...request,
          socketPath,
        })
  const { status, headers } = response
  const location = headers.get('location')
  if (location !== null && status >= 300 && status < 400) {
    await response.body?.cancel()
    throw refused(
      url,
      `redirects to ${JSON.stringify(location.slice(0, 200))}, which is not followed`,
      'Name the address to which it leads, if that is trusted.',
    )
  }
  return { status, headers, body: await bodyOf(response, url) }
}

/** A server that lies may send without end, and as slowly as it likes. */
async function bodyOf({ headers, body }: HttpResponse, url: string): Promise<Buffer> {
  const large = (): TransportError =>
    refused(url, `answered with more than ${limit} bytes`, 'Check the address: answers of a KBS are small.')
  if (Number(headers.get('content-length')) > limit) {
    await body?.cancel()
    throw large()
  }
  return collect(body ?? [], limit, url).catch((cause: unknown) => {
    if (cause instanceof VerificationError) throw large()
    if (cause instanceof SealwrightError) throw cause
    const late = Object(cause).name === 'TimeoutError'
    throw new TransportError(
      late ? 'timeout' : 'unreachable',
      late ? `${url} did not end its answer in time` : `${url} broke off its answer`,
      { subject: url, cause, remedy: 'Try again, and look at the log of the KBS and of proxies before it.' },
    )
  })
}

function refused(url: string, what: string, remedy: string): TransportError {
  return new TransportError('kbs-error', `${url} ${what}`, { subject: url, remedy })
}

/** What of an error's detail is repeated. */
const shownDetail = 1000

/**
 * The JSON object of a good answer.
 *
 * @param what what was asked for, as in "a challenge"
 * @throws TransportError `kbs-error` for a web page, cut JSON, or any other text
 */
export function objectOf({ body, headers }: Answer, url: string, what: string): JsonObject {
  const remedy = 'Check that this address is that of a KBS, and what a proxy before it answers.'
  const isPage = /html/i.test(headers.get('content-type') ?? '') || /^\s*</.test(body.toString('latin1', 0, 64))
  if (isPage) throw refused(url, `answered with a web page, not with ${what}`, remedy)
  if (nestsDeeper(body, mostLevels)) throw refused(url, `answered with JSON of more than ${mostLevels} levels`, remedy)
  const value = parsed(body)
  if (isObject(value)) return value
  const found = value === undefined ? `${body.length} bytes that are not whole JSON` : textOf(value).slice(0, 100)
  throw refused(url, `answered with ${found}, not with ${what}`, remedy)
}

function parsed(body: Buffer): JsonValue | undefined {
  try {
    return parseJson(body.toString('utf8'), 'the answer')
  } catch {
    return undefined
  }
}

/** Name and detail of an error body. */
export function failureOf(answer: Answer): KbsFailure {
  try {
    const value = JSON.parse(answer.body.toString('utf8')) as JsonValue
    if (isObject(value) && typeof value['type'] === 'string') {
      return {
        name: value['type'].slice(value['type'].lastIndexOf('/') + 1),
        detail: textOf(value['detail'] ?? '').slice(0, shownDetail),
      }
    }
  } catch {
    // Not every answer is Trustee's: a proxy may have spoken.
  }
  return { name: '', detail: answer.body.toString('utf8').slice(0, 300) }
}

const adminRemedy =
  'Give an admin-key that the KBS knows and whose role it allows for this path. A token made from a private key has iss "sealwright", aud "KBS" and role "admin": name others by `admin-issuer`, `admin-audience` and `admin-role`, or give a ready JWT.'

const remedies: Record<string, string> = {
  AdminAuthAccess: adminRemedy,
  AdminAuthInitialization: adminRemedy,
  TokenNotFound: 'Attest first: the KBS knows no session.',
  TokenVerifierError:
    'The KBS does not trust the Attestation Service that issued this token: check its trusted certificates.',
  PluginInternalError: 'The resource is not there, or its path has not three plain segments: run kbs-publish first.',
  PluginNotFound: 'The KBS has no such plugin: enable [[plugins]] name = "resource".',
  PolicyEngineError: 'The resource policy of the KBS fails when evaluated: publish a policy again.',
  RvpsError: 'Reference value ids hold letters, digits, dots, dashes, slashes and underscores only.',
}

/** The error for an answer that is no success: a denial is a refusal, all else is the KBS's trouble. */
export function kbsError(what: string, subject: string, answer: Answer): TransportError | VerificationError {
  const { name, detail } = failureOf(answer)
  const message = `${what}: the KBS answered ${answer.status} ${[name, detail].filter(Boolean).join(': ')}`.trimEnd()
  if (name === 'PolicyDeny') {
    return new VerificationError('denied', message, {
      subject,
      remedy:
        'The resource policy does not admit this evidence for this path: compare URI, measurement, status and job with the plan. An action without an agent (outside of a job) sends sample evidence only: give `decryption-key`, or leave `kbs-url` out to verify all but the encrypted content.',
    })
  }
  const unauthorized = name === 'AdminAuthAccess' || name === 'AdminAuthInitialization'
  return new TransportError(unauthorized ? 'unauthorized' : 'kbs-error', message, {
    subject,
    remedy: remedies[name] ?? 'Look at the log of the KBS.',
  })
}

/** What a request gives, or another value where this credential may not make it. */
export function ifAuthorized<T, U>(work: Promise<T>, otherwise: U): Promise<T | U> {
  return work.catch((error: unknown) => {
    if (error instanceof SealwrightError && error.code === 'unauthorized') return otherwise
    throw error
  })
}
