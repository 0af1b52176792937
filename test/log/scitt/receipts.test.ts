import { createHash, generateKeyPairSync } from 'node:crypto'
import { CborTag, type CborValue } from '../../../src/encoding/cbor/types.ts'
import { encodeCbor } from '../../../src/encoding/cbor/write.ts'
import { leafHash, nodeHash } from '../../../src/log/merkle.ts'
import { parseReceipt, type Receipt } from '../../../src/log/scitt/receipt.ts'
import { readServiceKeys, type ScittService } from '../../../src/log/scitt/services.ts'
import { judgeReceipt, judgeReceipts, registeredForm, verifyConsistency } from '../../../src/log/scitt/verify.ts'
import { coseKeyOf, coseKeyThumbprint } from '../../../src/sign/cose/key.ts'
import { parseSign1, withUnprotected, type Sign1 } from '../../../src/sign/cose/sign1.ts'
import { coseSigner, writeSign1 } from '../../../src/sign/cose/write.ts'
import { flip } from '../../../testkit/mutate.ts'

const issuer = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const log = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const logSigner = coseSigner(log.privateKey, log.publicKey)
const service: ScittService = {
  name: 'log',
  issuer: 'https://log.example',
  keys: [{ kid: null, key: log.publicKey }],
  entry: 'statement',
}

const sha256 = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest()
const map = (entries: [CborValue, CborValue][]): Map<CborValue, CborValue> => new Map(entries)

async function makeStatement(content = 'x'): Promise<Sign1> {
  const bytes = await writeSign1(
    {
      protected: map([
        [
          15,
          map([
            [1, 'me'],
            [2, content],
          ]),
        ],
      ]),
      unprotected: map([[4, Buffer.from('k')]]),
      payload: Buffer.from(content),
    },
    coseSigner(issuer.privateKey, issuer.publicKey),
  )
  return parseSign1(bytes, 'statement')
}

interface Change {
  vds?: CborValue
  issuer?: string
  kid?: Buffer
  label?: number
  proofs?: CborValue
  root?: Buffer
}

/** A receipt with one proof. */
async function makeReceipt(root: Buffer, proof: CborValue, change: Change = {}): Promise<Buffer> {
  const headers: [CborValue, CborValue][] = [
    [
      15,
      map([
        [1, change.issuer ?? 'https://log.example'],
        [6, 1_700_000_000],
      ]),
    ],
  ]
  if (change.vds !== null) headers.push([395, change.vds ?? 1])
  if (change.kid !== undefined) headers.push([4, change.kid])
  const proofs = change.proofs ?? [encodeCbor(proof)]
  return writeSign1(
    {
      protected: map(headers),
      unprotected: map([[396, map([[change.label ?? -1, proofs]])]]),
      payload: change.root ?? root,
      detached: true,
    },
    logSigner,
  )
}

const sibling = Buffer.alloc(32, 7)

/** A tree of two entries, of which the statement is the first. */
async function included(statement: Sign1, change: Change = {}): Promise<Buffer> {
  const root = nodeHash(leafHash(registeredForm(statement)), sibling)
  return makeReceipt(root, [2, 0, [sibling]], change)
}

const judge = (receipt: Uint8Array, statement: Sign1, one: ScittService = service): string[] => {
  const { status, why } = judgeReceipt(receipt, statement, [one], 'it')
  return [status, why]
}

test('a receipt proves the statement as it was registered, whatever stands in its unprotected header', async () => {
  const statement = await makeStatement()
  const receipt = await included(statement)
  const verdict = judgeReceipt(receipt, statement, [service], 'it')
  expect(verdict).toEqual({
    status: 'verified',
    service: 'log',
    issuer: 'https://log.example',
    registeredAt: new Date('2023-11-14T22:13:20Z'),
    why: 'registered by log',
  })
  const embedded = withUnprotected(statement, encodeCbor(map([[394, [receipt, receipt]]])))
  expect(judgeReceipts(parseSign1(embedded, 'it'), [service]).map(({ status }) => status)).toEqual([
    'verified',
    'verified',
  ])
})

test('a log with one entry gives an empty path', async () => {
  const statement = await makeStatement()
  const receipt = await makeReceipt(leafHash(registeredForm(statement)), [1, 0, []])
  expect(judge(receipt, statement)).toEqual(['verified', 'registered by log'])
})

test('the receipt of another statement is refused', async () => {
  const receipt = await included(await makeStatement('other'))
  expect(judge(receipt, await makeStatement())).toEqual(['refused', 'it: is not signed by this key'])
})

test('every bit of a receipt matters, but for its name of the tree in the unprotected header', async () => {
  const statement = await makeStatement()
  const receipt = await included(statement)
  for (let bit = 0; bit < receipt.length * 8; bit++)
    expect(judge(flip(receipt, bit), statement)[0]).not.toBe('verified')
})

