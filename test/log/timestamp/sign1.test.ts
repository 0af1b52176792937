import { generateKeyPairSync } from 'node:crypto'
import { encodeCbor } from '../../../src/encoding/cbor/write.ts'
import type { CborValue } from '../../../src/encoding/cbor/types.ts'
import { stampsOfSign1, timestampToken } from '../../../src/log/timestamp/sign1.ts'
import { isOwnStamp } from '../../../src/log/timestamp/time-stamper.ts'
import { parseSign1, type Sign1 } from '../../../src/sign/cose/sign1.ts'
import { verifySign1 } from '../../../src/sign/cose/verify.ts'
import { coseSigner, withParameter, writeSign1 } from '../../../src/sign/cose/write.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { makeAuthority } from '../../../testkit/timestamp/authority.ts'
import { makeResponse, makeToken } from '../../../testkit/timestamp/token.ts'
import { cose, coseFiles } from '../../sign/cose/vectors.ts'

const authority = makeAuthority()
const pinned = [{ name: 'test', chain: authority.chain }]
const payload = Buffer.from('content')
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

async function message(parameters: [number, CborValue][] = []): Promise<Sign1> {
  const made = { protected: new Map<CborValue, CborValue>(parameters), payload }
  return parseSign1(await writeSign1(made, coseSigner(privateKey, publicKey)), 'it')
}

const kinds = (one: Sign1, authorities = pinned): string[] =>
  stampsOfSign1(one, payload, authorities).stamps.map(({ of }) => of)

test('269 stamps the content, 270 the encoded signature, and neither the other', async () => {
  const first = await message([[269, makeToken(authority, payload)]])
  expect(kinds(first)).toEqual(['content'])
  const { signature } = first
  const both = parseSign1(withParameter(first, 270, makeToken(authority, encodeCbor(signature))), 'it')
  expect(kinds(both)).toEqual(['content', 'signature'])
  expect(verifySign1(both, publicKey, { understood: [] })).toEqual(payload)
  // Of the raw signature it is Azure's form, under another label.
  const raw = parseSign1(withParameter(first, 270, makeToken(authority, signature)), 'it')
  expect(stampsOfSign1(raw, payload, pinned)).toMatchObject({
    stamps: [{ of: 'content' }],
    refused: [expect.any(String) as string],
  })
  expect(kinds(parseSign1(withParameter(first, 'timestamp', makeToken(authority, signature)), 'it'))).toEqual([
    'content',
    'signature',
  ])
})

test('a stamp by another authority, or over another payload, does not count', async () => {
  const one = await message([[269, makeToken(authority, payload)]])
  expect(kinds(one, [{ name: 'other', chain: makeAuthority().chain }])).toEqual([])
  expect(kinds(one, [])).toEqual([])
  expect(stampsOfSign1(one, Buffer.from('other'), pinned).stamps).toEqual([])
  expect(kinds(await message())).toEqual([])
})

test('a stamp in the wrong header, or of another type, is refused', async () => {
  const token = makeToken(authority, payload)
  for (const wrong of [await message([[270, token]]), parseSign1(withParameter(await message(), 269, token), 'it')])
    expect(() => stampsOfSign1(wrong, payload, pinned)).toThrow('has a time stamp in the wrong header')
  const text = await message([[269, 'token']])
  expect(() => stampsOfSign1(text, payload, pinned)).toThrow('not a byte string')
})

test('the token is taken out of a response, and left as it is', () => {
  const token = makeToken(authority, payload)
  expect(timestampToken(makeResponse(token))).toEqual(token)
  expect(timestampToken(token)).toEqual(token)
})

withPeers(['vectors:cose/azure-uvm'], 'the stamps of endorsements are over their raw signature', () => {
  const paths = coseFiles('azure-uvm/*.cose')
  for (const path of paths) {
    const { unprotected, signature } = parseSign1(cose(path), path)
    const token = unprotected.bytes('timestamp') ?? Buffer.alloc(0)
    expect([path, isOwnStamp(token, signature), isOwnStamp(token, encodeCbor(signature))]).toEqual([path, true, false])
  }
  expect(paths.length).toBeGreaterThanOrEqual(2)
  return Promise.resolve()
})
