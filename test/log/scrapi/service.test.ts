import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { currentHead } from '../../../src/log/open-log.ts'
import { openLogStore } from '../../../src/log/open-store.ts'
import { readEntry } from '../../../src/log/prove.ts'
import { readProblem } from '../../../src/log/scitt/problem.ts'
import { publishedKeys, registerStatement, type ScrapiService } from '../../../src/log/scitt/scrapi.ts'
import { readStatement, writeStatement } from '../../../src/log/scitt/statement.ts'
import { judgeReceipt, registeredForm } from '../../../src/log/scitt/verify.ts'
import { policyContentType } from '../../../src/log/serve/scrapi/service.ts'
import { statementsByDigest } from '../../../src/log/serve/scrapi/kept-statements.ts'
import { verifyLog } from '../../../src/log/verify-log.ts'
import { readCbor } from '../../../src/encoding/cbor/read.ts'
import { coseKeyThumbprint, readCoseKey } from '../../../src/sign/cose/key.ts'
import { parseSign1 } from '../../../src/sign/cose/sign1.ts'
import { verifySign1 } from '../../../src/sign/cose/verify.ts'
import { coseSigner, withParameter, writeSign1 } from '../../../src/sign/cose/write.ts'
import { isSameKey } from '../../../src/sign/public-key.ts'
import { parseNoteKey } from '../../../src/sign/signed-note.ts'
import { flip } from '../../../testkit/mutate.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { policyFile, serveRegister, type RegisterChange, type ServedRegister } from '../../../testkit/scitt/register.ts'

const ports = testPorts()
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signer = coseSigner(privateKey, publicKey)
const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString()
const open: ServedRegister[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

const policy = (more = ''): string =>
  policyFile(`version: 1\nrules:\n  - name: release\n    keys: [release.pub]\n${more}`, { 'release.pub': pem })

async function serve(change: RegisterChange = {}, more = ''): Promise<ServedRegister> {
  const served = await serveRegister(policy(more), change)
  open.push(served)
  return served
}

const statement = (content = 'x', by = signer): Promise<Buffer> =>
  writeStatement(
    {
      subject: 'app',
      content: Buffer.from(content),
      contentType: 'text/plain',
      issuedAt: new Date(1_780_000_000_000),
      chain: null,
    },
    by,
  )

const at = ({ url }: ServedRegister, token: string | null = null): ScrapiService => ({
  url: new URL(url),
  token,
  patienceMs: 20_000,
})

async function post(
  { url }: ServedRegister,
  body: Uint8Array,
  headers: Record<string, string> = { 'content-type': 'application/cose' },
): Promise<{ status: number; headers: Headers; body: Buffer }> {
  const response = await fetch(`${url}/entries`, {
    method: 'POST',
    body: Buffer.from(body),
    headers,
    redirect: 'manual',
  })
  return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) }
}

async function get(served: ServedRegister, path: string) {
  const response = await fetch(new URL(path, served.url), { redirect: 'manual' })
  return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) }
}

async function sizeOf({ directory, log }: ServedRegister): Promise<number> {
  const store = openLogStore(directory, ports)
  const head = await currentHead(store, parseNoteKey(log.vkey, 'log'))
  await verifyLog(store, head)
  return head.size
}

test('a statement is registered, its receipt counts, and a fresh one can be asked for', async () => {
  const served = await serve()
  const bytes = await statement()
  const message = parseSign1(bytes, 'it')
  const { receipt, location } = await registerStatement(at(served), bytes, ports)
  const before = Date.now()
  expect(judgeReceipt(receipt, message, [served.trusted], 'it')).toMatchObject({ status: 'verified', service: 'log' })
  const { registeredAt } = judgeReceipt(receipt, message, [served.trusted], 'it')
  expect(Math.abs(Number(registeredAt) - before)).toBeLessThan(60_000)
  // It says nothing of another statement.
  const other = parseSign1(await statement('y'), 'other')
  expect(judgeReceipt(receipt, other, [served.trusted], 'it').status).toBe('refused')

  await registerStatement(at(served), await statement('y'), ports)
  const fresh = await get(served, location ?? '')
  expect([fresh.status, fresh.headers.get('content-type'), fresh.headers.get('location')]).toEqual([
    200,
    'application/cose',
    new URL(location ?? '').pathname,
  ])
  expect(judgeReceipt(fresh.body, message, [served.trusted], 'it').status).toBe('verified')
  expect(fresh.body.equals(receipt)).toBe(false)
})

