import { createHash, generateKeyPairSync } from 'node:crypto'
import { CborEncoded, CborTag, type CborValue } from '../../../src/encoding/cbor/types.ts'
import { encodeCbor } from '../../../src/encoding/cbor/write.ts'
import { leafHash, nodeHash } from '../../../src/log/merkle.ts'
import { judgeReceipt, judgeReceipts, registeredForm } from '../../../src/log/scitt/verify.ts'
import { parseSign1, sigStructure, withUnprotected, type Sign1 } from '../../../src/sign/cose/sign1.ts'
import { coseSigner, writeSign1 } from '../../../src/sign/cose/write.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signer = coseSigner(privateKey, publicKey)
const service = { name: 'log', issuer: null, keys: [{ kid: null, key: publicKey }], entry: 'statement' as const }
const sibling = Buffer.alloc(32, 7)
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

async function statement(content: string): Promise<Sign1> {
  const claims = new Map<CborValue, CborValue>([
    [1, 'me'],
    [2, 'app'],
  ])
  const bytes = await writeSign1({ protected: new Map([[15, claims]]), payload: Buffer.from(content) }, signer)
  return parseSign1(bytes, 'statement')
}

interface Parts {
  tag?: number
  /** Encoded protected header; by default ES256 and the tree of RFC 9162. */
  header?: Buffer
  /** Encoded unprotected header, made of the encoded proof. */
  loose?: (proof: Buffer) => Buffer
  /** Encoded proof. */
  proof?: Buffer
}

const bstr = (bytes: Buffer): Buffer => encodeCbor(bytes)

/** A receipt of a tree of two, put together byte by byte; its signature is good, whatever the encoding. */
async function receipt(about: Sign1, parts: Parts = {}): Promise<Buffer> {
  const root = nodeHash(leafHash(registeredForm(about)), sibling)
  const { tag = 18, header = hex('a2 01 26 19 018b 01') } = parts
  const proof = parts.proof ?? encodeCbor([2, 0, [sibling]])
  const loose = parts.loose?.(proof) ?? Buffer.concat([hex('a1 19 018c a1 20 81'), bstr(proof)])
  const signature = await signer.sign(sigStructure(header, Buffer.alloc(0), root))
  return encodeCbor(new CborTag(tag, [header, new CborEncoded(loose), null, signature]))
}

test('a receipt that is put together byte by byte counts', async () => {
  const about = await statement('x')
  expect(judgeReceipt(await receipt(about), about, [service], 'it')).toMatchObject({ status: 'verified' })
})

test.each<[string, Parts, string]>([
  ['of another tag', { tag: 998 }, 'has the CBOR tag 998, not 18'],
  ['of COSE_Sign', { tag: 98 }, 'has the CBOR tag 98, not 18'],
  ['with its tree twice', { header: hex('a3 01 26 19 018b 01 19 018b 02') }, 'a map has a key twice'],
  ['with its algorithm twice', { header: hex('a3 01 26 01 38 22 19 018b 01') }, 'a map has a key twice'],
  ['with a header of indefinite length', { header: hex('bf 01 26 19 018b 01 ff') }, 'a length is indefinite'],
  ['with a longer form of a number', { header: hex('a2 01 26 19 018b 18 01') }, 'not in its shortest form'],
  [
    'with its proofs twice',
    { loose: (proof) => Buffer.concat([hex('a2 19 018c a1 20 81'), bstr(proof), hex('19 018c a0')]) },
    'a map has a key twice',
  ],
  [
    'with two lists of inclusion',
    { loose: (proof) => Buffer.concat([hex('a1 19 018c a2 20 81'), bstr(proof), hex('20 81'), bstr(proof)]) },
    'a map has a key twice',
  ],
  [
    'with a list of proofs of indefinite length',
    { loose: (proof) => Buffer.concat([hex('a1 19 018c a1 20 9f'), bstr(proof), hex('ff')]) },
    'a length is indefinite',
  ],
  [
    'with its tree in both headers',
    { loose: (proof) => Buffer.concat([hex('a2 19 018b 01 19 018c a1 20 81'), bstr(proof)]) },
    'has the label 395 in both headers',
  ],
  [
    'with a proof of indefinite length',
    { proof: Buffer.concat([hex('9f 02 00 81'), bstr(sibling), hex('ff')]) },
    'a length is indefinite',
  ],
  ['with bytes behind its proof', { proof: Buffer.concat([encodeCbor([2, 0, [sibling]]), hex('00')]) }, 'bytes follow'],
  ['with a tagged proof', { proof: encodeCbor(new CborTag(1, [2, 0, [sibling]])) }, 'is malformed'],
])('a receipt %s is refused', async (_, parts, why) => {
  const about = await statement('x')
  const verdict = judgeReceipt(await receipt(about, parts), about, [service], 'it')
  expect([verdict.status, verdict.why]).toEqual(['refused', expect.stringContaining(why)])
})

test('a proof of CCF with a key twice is refused', async () => {
  const about = await statement('x')
  const data = createHash('sha256').update(registeredForm(about)).digest()
  const leaf = encodeCbor([sibling, 'evidence', data])
  const proof = Buffer.concat([hex('a3 01'), leaf, hex('01'), leaf, hex('02 80')])
  const bytes = await receipt(about, { header: hex('a2 01 26 19 018b 02'), proof })
  expect(judgeReceipt(bytes, about, [service], 'it').why).toContain('a map has a key twice')
})

test('a receipt that is grafted onto another statement is refused, and the own one beside it counts', async () => {
  const [about, other] = [await statement('x'), await statement('y')]
  const list = [await receipt(other), await receipt(about)]
  const carrying = parseSign1(withUnprotected(about, encodeCbor(new Map([[394, list]]))), 'it')
  expect(judgeReceipts(carrying, [service]).map(({ status }) => status)).toEqual(['refused', 'verified'])
})
