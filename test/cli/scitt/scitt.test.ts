import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { statementMediaType, writeStatement } from '../../../src/log/scitt/statement.ts'
import { attachStatement, findAttachedStatements } from '../../../src/log/scitt/attach.ts'
import { encodeCbor } from '../../../src/encoding/cbor/write.ts'
import { coseKeyOf, coseKeyThumbprint } from '../../../src/sign/cose/key.ts'
import { parseSign1, withUnprotected } from '../../../src/sign/cose/sign1.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { problem, startScittService, type ServiceOptions, type TestService } from '../../../testkit/scitt/service.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { putImage, storeOf } from '../../sign/fixtures.ts'
import { certified, type CertifiedSigner } from '../../sign/notation/fixtures.ts'
import { door } from '../tee/door.ts'

interface Verified {
  verified: boolean
  statements: {
    name: string
    verified: boolean
    issuer: string
    subject: string | null
    'content-checked': boolean
    checks: { name: string; ok: boolean; why: string }[]
    receipts: { status: string; service: string | null; 'registered-at': string | null; why: string }[]
  }[]
  notes: string[]
}
interface Submitted {
  registered: { name: string; state: string; location: string | null }[]
  'receipts-verified': boolean
}

const verify = (...args: string[]) => door<Verified>('scitt verify', ...args)
const submit = (...args: string[]) => door<Submitted>('scitt submit', ...args)

const running: TestService[] = []
afterEach(async () => {
  for (const service of running.splice(0)) await service.close()
})
async function start(options: ServiceOptions = {}): Promise<TestService> {
  const service = await startScittService(options)
  running.push(service)
  return service
}

const content = Buffer.from('{"what":"this"}')

interface Files {
  by: CertifiedSigner
  path: (name: string) => string
  statement: string
  key: string
}

/** A statement in a file, with the key of its issuer. */
async function files(chain = false): Promise<Files> {
  const dir = scratch('scitt')
  const by = certified()
  const path = (name: string): string => join(dir, name)
  const issuedAt = new Date('2026-01-01T00:00:00Z')
  const made = { subject: 'app', content, contentType: 'application/json', issuedAt, chain: chain ? by.chain : null }
  writeFileSync(path('statement.scitt'), await writeStatement(made, by.signer))
  writeFileSync(path('content.json'), content)
  writeFileSync(path('issuer.pub'), by.signer.publicKey.export({ format: 'pem', type: 'spki' }))
  return { by, path, statement: path('statement.scitt'), key: path('issuer.pub') }
}

/** The keys of a service, as it publishes them. */
function keysOf(service: TestService, path: string): string {
  writeFileSync(path, encodeCbor([coseKeyOf(service.key)]))
  return path
}

const failed = ({ checks }: Verified['statements'][number]): string[] =>
  checks.filter(({ ok }) => !ok).map(({ name, why }) => `${name}: ${why}`)

test('a statement is verified by its issuer, subject and content', async () => {
  const { statement, key, path } = await files()
  const good = await verify(statement, '--public-key', key, '--content', path('content.json'), '--subject', 'app')
  expect(good.code).toBe(0)
  expect(good.outputs.statements).toMatchObject([
    {
      verified: true,
      subject: 'app',
      'content-checked': true,
      issuer: expect.stringMatching(/^urn:ietf:params:oauth:ckt:/) as string,
    },
  ])
  expect((await verify(statement, '--public-key', key)).outputs.statements).toMatchObject([
    { verified: true, 'content-checked': false },
  ])

  writeFileSync(path('other'), 'other')
  const other = await files()
  for (const [args, why] of [
    [['--content', path('other')], /^signature: .* signs the sha256 .*, the content has/],
    [['--subject', 'lib'], /^subject: its subject is "app", not "lib"$/],
    [['--issuer', 'https://other'], /^issuer: its issuer is "urn:.*", not "https:\/\/other"$/],
  ] as const) {
    const { code, outputs } = await verify(statement, '--public-key', key, ...args)
    expect([code, outputs.statements.flatMap(failed)]).toEqual([1, [expect.stringMatching(why)]])
  }
  const foreign = await verify(statement, '--public-key', other.key)
  expect(foreign.outputs.statements.flatMap(failed)).toEqual([
    expect.stringMatching(/^signature: .* is not signed by this key$/),
  ])
})