test.each<[string, Change, string[]]>([
  ['of an unknown tree', { vds: 3 }, ['unsupported', 'its tree has the number 3']],
  ['without a tree', { vds: null }, ['unsupported', 'it names no tree in its protected header']],
  ['whose tree is a text', { vds: 'RFC9162' }, ['refused', 'not an integer']],
  [
    'by another service',
    { issuer: 'https://other.example' },
    ['unknown-service', 'no trusted service has the key of https://other.example'],
  ],
  ['of a key that the service lacks', { kid: Buffer.from('other') }, ['unknown-service', 'no trusted service']],
  ['over another root', { root: Buffer.alloc(32) }, ['refused', 'is not signed by this key']],
  ['with a proof of consistency only', { label: -2 }, ['refused', 'contains no proof of inclusion']],
  ['without proofs in its list', { proofs: [] }, ['refused', 'contains 0 proofs']],
  [
    'with a proof that is not wrapped',
    { proofs: [[2, 0, [sibling]]] },
    ['refused', 'a proof that is not a byte string'],
  ],
  [
    'with too many proofs',
    { proofs: Array.from({ length: 17 }, () => Buffer.from('a0', 'hex')) },
    ['refused', 'contains 17 proofs'],
  ],
  ['with a proof of the other tree', { proofs: [encodeCbor(map([[1, 2]]))] }, ['refused', 'is malformed']],
  [
    'with an index beyond its size',
    { proofs: [encodeCbor([2, 2, [sibling]])] },
    ['refused', 'does not belong to its index and size'],
  ],
  ['with a negative index', { proofs: [encodeCbor([2, -1, [sibling]])] }, ['refused', 'malformed size or index']],
  [
    'with a long path',
    { proofs: [encodeCbor([2, 0, [sibling, sibling]])] },
    ['refused', 'does not belong to its index and size'],
  ],
  [
    'with a path of 65 steps',
    { proofs: [encodeCbor([2, 0, Array.from({ length: 65 }, () => sibling)])] },
    ['refused', 'malformed path'],
  ],
  [
    'with a short hash',
    { proofs: [encodeCbor([2, 0, [sibling.subarray(1)]])] },
    ['refused', 'a hash that is not 32 bytes'],
  ],
  ['with a fourth member', { proofs: [encodeCbor([2, 0, [sibling], 0])] }, ['refused', 'does not belong']],
])('a receipt %s does not count', async (_, change, [status, why]) => {
  const statement = await makeStatement()
  const found = judge(await included(statement, change), statement)
  expect(found).toEqual([status, expect.stringContaining(why ?? '')])
})

test('a receipt may name the key by thumbprint, by the hash of its SPKI, or by the name that the service published', async () => {
  const statement = await makeStatement()
  const spki = sha256(log.publicKey.export({ format: 'der', type: 'spki' })).toString('hex')
  for (const kid of [coseKeyThumbprint(log.publicKey), Buffer.from(spki)])
    expect(judge(await included(statement, { kid }), statement)[0]).toBe('verified')
  const named = readServiceKeys(encodeCbor([map([...coseKeyOf(log.publicKey), [2, Buffer.from('one')]])]), 'set')
  const kid = Buffer.from('one')
  expect(judge(await included(statement, { kid }), statement, { ...service, keys: named })[0]).toBe('verified')
})

/** A receipt of CCF over a statement. */
async function ccf(
  statement: Sign1,
  change: (parts: { leaf: CborValue[]; path: CborValue[] }) => void = () => {},
): Promise<Buffer> {
  const data = sha256(registeredForm(statement))
  const transaction = Buffer.alloc(32, 1)
  const leaf = sha256(transaction, sha256(Buffer.from('evidence')), data)
  const root = sha256(sibling, sha256(leaf, sibling))
  const parts = {
    leaf: [transaction, 'evidence', data] as CborValue[],
    path: [
      [false, sibling],
      [true, sibling],
    ] as CborValue[],
  }
  change(parts)
  return makeReceipt(
    root,
    map([
      [1, parts.leaf],
      [2, parts.path],
    ]),
    { vds: 2 },
  )
}

test('a receipt of CCF binds the statement by its hash', async () => {
  const statement = await makeStatement()
  expect(judge(await ccf(statement), statement)).toEqual(['verified', 'registered by log'])
  const [status, why] = judge(await ccf(await makeStatement('other')), statement)
  expect([status, why]).toEqual(['refused', expect.stringMatching(/^it is about the statement [0-9a-f]{64}, not/)])
})

