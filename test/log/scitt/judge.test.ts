import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { CborValue } from '../../../src/encoding/cbor/types.ts'
import { encodeCbor } from '../../../src/encoding/cbor/write.ts'
import { leafHash } from '../../../src/log/merkle.ts'
import { writeReceipt } from '../../../src/log/scitt/issue.ts'
import { judgeStatement, type IssuerKey, type StatementTrust } from '../../../src/log/scitt/judge.ts'
import { issuerOf, readStatement } from '../../../src/log/scitt/statement.ts'
import { registeredForm } from '../../../src/log/scitt/verify.ts'
import { coseKeyThumbprint } from '../../../src/sign/cose/key.ts'
import { parseSign1, withUnprotected } from '../../../src/sign/cose/sign1.ts'
import { coseSigner, writeSign1, type CoseSigner } from '../../../src/sign/cose/write.ts'

interface Party {
  key: KeyObject
  signer: CoseSigner
  own: string
}

function party(): Party {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    key: publicKey,
    signer: coseSigner(privateKey, publicKey),
    own: issuerOf(null, coseKeyThumbprint(publicKey)),
  }
}

const [alice, bob, log] = [party(), party(), party()]
const at = new Date('2026-06-01T00:00:00Z')
const seconds = (text: string): number => Date.parse(text) / 1000

const made = (issuer: string, by: Party, claims: [CborValue, CborValue][] = []): Promise<Buffer> =>
  writeSign1(
    {
      protected: new Map<CborValue, CborValue>([
        [3, 'text/plain'],
        [4, Buffer.from('k')],
        [15, new Map<CborValue, CborValue>([[1, issuer], [2, 'app'], ...claims])],
      ]),
      payload: Buffer.from('content'),
    },
    by.signer,
  )

/** The statement with the receipt of a log in which it is the only entry. */
async function registered(bytes: Buffer, time: string): Promise<Buffer> {
  const message = parseSign1(bytes, 'it')
  const head = { size: 1, root: leafHash(registeredForm(message)) }
  const receipt = await writeReceipt(
    { issuer: 'https://log', subject: 'app', issuedAt: new Date(time), index: 0, head, proof: [] },
    log.signer,
  )
  return withUnprotected(message, encodeCbor(new Map([[394, [receipt]]])))
}

const trusting = (keys: IssuerKey[], more: Partial<StatementTrust> = {}): StatementTrust => ({
  keys,
  issuer: null,
  about: null,
  services: [],
  bindCurve: true,
  acceptNoSubject: false,
  authorities: [],
  at,
  ...more,
})
const services = [{ name: 'log', issuer: null, keys: [{ kid: null, key: log.key }], entry: 'statement' as const }]

/** What fails, by name and reason. */
const faults = (bytes: Buffer, trust: StatementTrust): string[] =>
  judgeStatement(readStatement(bytes, 'it'), trust, null)
    .checks.filter(({ ok }) => !ok)
    .map(({ name, why }) => `${name}: ${why}`)

const any = ({ key }: Party): IssuerKey => ({ key, issuer: null })
const named = ({ key }: Party, issuer: string): IssuerKey => ({ key, issuer })

test('one trusted key may sign under any name; one of several only under its own', async () => {
  const bytes = await made('https://bob', alice)
  expect(faults(bytes, trusting([any(alice)]))).toEqual([])
  expect(faults(bytes, trusting([any(alice), any(alice)]))).toEqual([])
  expect(faults(bytes, trusting([any(bob), any(alice)]))).toEqual([
    'issuer: several keys are trusted, and none of them is named as a key of "https://bob"',
  ])
  expect(faults(await made(alice.own, alice), trusting([any(bob), any(alice)]))).toEqual([])
  // The thumbprint of another key does not make a name.
  expect(faults(await made(bob.own, alice), trusting([any(bob), any(alice)]))).toEqual([
    expect.stringMatching(/^issuer: several keys/),
  ])
})

test('a key with a named issuer signs under that name alone', async () => {
  const keys = [named(alice, 'https://alice'), named(bob, 'https://bob')]
  expect(faults(await made('https://alice', alice), trusting(keys))).toEqual([])
  expect(faults(await made('https://bob', bob), trusting(keys))).toEqual([])
  expect(faults(await made('https://bob', alice), trusting(keys))).toEqual([
    expect.stringMatching(/^signature: .*not signed by this key/),
  ])
  expect(faults(await made('https://carol', alice), trusting(keys))).toEqual([
    'signature: no key of "https://carol" is trusted',
  ])
})

test('an issuer that the reader names has all keys that are given', async () => {
  const trust = trusting([any(alice), any(bob)], { issuer: 'https://both' })
  expect(faults(await made('https://both', bob), trust)).toEqual([])
  expect(faults(await made('https://other', bob), trust)).toEqual([
    'issuer: its issuer is "https://other", not "https://both"',
  ])
})

const exp = (text: string): [CborValue, CborValue] => [4, seconds(text)]
const nbf = (text: string): [CborValue, CborValue] => [5, seconds(text)]

test.each<[string, [CborValue, CborValue][], string[]]>([
  ['inside of its window', [nbf('2026-05-01T00:00:00Z'), exp('2026-07-01T00:00:00Z')], []],
  ['from its first second on', [nbf('2026-06-01T00:00:00Z')], []],
  [
    'before its first second',
    [nbf('2026-06-01T00:00:01Z')],
    ['validity: it is valid from 2026-06-01T00:00:01.000Z on; asked at 2026-06-01T00:00:00.000Z'],
  ],
  ['at its last second', [exp('2026-06-01T00:00:01Z')], []],
  [
    'when it expires',
    [exp('2026-06-01T00:00:00Z')],
    ['validity: it expired at 2026-06-01T00:00:00.000Z; asked at 2026-06-01T00:00:00.000Z'],
  ],
])('a statement is judged %s', async (_, claims, expected) => {
  expect(faults(await made(alice.own, alice, claims), trusting([any(alice)]))).toEqual(expected)
})

test('a statement stays expired, however early it was registered', async () => {
  const bytes = await registered(await made(alice.own, alice, [exp('2026-05-01T00:00:00Z')]), '2026-04-01T00:00:00Z')
  expect(faults(bytes, trusting([any(alice)], { services }))).toEqual([
    expect.stringMatching(/^validity: it expired at 2026-05-01/),
  ])
  expect(faults(bytes, trusting([any(alice)], { services, at: new Date('2026-04-15T00:00:00Z') }))).toEqual([])
})

test('a trusted receipt proves that a slow clock is wrong, an untrusted one does not', async () => {
  const bytes = await registered(await made(alice.own, alice, [exp('2026-05-01T00:00:00Z')]), '2026-05-02T00:00:00Z')
  const slow = new Date('2026-01-01T00:00:00Z')
  expect(faults(bytes, trusting([any(alice)], { services, at: slow }))).toEqual([
    'validity: it expired at 2026-05-01T00:00:00.000Z; asked at 2026-05-02T00:00:00.000Z',
  ])
  expect(faults(bytes, trusting([any(alice)], { at: slow }))).toEqual([])
})

test('a time that is not a number is refused', async () => {
  const bytes = await made(alice.own, alice, [[4, 'tomorrow']])
  expect(() => readStatement(bytes, 'it')).toThrow('a time that is not a number of seconds')
})