test('the log keeps the statement without its unprotected header, and once', async () => {
  const served = await serve()
  const bytes = await statement()
  const message = parseSign1(bytes, 'it')
  await registerStatement(at(served), bytes, ports)
  await registerStatement(at(served), withParameter(message, 'note', 'added by somebody'), ports)
  const store = openLogStore(served.directory, ports)
  expect(await sizeOf(served)).toBe(2)
  expect((await readEntry(store, 2, 1)).equals(registeredForm(message))).toBe(true)
})

test('the service commits to its policy in the log, once for each policy', async () => {
  const served = await serve()
  expect(served.policyIndex).toBe(0)
  await registerStatement(at(served), await statement(), ports)
  const { directory, log } = served
  const again = await serveRegister(policy(), { directory, log })
  open.push(again)
  const changed = await serveRegister(policy('    subjects: [app]\n'), { directory, log })
  open.push(changed)
  expect([again.policyIndex, changed.policyIndex, await sizeOf(served)]).toEqual([0, 2, 3])
  const entry = readStatement(await readEntry(openLogStore(directory, ports), 3, 0), 'it')
  expect([entry.issuer, entry.subject, entry.contentType]).toEqual([
    'https://log.example.internal',
    'registration-policy',
    policyContentType,
  ])
  const payload = verifySign1(entry.message, createPublicKey(log.publicKeyPem), { understood: [15] })
  expect(JSON.parse(payload.toString('utf8'))).toEqual({ version: 1, rules: [{ name: 'release', keys: [pem] }] })
})

test('a receipt of before is found again after a restart', async () => {
  const served = await serve()
  const bytes = await statement()
  const { location } = await registerStatement(at(served), bytes, ports)
  const again = await serveRegister(policy(), { directory: served.directory, log: served.log })
  open.push(again)
  const { status, body } = await get(again, new URL(location ?? '').pathname)
  expect([status, judgeReceipt(body, parseSign1(bytes, 'it'), [again.trusted], 'it').status]).toEqual([200, 'verified'])
})

test('registrations run while the client asks, and go under one checkpoint', async () => {
  const served = await serve({ waitMs: 0, gatherMs: 300 })
  const statements = await Promise.all(Array.from({ length: 20 }, (_, n) => statement(`${n}`)))
  const answers = await Promise.all(statements.map((bytes) => post(served, bytes)))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([303]))
  const [first] = answers
  const location = first?.headers.get('location') ?? ''
  expect(first?.headers.get('retry-after')).toBe('1')
  const polled = await get(served, location)
  expect([polled.status, polled.headers.get('location'), polled.body.length]).toEqual([302, location, 0])
  const receipts = await Promise.all(statements.map((bytes) => registerStatement(at(served), bytes, ports)))
  for (const [n, { receipt }] of receipts.entries())
    expect(judgeReceipt(receipt, parseSign1(statements[n] ?? receipt, 'it'), [served.trusted], 'it').status).toBe(
      'verified',
    )
  // The proofs of all lead to one tree: the policy and the twenty statements.
  expect(await sizeOf(served)).toBe(21)
  const sizes = receipts.map(({ receipt }) => {
    const [proof] = parseSign1(receipt, 'it').unprotected.map(396)?.array(-1) ?? []
    const [size] = proof?.kind === 'bytes' ? listOf(proof.value) : []
    return size
  })
  expect(new Set(sizes)).toEqual(new Set([21]))
})

function listOf(bytes: Buffer): unknown[] {
  const item = readCbor(bytes, 'it')
  return item.kind === 'array' ? item.items.map((one) => ('value' in one ? one.value : null)) : []
}

