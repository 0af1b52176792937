import { createHash } from 'node:crypto'
import { SignJWT } from 'jose'
import { isObject, type JsonObject, type JsonValue } from '../../src/base/json.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import { makeTeeKey } from '../../src/kbs/tee-key.ts'
import { startKbs, type RunningKbs } from '../../src/kbs-server/server.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { send, type Sent } from './replay-http.ts'

/** An embedded KBS that a test speaks to byte by byte, with a clock of its own. One for each test file. */
export const time = { now: new Date('2026-11-22T12:00:00Z') }
const clock = { ...testPorts().clock, now: () => time.now }
let kbs: RunningKbs
let admin = ''

export const b64u = (text: string): string => Buffer.from(text).toString('base64url')
export const allowAll = 'package policy\ndefault allow := true\n'
export const graded = (claims: string): string => `package policy\ndefault trust_claims := ${claims}\n`

interface Ask {
  method?: string
  headers?: [string, string][]
  body?: JsonValue | Buffer
}

export async function ask(target: string, { method = 'GET', headers = [], body }: Ask = {}): Promise<Sent> {
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
  return send(kbs.url, { method, target, headers, body: bytes })
}
export const v0 = (path: string, options?: Ask): Promise<Sent> => ask(`/kbs/v0/${path}`, options)
export const asAdmin = (path: string, method: string, body?: Ask['body'], token = admin): Promise<Sent> =>
  v0(path, { method, headers: [['Authorization', `Bearer ${token}`]], ...(body === undefined ? {} : { body }) })

export async function adminJwt(claims: JsonObject, key = kbs.keys.admin): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256' }).sign(key)
}
export const seconds = (ahead = 0): number => Math.floor(time.now.getTime() / 1000) + ahead

interface Shaken {
  cookie: [string, string]
  token: string
  attest(change?: { nonce?: string; data?: Buffer; additional?: JsonValue; key?: JsonObject }): Promise<Sent>
  answer: Sent
}

/** A whole handshake by hand, with what a row wants otherwise. */
export async function shake(change: Parameters<Shaken['attest']>[0] = {}, tee = 'sample'): Promise<Shaken> {
  const challenge = await v0('auth', { method: 'POST', body: { version: '0.4.0', tee, 'extra-params': '' } })
  const nonce = String(isObject(challenge.body) ? challenge.body['nonce'] : '')
  const set = challenge.headers.find(([name]) => name.toLowerCase() === 'set-cookie')?.[1] ?? ''
  const cookie: [string, string] = ['Cookie', set.split(';')[0] ?? '']
  const { teePubkey } = makeTeeKey()
  const attest: Shaken['attest'] = ({ nonce: other, data, additional = '', key = teePubkey } = {}) => {
    const { kid: _, ...known } = key
    const hash = createHash('sha384')
      .update(jcs({ 'additional-evidence': additional, nonce, 'tee-pubkey': known }))
      .digest()
    const body = {
      'init-data': null,
      'runtime-data': { nonce: other ?? nonce, 'tee-pubkey': key },
      'tee-evidence': {
        primary_evidence: { svn: '1', report_data: (data ?? hash).toString('base64') },
        additional_evidence: additional,
      },
    }
    return v0('attest', { method: 'POST', headers: [cookie], body })
  }
  const answer = await attest(change)
  return { cookie, attest, answer, token: tokenOf(answer) }
}

export const tokenOf = ({ body }: Sent): string => (isObject(body) ? String(body['token'] ?? '') : '')
export const submod = (token: string): JsonObject => {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
    submods: { cpu0: JsonObject }
  }
  return claims.submods.cpu0
}

/** Status with the name of the error, its words where they are Trustee's own, or the body. */
export function told({ status, body }: Sent): string {
  if (!isObject(body) || typeof body['type'] !== 'string')
    return typeof body === 'string' ? `${status} ${body}` : `${status}`
  const words = String(body['detail']).replace(/^Attestation error: /, '')
  return `${status} ${body['type'].slice(body['type'].lastIndexOf('/') + 1)}: ${words}`
}

/** Starts it with a policy that lets everything pass, one graded claim and one resource. */
export async function startByHand(): Promise<void> {
  kbs = await startKbs({ directory: scratch('kbs-rows'), listen: '127.0.0.1:0', ports: testPorts({ clock }) })
  admin = await adminJwt({ role: 'admin', exp: seconds(86_400) })
  const writes: [string, Ask['body']][] = [
    ['resource-policy', { policy: b64u(allowAll) }],
    ['attestation-policy', { type: 'rego', policy_id: 'default_cpu', policy: b64u(graded('{"executables": 3}')) }],
    ['resource/default/key/one', Buffer.from('the value')],
  ]
  for (const [path, body] of writes) await asAdmin(path, 'POST', body)
}

export const stopByHand = (): Promise<void> => kbs.close()

/** Under another attestation policy for the time of one function. */
export async function withGrading<T>(rego: string, use: () => Promise<T>): Promise<T> {
  const set = (text: string): Promise<Sent> =>
    asAdmin('attestation-policy', 'POST', { type: 'rego', policy_id: 'default_cpu', policy: b64u(text) })
  if ((await set(rego)).status !== 200) throw new Error('the policy was refused')
  try {
    return await use()
  } finally {
    await set(graded('{"executables": 3}'))
  }
}
