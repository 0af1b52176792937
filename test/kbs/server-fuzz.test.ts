import type { JsonValue } from '../../src/base/json.ts'
import { openStorage } from '../../src/kbs-server/storage.ts'
import { policies } from '../../src/kbs-server/policies.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { Random } from '../../testkit/random.ts'
import { asAdmin, ask, b64u, shake, startByHand, stopByHand, told, v0 } from './by-hand.ts'

// The embedded KBS before somebody who sends anything: no answer is an error of ours, and the server goes on.

beforeAll(startByHand)
afterAll(async () => {
  expect((await ask('/healthz')).status).toBe(200)
  expect(Object.prototype).not.toHaveProperty('marked')
  expect(told((await shake()).answer)).toBe('200')
  await stopByHand()
})

const junk = [
  '%00',
  '%2e%2e',
  '..',
  '.',
  '',
  '\\',
  'é',
  '💥',
  '\u202e',
  '%',
  '%zz',
  '%F0%9F',
  ';',
  'a'.repeat(300),
  '{',
  '"',
  '__proto__',
  'constructor',
  'default',
  'key',
  'one',
  '%2f',
  '?x=/kbs/v0/auth',
  '#',
]
const leaves: readonly JsonValue[] = [
  null,
  true,
  0,
  -1,
  1e308,
  '',
  'sample',
  '0.4.0',
  '__proto__',
  [],
  {},
  [[[]]],
  'x'.repeat(1000),
]

function anything(random: Random, depth = 0): JsonValue {
  if (depth > 3 || random.below(3) > 0) return random.pick(leaves)
  return JSON.parse(`{"__proto__":{"marked":1},"a":${JSON.stringify(anything(random, depth + 1))}}`) as JsonValue
}

test('paths: nothing but a missing or refused one, and a value only where three plain segments stand', async () => {
  const random = new Random(1, 'paths')
  const unexpected: string[] = []
  for (let n = 0; n < 150; n++) {
    const rest = Array.from({ length: 1 + random.below(5) }, () => random.pick(junk)).join(random.pick(['/', '%2f']))
    const method = random.pick(['GET', 'POST', 'DELETE', 'PUT'])
    const path = `${random.pick(['resource', 'reference-value', 'nothing'])}/${rest}`
    const { status } = await asAdmin(path, method, random.bytes(random.below(30)))
    if (!isExpected(status)) unexpected.push(`${method} ${path}: ${status}`)
    if (status === 200 && method === 'POST')
      expect(decodeURIComponent(path.split('?')[0] ?? '')).toMatch(/^resource(\/[A-Za-z0-9_-][\w.-]*){3}$/)
  }
  expect(unexpected).toEqual([])
})

test('JSON of any form is refused or understood', async () => {
  const random = new Random(2, 'bodies')
  const unexpected: string[] = []
  let known = 0
  const some = (): JsonValue => anything(random)
  const policy = (): JsonValue =>
    random.pick([
      some(),
      b64u('package policy\n'),
      b64u(random.bytes(200).toString('latin1')),
      b64u(`package policy\nx := ${'['.repeat(20_000)}`),
    ])
  const forms: readonly [string, () => JsonValue][] = [
    ['auth', () => ({ version: random.pick(['0.4.0', some()]), tee: some(), 'extra-params': some() })],
    [
      'attest',
      () => ({
        'init-data': random.pick([
          null,
          some(),
          {
            format: 'toml',
            body: random.pick([
              some(),
              '[['.repeat(5000),
              'version = "1"\nalgorithm = "sha256"\n[data]\n__proto__ = "x"',
            ]),
          },
        ]),
        'runtime-data': random.pick([
          some(),
          { nonce: some(), 'tee-pubkey': { kty: 'EC', crv: 'P-256', alg: 'ECDH-ES+A256KW', x: some(), y: some() } },
        ]),
        'tee-evidence': { primary_evidence: some(), additional_evidence: some() },
      }),
    ],
    [
      'reference-value',
      () => ({
        type: 'sample',
        payload: random.pick([some(), Buffer.from(JSON.stringify(some())).toString('base64')]),
      }),
    ],
    ['resource-policy', () => ({ policy: policy() })],
    [
      'attestation-policy',
      () => ({
        type: random.pick(['rego', some()]),
        policy_id: random.pick(['other_cpu', '__proto__', some()]),
        policy: policy(),
      }),
    ],
  ]
  for (let n = 0; n < 200; n++) {
    const [path, form] = random.pick(forms)
    const body = form()
    const { status } = await asAdmin(path, 'POST', body)
    if (!isExpected(status)) unexpected.push(`${path} ${JSON.stringify(body)}: ${status}`)
    known += status === 200 ? 1 : 0
  }
  expect(unexpected).toEqual([])
  // Some of them reach what lies behind the form.
  expect(known).toBeGreaterThan(5)
})

test.each(['auth', 'attest', 'resource-policy'])('%s: a million open brackets', async (path) => {
  const { status } = await asAdmin(path, 'POST', Buffer.from(`{"a":${'['.repeat(1_000_000)}`))
  expect(status).toBe(401)
})

test('runtime data of very many levels', async () => {
  const deep = `${'['.repeat(400_000)}${']'.repeat(400_000)}`
  const evidence = b64u('{"svn":"1","report_data":""}')
  const body = `{"verification_requests":[{"tee":"sample","evidence":"${evidence}","runtime_data":{"structured":{"a":${deep}}}}],"policy_ids":[]}`
  const headers: [string, string][] = [['Content-Type', 'application/json']]
  expect((await ask('/attestation', { method: 'POST', headers, body: Buffer.from(body) })).status).toBe(400)
})

test('cookies in odd forms are no session', async () => {
  const { cookie } = await shake()
  const read = async (value: string): Promise<string> =>
    told(await v0('resource/default/key/one', { headers: [['Cookie', value]] }))
  const id = cookie[1].slice('kbs-session-id='.length)
  for (const value of [
    `kbs-session-id=${id.toUpperCase().replace(/[0-9]/g, 'A')}`,
    `xkbs-session-id=${id}`,
    `kbs-session-id="${id}"`,
    'kbs-session-id=',
    `kbs-session-id=../${id}`,
  ])
    expect(await read(value)).toContain('TokenNotFound')
  // What the policy then says is another matter: other tests here write policies.
  expect(await read(`other=1; ${cookie[1]}`)).not.toContain('TokenNotFound')
})

test('the first policy of a server takes the place of none that another process wrote meanwhile', async () => {
  const storage = await openStorage(scratch('kbs'), testPorts())
  const held = policies(storage)
  await held.setAttestationPolicy('default_cpu', 'package policy\nmine := 1\n')
  await held.offerAttestationPolicy('default_cpu', 'package policy\nours := 1\n')
  await held.offerAttestationPolicy('next_cpu', 'package policy\nours := 1\n')
  const stored = JSON.parse(String(await storage.read('attestation-policies.json'))) as Record<string, string>
  expect(stored['default_cpu']).toContain('mine')
  expect(stored['next_cpu']).toContain('ours')
  storage.close()
})

const isExpected = (status: unknown): boolean => [200, 400, 401, 404].includes(Number(status))