test('a did:x509 needs no key, and its certificates must be valid', async () => {
  const { statement, path, key } = await files(true)
  const [{ issuer } = { issuer: '' }] = (await verify(statement, '--public-key', key)).outputs.statements
  expect(issuer).toMatch(/^did:x509:0:sha256:/)
  expect((await verify(statement, '--issuer', issuer, '--content', path('content.json'))).code).toBe(0)
  const late = await verify(statement, '--issuer', issuer, '--at', '2050-01-01T00:00:00Z')
  expect(late.outputs.statements.flatMap(failed)).toEqual([
    expect.stringMatching(/^signature: .* expired on 2040-.*; judged at 2050/),
  ])
  const other = issuer.replace('CN:Signer', 'CN:Other')
  expect((await verify(statement, '--issuer', other)).outputs.statements.flatMap(failed)).toEqual([
    expect.stringMatching(/^issuer: /),
    expect.stringMatching(/^signature: no key of /),
  ])
})

test.each(['rfc9162', 'ccf'] as const)('a statement is registered, and its receipt counts (%s)', async (tree) => {
  const service = await start({ tree })
  const { statement, key, path } = await files()
  const trusted = ['--service', `https://transparency.example=${keysOf(service, path('log.keys'))}`]
  const none = await verify(statement, '--public-key', key, ...trusted)
  expect(none.outputs.statements.flatMap(failed)).toEqual(['registration: it carries no receipt'])

  const { code, outputs } = await submit(statement, '--url', service.url, ...trusted, '--output', path('receipt'))
  expect([code, outputs]).toMatchObject([
    0,
    { 'receipts-verified': true, registered: [{ state: 'added', location: `${service.url}/entries/0` }] },
  ])
  expect(service.requests).toEqual(['POST /entries'])
  expect(service.registered[0]).toEqual(readFileSync(statement))
  const good = await verify(statement, '--public-key', key, ...trusted, '--receipt', path('receipt'))
  expect(good.outputs.statements).toMatchObject([
    {
      verified: true,
      receipts: [
        { status: 'verified', service: 'https://transparency.example', 'registered-at': '2026-05-28T20:26:40.000Z' },
      ],
    },
  ])

  // The receipt may stand in the statement as well.
  const message = parseSign1(readFileSync(statement), 'it')
  writeFileSync(
    path('transparent'),
    withUnprotected(message, encodeCbor(new Map([[394, [readFileSync(path('receipt'))]]]))),
  )
  expect((await verify(path('transparent'), '--public-key', key, ...trusted)).code).toBe(0)
  // The receipt of another statement does not count for this one.
  const other = await files()
  const grafted = await verify(other.statement, '--public-key', other.key, ...trusted, '--receipt', path('receipt'))
  expect(grafted.outputs.statements.flatMap(failed)).toEqual([expect.stringMatching(/^registration: receipt file 1/)])
})

test('a registration that runs is waited for, at its own location', async () => {
  const service = await start({ flow: 'async', polls: 3 })
  const { statement, path } = await files()
  const { outputs } = await submit(statement, '--url', `${service.url}/`, '--output', path('receipt'))
  expect(service.requests).toEqual(['POST /entries', ...Array.from({ length: 4 }, () => 'GET /entries/0')])
  expect(outputs).toMatchObject({ 'receipts-verified': false, registered: [{ location: `${service.url}/entries/0` }] })
})

test('a service that throttles is asked again', async () => {
  const service = await start({
    answer: (_, response, number) => {
      if (number > 2) return false
      response.setHeader('retry-after', '0')
      problem(response, 429, 'Too Many Requests', 'later')
      return true
    },
  })
  const { statement, path } = await files()
  expect((await submit(statement, '--url', service.url, '--output', path('receipt'))).code).toBe(0)
  expect(service.requests).toHaveLength(3)
})

