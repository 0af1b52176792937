import { TransportError } from '../base/errors.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { call, failureOf, kbsError, type Answer } from './call.ts'
import { protocolVersion } from './client.ts'
import type { ResourcePath } from './uri.ts'

/** The attesting side: evidence over SHA-384 of JCS `{additional-evidence, nonce, tee-pubkey}`, and the key that answers are made for. */
export interface Attester {
  readonly technology: string
  evidence(nonce: string): Promise<{ evidence: JsonValue; teePubkey: JsonObject }>
  decryptJwe(jwe: string): Promise<Buffer>
}

/** An attested session. Any 401 of `attest` or of a read means that it is over: a new one is shaken hands for, once. */
export interface RcarSession {
  /** The EAR of the session. */
  token(): Promise<string>
  /** @throws VerificationError `denied`; TransportError `kbs-error` */
  resource(path: ResourcePath): Promise<Buffer>
}

/** RCAR handshake, version 0.4.0 (coco.md §1.4). Nothing is sent before the first read. */
export function rcarSession(url: string, attester: Attester, ports: Ports): RcarSession {
  let session: { cookie: string; token: string } | null = null

  const shake = async (): Promise<{ cookie: string; token: string }> => {
    let last: Answer | null = null
    for (let attempt = 0; attempt < 2; attempt++) {
      const begun = await post(
        ports,
        `${url}/kbs/v0/auth`,
        { version: protocolVersion, tee: attester.technology, 'extra-params': {} },
        '',
      )
      if (begun.status !== 200) throw kbsError('asking for a challenge', url, begun)
      const challenge = parseJson(begun.body.toString('utf8'), 'challenge of the KBS')
      const cookie = /^kbs-session-id=[0-9a-f]{32}/.exec(begun.headers.get('set-cookie') ?? '')?.[0]
      if (!isObject(challenge) || typeof challenge['nonce'] !== 'string' || cookie === undefined) {
        throw new TransportError('kbs-error', `${url} gave no nonce or no session`, {
          subject: url,
          remedy: 'Check that this is a KBS.',
        })
      }
      const nonce = challenge['nonce']
      const { evidence, teePubkey } = await attester.evidence(nonce)
      const body = {
        'init-data': null,
        'runtime-data': { nonce, 'tee-pubkey': teePubkey },
        'tee-evidence': { primary_evidence: evidence, additional_evidence: '' },
      }
      last = await post(ports, `${url}/kbs/v0/attest`, body, cookie)
      if (last.status === 200) {
        const answer = parseJson(last.body.toString('utf8'), 'answer of the KBS')
        if (isObject(answer) && typeof answer['token'] === 'string')
          return (session = { cookie, token: answer['token'] })
        throw new TransportError('kbs-error', `${url} gave no token`, { subject: url })
      }
      // Trustee says the same of an expired session and of bad evidence: a new session tells them apart.
      if (last.status !== 401) break
    }
    throw last === null
      ? new TransportError('kbs-error', `${url} did not answer`, { subject: url })
      : kbsError('attesting', url, last)
  }

  const read = async (path: ResourcePath, cookie: string): Promise<Answer> =>
    call(ports, `${url}/kbs/v0/resource/${path.join('/')}`, { method: 'GET', headers: { cookie } })

  return {
    token: async () => (session ?? (await shake())).token,
    resource: async (path) => {
      const fresh = session === null
      let answer = await read(path, (session ?? (await shake())).cookie)
      // A denial stays one; anything else may be an old session.
      if (answer.status === 401 && !fresh && failureOf(answer).name !== 'PolicyDeny')
        answer = await read(path, (await shake()).cookie)
      if (answer.status !== 200) throw kbsError(`reading kbs:///${path.join('/')}`, `kbs:///${path.join('/')}`, answer)
      return attester.decryptJwe(answer.body.toString('utf8'))
    },
  }
}

async function post(ports: Ports, url: string, body: unknown, cookie: string): Promise<Answer> {
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (cookie !== '') headers['cookie'] = cookie
  return call(ports, url, { method: 'POST', headers, body: JSON.stringify(body) })
}