test('keys are published, each also under its thumbprint', async () => {
  const retired = generateKeyPairSync('ed25519').publicKey
  const served = await serve({ retired: [retired] })
  const { keys } = await publishedKeys(new URL(served.url), ports)
  const [own] = served.trusted.keys
  expect(keys.map(({ key }) => isSameKey(key, own?.key ?? retired))).toEqual([true, false, false])
  expect(keys[1]?.key.equals(createPublicKey(served.log.publicKeyPem))).toBe(true)
  const one = await get(served, `/.well-known/scitt-keys/${coseKeyThumbprint(retired).toString('base64url')}`)
  expect(one.headers.get('content-type')).toBe('application/cbor')
  expect(readCoseKey(readCbor(one.body, 'it'), 'it').key.equals(retired)).toBe(true)
  const none = await get(served, `/.well-known/scitt-keys/${coseKeyThumbprint(publicKey).toString('base64url')}`)
  expect([none.status, readProblem(none.body).title]).toEqual([404, 'No such key'])
})

test('a log of digests keeps larger statements beside itself', async () => {
  const kept = statementsByDigest(join(scratch('statements'), 'kept'))
  const served = await serve({ kept }, 'limits: { statement-bytes: 1048576 }\n')
  const bytes = await writeSign1(
    {
      protected: new Map<number, Buffer | string | Map<number, string>>([
        [3, 'text/plain'],
        [4, Buffer.from('k')],
        [
          15,
          new Map([
            [1, readStatement(await statement(), 'it').issuer],
            [2, 'app'],
          ]),
        ],
      ]),
      payload: Buffer.alloc(200_000, 7),
    },
    signer,
  )
  const { receipt, location } = await registerStatement(at(served), bytes, ports)
  const message = parseSign1(bytes, 'it')
  expect(judgeReceipt(receipt, message, [served.trusted], 'it').status).toBe('verified')
  expect(judgeReceipt(receipt, message, [{ ...served.trusted, entry: 'statement' }], 'it').status).toBe('refused')
  expect((await get(served, location ?? '')).status).toBe(200)
  expect((await readEntry(openLogStore(served.directory, ports), 2, 1)).length).toBe(32)
  // The same statement is too large to be an entry itself.
  const plain = await serve()
  const refused = await post(plain, bytes)
  expect([refused.status, readProblem(refused.body).title]).toEqual([413, 'Statement Too Large'])
})

test.each<[string, () => Promise<Buffer> | Buffer, number, string, RegExp]>([
  ['bytes that are not COSE', () => Buffer.from('hello'), 400, 'Malformed request', /^the statement /],
  ['an empty body', () => Buffer.alloc(0), 400, 'Malformed request', /./],
  [
    'a changed signature',
    async () => {
      const bytes = await statement()
      return flip(bytes, bytes.length * 8 - 1)
    },
    400,
    'Rejected',
    /not signed by a key of the rule/,
  ],
  [
    'a foreign key',
    () => {
      const other = generateKeyPairSync('ed25519')
      return statement('x', coseSigner(other.privateKey, other.publicKey))
    },
    400,
    'Rejected',
    /rule "release"/,
  ],
  ['a detached payload', () => crafted({ detached: true }), 400, 'Payload Missing', /detached/],
  ['an unknown algorithm', () => crafted({ algorithm: -65_000 }), 400, 'Bad Signature Algorithm', /-65000/],
  ['an expired statement', () => crafted({ claims: [[4, 1_000_000_000]] }), 400, 'Rejected', /expired at 2001/],
  ['a statement of the future', () => crafted({ claims: [[5, 4_000_000_000]] }), 400, 'Rejected', /valid from 2096/],
  ['a body beyond all limits', () => Buffer.alloc((1 << 20) + 1), 413, 'Statement Too Large', /larger than/],
])('%s is refused by problem details', async (_, make, status, title, detail) => {
  const served = await serve()
  const answer = await post(served, await make())
  expect(answer.headers.get('content-type')).toBe('application/concise-problem-details+cbor')
  const problem = readProblem(answer.body)
  expect([answer.status, problem.title]).toEqual([status, title])
  expect(problem.detail).toMatch(detail)
  expect(await sizeOf(served)).toBe(1)
})

