import { SealwrightError, TransportError, VerificationError } from '../base/errors.ts'
import { isObject, type JsonValue } from '../base/json.ts'
import type { HttpHeaders, HttpRequest, HttpResponse, Ports } from '../base/ports.ts'
import { collect } from '../base/streams.ts'

/** Answers of a KBS are small: keys, tokens, policies. */
const limit = 4 << 20

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

/** One request to a KBS or an Attestation Service. @throws TransportError `unreachable` */
export async function call(ports: Ports, url: string, request: HttpRequest): Promise<Answer> {
  const response = await ports.http.request(url, { redirect: 'manual', timeoutMs: 60_000, ...request })
  return { status: response.status, headers: response.headers, body: await bodyOf(response, url) }
}

/** A server that lies may send without end: what is above the limit is not read. */
async function bodyOf(response: HttpResponse, url: string): Promise<Buffer> {
  return collect(response.body ?? [], limit, url).catch((cause: unknown) => {
    if (!(cause instanceof VerificationError)) throw cause
    throw new TransportError('kbs-error', `${url} answered with more than ${limit} bytes`, {
      subject: url,
      remedy: 'Check the address: answers of a KBS are small.',
    })
  })
}

/** Name and detail of an error body. */
export function failureOf(answer: Answer): KbsFailure {
  try {
    const value = JSON.parse(answer.body.toString('utf8')) as JsonValue
    if (isObject(value) && typeof value['type'] === 'string') {
      return { name: value['type'].slice(value['type'].lastIndexOf('/') + 1), detail: String(value['detail'] ?? '') }
    }
  } catch {
    // Not every answer is Trustee's: a proxy may have spoken.
  }
  return { name: '', detail: answer.body.toString('utf8').slice(0, 300) }
}

const adminRemedy =
  'Give an admin-key that the KBS knows and whose role it allows for this path. A token made from a private key has iss "sealwright", aud "KBS" and role "admin": where the KBS demands another issuer, give a ready JWT.'

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
        'The resource policy does not admit this evidence: compare the measurement, status and job that it names. Without an agent (outside of a job) only sample evidence is sent: give `decryption-key`, or leave `kbs-url` out to verify all but the encrypted content.',
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
