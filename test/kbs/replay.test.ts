import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { HttpRequest, Ports } from '../../src/base/ports.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { checkEar } from '../../src/kbs/ear.ts'
import { openResourceJwe } from '../../src/kbs/jwe.ts'
import { fetchByPassport } from '../../src/kbs/passport.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { codeOf } from '../encrypt/support.ts'
import { vector, withPeers } from '../../testkit/peers.ts'
import { fakeHttp, scratch, testPorts } from '../../testkit/ports.ts'

interface Exchange {
  step: string
  request: {
    method: string
    target: string
    headers: [string, string][]
    body_json?: unknown
    body_text?: string
    body_b64?: string
  }
  response: { status: number; headers?: [string, string][]; body_json?: { type?: string; detail?: string } }
}

const ports = testPorts()
const wire = 'coco/kbs-wire'
const name = (body: unknown): string => {
  const type = (body as { type?: unknown } | null)?.type
  return typeof type === 'string' ? type.slice(type.lastIndexOf('/') + 1) : ''
}

/** Ports whose network gives recorded answers and keeps what was asked. */
function recorded(
  answers: Record<string, { status: number; body: string }>,
): Ports & { asked: { url: string; request: HttpRequest }[] } {
  const asked: { url: string; request: HttpRequest }[] = []
  const request = async (url: string, options: HttpRequest = {}): Promise<Response> => {
    asked.push({ url, request: options })
    const found = answers[`${options.method ?? 'GET'} ${new URL(url).pathname}`]
    return found === undefined ? new Response('', { status: 500 }) : new Response(found.body, { status: found.status })
  }
  return { ...ports, http: fakeHttp(request), asked }
}

describe('a live Trustee answers our client', () => {
  withPeers(['vectors:coco/passport/live.json'], 'passport over our binding', async () => {
    interface Case {
      case: string
      binding: object
      jcs_sha384: string
      as_request: { verification_requests: { evidence: string; runtime_data: unknown }[]; policy_ids: string[] }
      as_status: number
      as_answer: string
      kbs_status?: number
      kbs_answer?: unknown
    }
    const live = JSON.parse(await readFile(vector('coco/passport/live.json'), 'utf8')) as {
      tee_private_key: object
      as_certificate: string
      cases: Case[]
      resource: string
    }
    const key = createPrivateKey({ key: live.tee_private_key as Record<string, string>, format: 'jwk' })
    const certificate = new X509Certificate(live.as_certificate)
    expect(live.cases).toHaveLength(4)
    for (const one of live.cases) {
      if (one.as_status === 200)
        expect(createHash('sha384').update(jcs(one.binding)).digest('hex')).toBe(one.jcs_sha384)
      const net = recorded({
        'POST /attestation': { status: one.as_status, body: one.as_answer },
        'GET /kbs/v0/resource/ci/signing/key': {
          status: one.kbs_status ?? 500,
          body: JSON.stringify(one.kbs_answer ?? null),
        },
      })
      const evidence = Buffer.from(one.as_request.verification_requests[0]?.evidence ?? '', 'base64url')
      const holder = {
        technology: 'sample',
        openReport: async () => ({ binding: jcs(one.binding), evidence }),
        decryptJwe: (jwe: string) => openResourceJwe(jwe, key),
      }
      const fetch = fetchByPassport({
        holder,
        asUrl: 'http://127.0.0.1:1',
        kbsUrl: 'http://127.0.0.1:1',
        ports: net,
        policy: one.as_request.policy_ids[0],
      })
      const got = fetch(['ci', 'signing', 'key']).then((bytes) => bytes.toString())
      if (one.case === 'right job') expect(await got).toBe(live.resource)
      else expect(await codeOf(got)).toBe(one.as_status === 200 ? 'denied' : 'kbs-error')
      if (one.as_status !== 200) continue
      expect(JSON.parse(String(net.asked[0]?.request.body))).toEqual(one.as_request)
      const at = new Date('2026-11-22T12:00:00Z')
      const claims = JSON.parse(Buffer.from(one.as_answer.split('.')[1] ?? '', 'base64url').toString()) as {
        iat: number
      }
      const inTime = new Date(claims.iat * 1000 + 1000)
      expect(checkEar(one.as_answer, { certificates: [certificate] }, inTime).evidence['runtime_data_claims']).toEqual(
        one.binding,
      )
      expect(() => checkEar(one.as_answer, {}, inTime)).toThrow('not signed by a key')
      expect(() =>
        checkEar(one.as_answer, { certificates: [certificate] }, new Date(at.getTime() + 86_400_000 * 30)),
      ).toThrow()
    }
  })

  withPeers(['vectors:coco/rcar-self-made/kat.json'], 'known answer of a resource JWE', async () => {
    const kat = JSON.parse(await readFile(vector('coco/rcar-self-made/kat.json'), 'utf8')) as {
      tee_private_scalar_hex: string
      tee_pubkey: { x: string; y: string }
      nonce: string
      primary_digest_sha384_hex: string
      response: object
      response_plaintext_utf8: string
    }
    const { x, y } = kat.tee_pubkey
    const d = Buffer.from(kat.tee_private_scalar_hex, 'hex').toString('base64url')
    const key = createPrivateKey({ key: { kty: 'EC', crv: 'P-256', x, y, d }, format: 'jwk' })
    expect((await openResourceJwe(JSON.stringify(kat.response), key)).toString()).toBe(kat.response_plaintext_utf8)
    const runtime = { 'additional-evidence': '', nonce: kat.nonce, 'tee-pubkey': kat.tee_pubkey }
    expect(createHash('sha384').update(jcs(runtime)).digest('hex')).toBe(kat.primary_digest_sha384_hex)
    expect(await codeOf(openResourceJwe(JSON.stringify({ ...kat.response, tag: 'AAAAAAAAAAAAAAAAAAAAAA' }), key))).toBe(
      'decryption-failed',
    )
  })
})