/** A statement in a form that our own writer does not give. */
async function crafted(change: {
  detached?: boolean
  algorithm?: number
  claims?: [number, number][]
}): Promise<Buffer> {
  const { issuer } = readStatement(await statement(), 'it')
  const claims = new Map<number, string | number>([[1, issuer], [2, 'app'], ...(change.claims ?? [])])
  return writeSign1(
    {
      protected: new Map<number, Buffer | string | typeof claims>([
        [3, 'text/plain'],
        [4, Buffer.from('k')],
        [15, claims],
      ]),
      payload: Buffer.from('content'),
      detached: change.detached,
    },
    { ...signer, algorithm: change.algorithm ?? signer.algorithm },
  )
}

test('other media types, methods and locators are refused by problem details', async () => {
  const served = await serve()
  const typed = await post(served, await statement(), { 'content-type': 'application/json' })
  const deleted = await fetch(`${served.url}/entries`, { method: 'DELETE' })
  expect([typed.status, deleted.status]).toEqual([415, 405])
  const titles = ['/entries/0', `/entries/${'0'.repeat(64)}`, '/entries/%zz', '/.well-known/scitt-keys/x'].map(
    async (path) => {
      const { status, body } = await get(served, path)
      return [status, readProblem(body).title]
    },
  )
  expect(await Promise.all(titles)).toEqual([
    [400, 'Invalid locator'],
    [404, 'Not Found'],
    [400, 'Malformed request'],
    [404, 'No such key'],
  ])
})

test('an entry of another kind has no receipt', async () => {
  const served = await serve({
    recorder: (real) => ({
      ...real,
      entry: () => Promise.resolve(Buffer.from('{"apiVersion":"0.0.2"}')),
    }),
  })
  expect((await get(served, `/entries/${'ab'.repeat(32)}`)).status).toBe(404)
})

test('a token is needed where there is one', async () => {
  const served = await serve({ token: 'secret' })
  const none = await post(served, await statement())
  expect([none.status, none.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
  await expect(registerStatement(at(served, 'Secret'), await statement(), ports)).rejects.toMatchObject({
    code: 'unauthorized',
  })
  expect(await registerStatement(at(served, 'secret'), await statement(), ports)).toMatchObject({})
})

test('too many requests are put off', async () => {
  const served = await serve({}, 'limits: { per-minute: 2 }\n')
  const bytes = await statement()
  const statuses = []
  for (let n = 0; n < 3; n++) statuses.push(await post(served, bytes))
  expect(statuses.map(({ status }) => status)).toEqual([201, 201, 429])
  expect(Number(statuses[2]?.headers.get('retry-after'))).toBeGreaterThan(0)
  const full = await serve({ waitMs: 0, gatherMs: 60_000 }, 'limits: { pending: 1 }\n')
  const [first, second] = [await post(full, bytes), await post(full, await statement('y'))]
  expect([first.status, second.status]).toEqual([303, 429])
})

test('requests without the token use up nothing of the rate', async () => {
  const served = await serve({ token: 'secret' }, 'limits: { per-minute: 2 }\n')
  for (let n = 0; n < 4; n++) expect((await post(served, Buffer.from('x'))).status).toBe(401)
  expect(await registerStatement(at(served, 'secret'), await statement(), ports)).toMatchObject({})
})

test('a service that ends brings what it took into the log', async () => {
  const served = await serveRegister(policy(), { waitMs: 0, gatherMs: 60_000 })
  expect((await post(served, await statement())).status).toBe(303)
  expect(await sizeOf(served)).toBe(1)
  await served.close()
  expect(await sizeOf(served)).toBe(2)
})

test('a log that fails is not the fault of the statement, and does not say why', async () => {
  const served = await serve({
    recorder: (real) => {
      let calls = 0
      return { ...real, record: (body) => (calls++ === 0 ? real.record(body) : Promise.reject(new Error('disk /x'))) }
    },
  })
  const { status, headers, body } = await post(served, await statement())
  expect([status, headers.get('retry-after'), readProblem(body)]).toEqual([
    503,
    '5',
    { title: 'Service Unavailable', detail: 'the log cannot take this now' },
  ])
})