test.each<[string, (parts: { leaf: CborValue[]; path: CborValue[] }) => void, string]>([
  ['other evidence', ({ leaf }) => (leaf[1] = 'other'), 'is not signed by this key'],
  ['evidence in bytes', ({ leaf }) => (leaf[1] = Buffer.from('evidence')), 'is malformed'],
  ['long evidence', ({ leaf }) => (leaf[1] = 'e'.repeat(1025)), 'is malformed'],
  ['a fourth part of the leaf', ({ leaf }) => leaf.push(0), 'is malformed'],
  ['a short transaction hash', ({ leaf }) => (leaf[0] = Buffer.alloc(31)), 'a hash that is not 32 bytes'],
  ['a step of another side', ({ path }) => (path[0] = [true, sibling]), 'is not signed by this key'],
  ['a step without side', ({ path }) => (path[0] = [sibling]), 'has a malformed step'],
  ['a step of three members', ({ path }) => (path[0] = [true, sibling, 1]), 'has a malformed step'],
  [
    'a path of 65 steps',
    ({ path }) => path.push(...Array.from({ length: 63 }, () => [true, sibling])),
    'has more than 64 steps',
  ],
])('a receipt of CCF with %s is refused', async (_, change, why) => {
  const statement = await makeStatement()
  expect(judge(await ccf(statement, change), statement)).toEqual(['refused', expect.stringContaining(why)])
})

test('a statement carries a bounded list of receipts, and foreign items in it are passed over', async () => {
  const statement = await makeStatement()
  const receipt = await included(statement)
  const carrying = (list: CborValue): Sign1 =>
    parseSign1(withUnprotected(statement, encodeCbor(map([[394, list]]))), 'it')
  const mixed = judgeReceipts(carrying([new CborTag(18, []), Buffer.from('ff', 'hex'), receipt]), [service])
  expect(mixed.map(({ status }) => status)).toEqual(['unsupported', 'refused', 'verified'])
  expect(() => judgeReceipts(carrying(Array.from({ length: 33 }, () => receipt)), [service])).toThrow(
    'more than 32 receipts',
  )
  expect(() => judgeReceipts(carrying(receipt), [service])).toThrow('not an array')
  expect(judgeReceipts(statement, [service])).toEqual([])
})

/** Consistency of a tree of one entry with one of two. */
async function grown(older: Buffer, change: Change = {}): Promise<Receipt> {
  const bytes = await makeReceipt(nodeHash(older, sibling), [1, 2, [sibling]], { label: -2, ...change })
  const receipt = parseReceipt(bytes, 'it')
  if (receipt.tree === 'unsupported') throw new Error(receipt.why)
  return receipt
}

test('a receipt of consistency leads from the older root to the newer one', async () => {
  const older = Buffer.alloc(32, 5)
  const found = verifyConsistency(await grown(older), { size: 1n, root: older }, service)
  expect(found).toEqual({ size: 2n, root: nodeHash(older, sibling) })
  const refuse = async (change: Change, from: { size: bigint; root: Buffer }, one = service): Promise<string> => {
    const receipt = await grown(older, change)
    try {
      return verifyConsistency(receipt, from, one).size.toString()
    } catch (error) {
      return error instanceof Error || (error !== null && typeof error === 'object' && 'message' in error)
        ? String(error.message)
        : ''
    }
  }
  const from = { size: 1n, root: older }
  expect(await refuse({}, { size: 1n, root: sibling })).toContain('is not signed by this key')
  expect(await refuse({}, { size: 2n, root: older })).toBe('it starts at size 1, not 2')
  expect(await refuse({ root: older }, from)).toContain('is not signed by this key')
  expect(await refuse({ label: -1 }, from)).toContain('does not contain one proof of consistency')
  expect(await refuse({ proofs: [encodeCbor([1, 2, []])] }, from)).toContain('does not continue the older tree')
  expect(await refuse({ proofs: [encodeCbor([1, 2, [sibling], 1])] }, from)).toContain('is malformed')
  expect(await refuse({}, from, { ...service, keys: [] })).toContain('is not by a key of log')
  expect(await refuse({}, from, { ...service, keys: [{ kid: null, key: issuer.publicKey }, ...service.keys] })).toBe(
    '2',
  )
})

test.each<[string, string]>([
  ['not keys', 'is not valid CBOR'],
  ['{"a":1}', 'has neither "keys" nor "parameters"'],
  ['{"keys":[]}', 'contains no usable key'],
  ['{"keys":[1]}', 'has a key that is not an object'],
  ['{"keys":[{"kty":"EC"}]}', 'is not a set of keys'],
  ['{"parameters":[{}]}', 'parameters without a certificate'],
  ['-----BEGIN PUBLIC KEY-----\n', 'a block that does not end'],
])('%j is not read as keys of a service', (text, why) => {
  expect(() => readServiceKeys(Buffer.from(text), 'file')).toThrow(
    expect.objectContaining({ code: 'file-invalid', message: expect.stringContaining(why) }) as Error,
  )
})

test('a PEM file may hold several keys of a service', () => {
  const pem = [issuer, log]
    .map(({ publicKey }) => publicKey.export({ format: 'pem', type: 'spki' }).toString())
    .join('')
  const keys = readServiceKeys(Buffer.from(pem), 'it')
  expect(keys.map(({ key }) => key.equals(log.publicKey))).toEqual([false, true])
})