describe('what was said to a live Trustee is answered by ours alike', () => {
  const files = ['client', 'probe-bad']
  for (const file of files) {
    withPeers(
      [`vectors:${wire}/${file}.json`],
      `${file}: status and error name of every exchange that needs no session`,
      async () => {
        const exchanges = JSON.parse(await readFile(vector(`${wire}/${file}.json`), 'utf8')) as Exchange[]
        const kbs = await startKbs({ directory: scratch('kbs'), listen: '127.0.0.1:0', ports })
        const own = await adminToken(kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }) as string, ports.clock)()
        const differences: string[] = []
        let compared = 0
        for (const { step, request, response } of exchanges) {
          const given = request.headers.find(([key]) => key.toLowerCase() === 'authorization')?.[1]
          const admin = isAdmin(step, given)
          if (!comparable(step, request, response, admin || given === undefined)) continue
          const headers: Record<string, string> = { 'content-type': 'application/json' }
          if (given !== undefined) headers['authorization'] = admin ? `Bearer ${own}` : given
          const body = request.body_json === undefined ? request.body_text : JSON.stringify(request.body_json)
          const answer = await ports.http.request(`${kbs.url}${request.target}`, {
            method: request.method,
            headers,
            body: request.method === 'GET' ? undefined : body,
          })
          const text = await answer.text()
          const found = `${answer.status} ${name(text.startsWith('{') ? JSON.parse(text) : null)}`
          const want = `${response.status} ${name(response.body_json)}`
          compared++
          if (found !== want)
            differences.push(`${step}: ${request.method} ${request.target.slice(0, 80)}: ${found}, Trustee ${want}`)
        }
        await kbs.close()
        expect(differences).toEqual([])
        expect(compared).toBeGreaterThan(file === 'client' ? 10 : 60)
      },
    )
  }
})

/** Whether the recording bears a good admin token, for which ours stands. */
function isAdmin(step: string, authorization: string | undefined): boolean {
  const payload = /^Bearer [\w-]+\.([\w-]+)\.[\w-]+$/.exec(authorization ?? '')?.[1]
  if (payload === undefined || (step.startsWith('admin ') && step !== 'admin ok (reference)')) return false
  return Buffer.from(payload, 'base64url').toString().includes('"role":"admin"')
}

/** Leaves out what rests on a session, on tokens of Trustee's own, on bytes that the recording does not hold, on Rego that is not ours, on chance (rv_good), and PUT. */
function comparable(
  step: string,
  request: Exchange['request'],
  response: Exchange['response'],
  known: boolean,
): boolean {
  const { method, target } = request
  if (response.status === 0 || /[^\x21-\x7e]|\/\.\.|%2e|^http|^\/\//i.test(target)) return false
  if (request.headers.some(([key]) => key.toLowerCase() === 'cookie') || target.endsWith('/attest')) return false
  if (target.startsWith('/kbs/v0/resource/') && method === 'GET' && !known) return false
  if (!known && response.status === 200) return false
  if (/resource-policy|attestation-policy/.test(target) && response.status === 200) return false
  if (method === 'POST' && request.body_json === undefined && request.body_text === undefined) return false
  return ['GET', 'POST', 'DELETE'].includes(method) && !/publisher|parallel|head of|rv read rv_good/.test(step)
}
