import { TransportError } from '../base/errors.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { call, failureOf, kbsError, objectOf, type Answer } from './call.ts'
import { protocolVersion } from './client.ts'
import { cookieHeader, hasSession, nextCookies } from './cookies.ts'
import type { EarTrust } from './ear.ts'
import type { ResourceRule } from './rego/resource-policy.ts'
import { checkSessionToken, type SessionToken } from './session-token.ts'
import { refusedEvidence } from './tpm-key.ts'
import type { ResourcePath } from './uri.ts'

/** The attesting side: evidence over SHA-384 of JCS `{additional-evidence, nonce, tee-pubkey}`, and the key that answers are made for. */
export interface Attester {
  readonly technology: string
  evidence(nonce: string): Promise<{
    evidence: JsonValue
    teePubkey: JsonObject
    /** Evidence of further devices: JSON text of an object by TEE name, as it was hashed; left out where there is none. */
    additional?: string
  }>
  decryptJwe(jwe: string): Promise<Buffer>
}

export interface RcarOptions {
  /** Init-data (TOML, exact text) that the machine was started with; the KBS compares its digest with the evidence. */
  readonly initData?: string | undefined
  /** Who may sign the session's token; left out, the KBS is believed, which judges the token anyway. */
  readonly trust?: EarTrust | undefined
  /** The rule that a plan has for the resource: a denial says what differs from it. */
  readonly rule?: Pick<ResourceRule, 'admit' | 'job' | 'appraisal'> | undefined
}

/** An attested session. Any 401 of `attest` or of a read means that it is over: a new one is shaken hands for, once. */
export interface RcarSession {
  /** The EAR of the session, checked: it is over our key and our nonce, and not expired. */
  token(): Promise<string>
  /** @throws VerificationError `denied`, `decryption-failed`, and as {@link checkSessionToken}; TransportError `kbs-error` */
  resource(path: ResourcePath): Promise<Buffer>
}

type Cookies = ReadonlyMap<string, string>

interface Session extends SessionToken {
  readonly cookies: Cookies
  readonly token: string
}

/** RCAR handshake, version 0.4.0 (coco.md §1.4, §12). Nothing is sent before the first read. */
export function rcarSession(url: string, attester: Attester, ports: Ports, options: RcarOptions = {}): RcarSession {
  let session: Session | null = null
  const now = (): number => ports.clock.now().getTime() / 1000

  const shake = async (): Promise<Session> => {
    for (let attempt = 0; ; attempt++) {
      const { nonce, cookies } = await challenge(url, attester.technology, ports)
      const { evidence, teePubkey, additional = '' } = await attester.evidence(nonce)
      const body = {
        'init-data': options.initData === undefined ? null : { format: 'toml', body: options.initData },
        'runtime-data': { nonce, 'tee-pubkey': teePubkey },
        'tee-evidence': { primary_evidence: evidence, additional_evidence: additional },
      }
      const answer = await attest(ports, url, body, cookies)
      // Trustee says the same of an expired session and of bad evidence: a new session tells them apart.
      if (answer.status === 401 && attempt === 0) continue
      if (answer.status !== 200) throw refusedEvidence(kbsError('attesting', url, answer), evidence)
      const token = objectOf(answer, url, 'a token')['token']
      if (typeof token !== 'string') throw notKbs(url, 'gave no token')
      const trust = options.trust ?? null
      const checked = checkSessionToken(token, { nonce, teePubkey, trust, at: ports.clock.now() })
      return (session = { ...checked, token, cookies: nextCookies(answer.headers, cookies, url) })
    }
  }
  // An attested session gives its old token for ever: after its end only a new session helps.
  const current = async (): Promise<Session> => (session === null || session.exp <= now() ? shake() : session)
  const read = async (path: ResourcePath, { cookies }: Session): Promise<Answer> =>
    call(ports, `${url}/kbs/v0/resource/${path.join('/')}`, {
      method: 'GET',
      headers: { cookie: cookieHeader(cookies) },
    })

  return {
    token: async () => (await current()).token,
    resource: async (path) => {
      const before: Session | null = session
      let held = await current()
      let answer = await read(path, held)
      // A denial stays one; anything else may be an old session.
      if (answer.status === 401 && held === before && failureOf(answer).name !== 'PolicyDeny') {
        held = await shake()
        answer = await read(path, held)
      }
      const uri = `kbs:///${path.join('/')}`
      if (answer.status !== 200) {
        const { explained } = await import('./denial.ts')
        throw explained(kbsError(`reading ${uri}`, uri, answer), held.claims, options.rule)
      }
      return attester.decryptJwe(answer.body.toString('utf8'))
    },
  }
}

async function challenge(url: string, tee: string, ports: Ports): Promise<{ nonce: string; cookies: Cookies }> {
  const request = { version: protocolVersion, tee, 'extra-params': {} }
  const answer = await post(ports, `${url}/kbs/v0/auth`, request, new Map())
  if (answer.status !== 200) throw kbsError('asking for a challenge', url, answer)
  const { nonce } = objectOf(answer, url, 'a challenge')
  const cookies = nextCookies(answer.headers, new Map(), url)
  if (typeof nonce !== 'string' || !/^[\x20-\x7e]{16,1024}$/.test(nonce) || !hasSession(cookies))
    throw notKbs(url, 'gave no nonce or no session')
  return { nonce, cookies }
}

/** Where the Attestation Service panics, the KBS closes the connection without an answer and lives on (coco.md §12). */
async function attest(ports: Ports, url: string, body: unknown, cookies: Cookies): Promise<Answer> {
  return post(ports, `${url}/kbs/v0/attest`, body, cookies).catch((cause: unknown) => {
    if (!(cause instanceof TransportError) || cause.code !== 'unreachable') throw cause
    throw new TransportError('kbs-error', `${url} closed the connection while it appraised the evidence`, {
      subject: url,
      cause,
      remedy:
        'It answered a moment ago, so its Attestation Service may have failed: an attestation policy with an unknown claim name does that. Look at the log of the KBS.',
    })
  })
}

async function post(ports: Ports, url: string, body: unknown, cookies: Cookies): Promise<Answer> {
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (cookies.size > 0) headers['cookie'] = cookieHeader(cookies)
  return call(ports, url, { method: 'POST', headers, body: JSON.stringify(body) })
}

function notKbs(url: string, what: string): TransportError {
  return new TransportError('kbs-error', `${url} ${what}`, { subject: url, remedy: 'Check that this is a KBS.' })
}