const answers: [string, ServiceOptions, number, string, string][] = [
  [
    'refuses',
    { answer: (_, r) => (problem(r, 400, 'Rejected', 'unknown issuer'), true) },
    1,
    'denied',
    'did not register the statement: Rejected: unknown issuer',
  ],
  [
    'wants a token',
    { answer: (_, r) => (problem(r, 401, 'Unauthorized', 'token'), true) },
    3,
    'unauthorized',
    'does not accept this client',
  ],
  ['fails', { answer: (_, r) => (r.writeHead(501).end(), true) }, 3, 'log-error', 'answered 501'],
  [
    'leads elsewhere',
    { answer: (_, r) => (r.writeHead(303, { location: 'http://127.0.0.2:1/x' }).end(), true) },
    3,
    'log-error',
    'a location on another host',
  ],
  ['leads nowhere', { answer: (_, r) => (r.writeHead(303).end(), true) }, 3, 'log-error', '303 without a location'],
  [
    'redirects the registration',
    { answer: (_, r) => (r.writeHead(302, { location: '/x' }).end(), true) },
    3,
    'log-error',
    '302 to a registration',
  ],
  ['never ends', { flow: 'async', polls: 1e9, retryAfter: '1' }, 3, 'log-error', 'that the registration still runs'],
  ['gives nothing', { answer: (_, r) => (r.writeHead(201).end(), true) }, 3, 'log-error', '201 without a receipt'],
  [
    'gives too much',
    { answer: (_, r) => (r.writeHead(201).end(Buffer.alloc((1 << 20) + 1)), true) },
    1,
    'format-invalid',
    'the receipt of',
  ],
]
test.each(answers)('a service that %s gives a clear error', async (_, options, code, reason, why) => {
  const service = await start(options)
  const { statement, path } = await files()
  const ran = await submit(statement, '--url', service.url, '--output', path('receipt'), '--timeout', '2')
  expect(ran).toMatchObject({ code, error: { code: reason, message: expect.stringContaining(why) as string } })
})

test('the keys that a service publishes can be pinned', async () => {
  const service = await start()
  const { statement, path } = await files()
  const keys = (...args: string[]) => door<{ thumbprints: string[] }>('scitt keys', ...args)
  const { code, outputs } = await keys('--url', service.url, '--output', path('log.keys'))
  expect([code, outputs]).toEqual([0, { thumbprints: [coseKeyThumbprint(service.key).toString('hex')] }])
  const trusted = ['--service', path('log.keys'), '--output', path('receipt')]
  expect((await submit(statement, '--url', service.url, ...trusted)).outputs).toMatchObject({
    'receipts-verified': true,
  })
  // A policy is text, and takes them as PEM.
  expect((await keys('--url', service.url, '--output', path('log.pem'), '--format', 'pem')).code).toBe(0)
  expect(readFileSync(path('log.pem'), 'utf8')).toBe(service.key.export({ format: 'pem', type: 'spki' }))
  expect(await keys('--url', service.url, '--output', path('log.keys'))).toMatchObject({
    code: 2,
    error: { code: 'exists' },
  })
  const without = await start({ answer: (_, response) => (problem(response, 404, 'Not Found', 'no keys'), true) })
  const none = await keys('--url', without.url, '--output', path('none'))
  expect(none).toMatchObject({
    code: 3,
    error: { code: 'log-error', message: expect.stringContaining('answered 404') as string },
  })
  const empty = await start({ answer: (_, response) => (response.end(Buffer.from([0x80])), true) })
  expect(await keys('--url', empty.url, '--output', path('none'))).toMatchObject({ error: { code: 'file-invalid' } })
})

test('a receipt of another key is not kept', async () => {
  const service = await start()
  const { statement, path } = await files()
  const trusted = keysOf(await start(), path('log.keys'))
  const ran = await submit(statement, '--url', service.url, '--service', trusted, '--output', path('receipt'))
  expect(ran).toMatchObject({ code: 1, error: { code: 'signature-invalid' } })
  expect(() => readFileSync(path('receipt'))).toThrow('ENOENT')
})

test('the statements of an image are registered once, and those of strangers never', async () => {
  const ports = testPorts()
  const store = storeOf(`oci:${ports.roots.cwd}/image`, ports)
  const image = await putImage(store, 'v1')
  const { statement, key, path } = await files()
  await attachStatement(store, image, readFileSync(statement))
  await attachStatement(store, image, readFileSync((await files()).statement))
  const service = await start()
  const name = `oci:${ports.roots.cwd}/image:v1`
  const trusted = ['--public-key', key, '--service', keysOf(service, path('log.keys'))]
  expect((await verify(name, ...trusted)).code).toBe(1)
  const first = await submit(name, '--url', service.url, ...trusted)
  expect(first.outputs.registered.map(({ state }) => state)).toEqual(['added'])
  expect(service.registered).toEqual([readFileSync(statement)])
  const { outputs } = await verify(name, ...trusted)
  expect([outputs.verified, outputs.statements.map(({ verified }) => verified).sort()]).toEqual([true, [false, true]])
  const second = await submit(name, '--url', service.url, ...trusted)
  expect(second.outputs.registered.map(({ state }) => state)).toEqual(['present'])
  expect(service.requests).toHaveLength(1)
  const broken: unknown[] = []
  const found = await findAttachedStatements(store, image, (one) => broken.push(one))
  expect([broken, found.map(({ receipts }) => receipts.length).sort()]).toEqual([[], [0, 1]])
  expect(found.map(({ manifest }) => manifest.artifactType ?? statementMediaType)).toHaveLength(2)
})

test.each<[string[], string, string]>([
  [[], 'input-missing', 'nobody is trusted'],
  [['--issuer', 'https://issuer'], 'input-missing', 'nobody is trusted'],
  [['--public-key', 'KEY', '--accept', 'anything'], 'input-invalid', '"anything" is not known'],
  [['--public-key', 'KEY', '--entry', 'leaf'], 'input-invalid', 'entry'],
  [['--public-key', 'KEY', '--service', 'STATEMENT'], 'file-invalid', 'is not an array of at most 256 keys'],
])('verify with %j is wrong use', async (args, code, why) => {
  const { statement, key } = await files()
  const given = args.map((arg) => arg.replace('KEY', key).replace('STATEMENT', statement))
  const ran = await verify(statement, ...given)
  expect(ran).toMatchObject({ code: 2, error: { code, message: expect.stringContaining(why) as string } })
})

test('a file that is not there is not answered with the grammar of registries alone', async () => {
  const { key } = await files()
  expect(await verify('statment.scitt', '--public-key', key)).toMatchObject({
    code: 2,
    error: { code: 'reference-invalid', message: expect.stringContaining('is not a file that exists') as string },
  })
})

test.each<[string[], string]>([
  [['--url', 'http://log.example', '--output', 'x'], 'input-invalid'],
  [['--url', 'https://user:pass@log.example', '--output', 'x'], 'input-invalid'],
  [['--url', 'https://log.example/?a=b', '--output', 'x'], 'input-invalid'],
  [['--url', 'https://log.example'], 'input-missing'],
])('submit with %j is wrong use', async (args, code) => {
  const { statement } = await files()
  expect(await submit(statement, ...args)).toMatchObject({ code: 2, error: { code } })
})

const uvm = 'cose/cosesign1go/pkg/cosesign1'
withPeers([`vectors:${uvm}`], 'a real endorsement is verified at the time of its registration', async () => {
  const did = 'did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.2'
  const trusted = [
    ...['--issuer', did, '--subject', 'ContainerPlat-AMD-UVM'],
    ...[
      '--service',
      vector(`${uvm}/esrp_db_ledger_pub_keys.json`),
      '--service',
      vector(`${uvm}/esrp_cp_ledger_pub_keys.json`),
    ],
  ]
  const good = await verify(vector(`${uvm}/esrp_transparent_hash_envelop.cose`), ...trusted)
  expect([good.code, good.outputs.statements.flatMap(failed)]).toEqual([0, []])
  const grafted = await verify(vector(`${uvm}/esrp_with_grafted_receipt.cose`), ...trusted)
  expect(grafted.code).toBe(1)
  expect(grafted.outputs.statements.flatMap(failed)).toContainEqual(
    expect.stringMatching(/^registration: receipt 0 of .* is about the statement/),
  )
})
