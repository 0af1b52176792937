import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { VerificationError } from '../../../src/base/errors.ts'
import type { CborValue } from '../../../src/encoding/cbor/types.ts'
import type { Certificate } from '../../../src/encoding/x509/certificate.ts'
import { readNotation } from '../../../src/sign/notation/attach.ts'
import { judgeNotation } from '../../../src/sign/notation/verify.ts'
import { writeNotation } from '../../../src/sign/notation/write.ts'
import { parseSign1 } from '../../../src/sign/cose/sign1.ts'
import { verifySign1 } from '../../../src/sign/cose/verify.ts'
import { coseSigner, writeSign1 } from '../../../src/sign/cose/write.ts'
import type { Digest } from '../../../src/oci/types.ts'
import { goModule } from '../../../testkit/go-module.ts'
import { flip } from '../../../testkit/mutate.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { certified } from '../notation/fixtures.ts'
import { askGo, type GoRequest } from './go-judge.ts'
import { exampleKey, type Gluecose } from './vectors.ts'

/** Our verdict on a message: null, or why it is refused. */
function sign1(message: Uint8Array, key: KeyObject, external?: Uint8Array): string | null {
  try {
    verifySign1(parseSign1(message, 'it'), key, { externalAad: external })
    return null
  } catch (error) {
    if (error instanceof VerificationError) return error.message
    throw error
  }
}

const target = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${'ab'.repeat(32)}` as Digest,
  size: 7,
}

/** Our verdict on an envelope by the checks that notation-core-go makes: form, certificates, signature. */
function notation(message: Uint8Array, format: 'cose' | 'jws', store: readonly Certificate[] = []): string | null {
  try {
    const signature = readNotation(message, format, 'it')
    const trust = { store, identities: '*' as const, stampedTime: null, now: signature.signingTime }
    const checked = ['profile', 'integrity', 'authenticity', 'authentic-timestamp']
    const checks = judgeNotation(signature, target, trust)
    return checks.find(({ name, ok }) => checked.includes(name) && !ok)?.why ?? null
  } catch (error) {
    if (error instanceof VerificationError) return error.message
    throw error
  }
}

/** Rules of ours that the Go libraries do not have: what only these refuse is no difference. */
const stricter = [
  /a length is indefinite/,
  /not in its shortest form/,
  /a map has a key twice/,
  /in both headers/,
  /is not valid UTF-8/,
  // Go takes members of JSON in another case.
  /it has no text "/,
  // Go reads base64 with bits behind its last byte.
  /is not base64/,
]

const pairs: [string, () => { privateKey: KeyObject; publicKey: KeyObject }][] = [
  ['ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['ES384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  ['ES512', () => generateKeyPairSync('ec', { namedCurve: 'P-521' })],
  ['EdDSA', () => generateKeyPairSync('ed25519')],
  ['PS256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
]

withPeers(['cose-judge'], 'go-cose and we agree on the vectors of go-cose', async () => {
  const folder = join(goModule('github.com/veraison/go-cose@v1.3.0'), 'testdata')
  const vectors = globSync('*.json', { cwd: folder })
    .sort()
    .map((name) => ({ name, ...(JSON.parse(readFileSync(join(folder, name), 'utf8')) as Gluecose) }))
    .flatMap(({ name, key, 'sign1::verify': verify, 'sign1::sign': sign }) => {
      const hex = verify?.taggedCOSESign1.cborHex ?? sign?.expectedOutput.cborHex
      if (hex === undefined) return []
      const data = verify?.external ?? sign?.external
      const external = data === undefined ? undefined : Buffer.from(data, 'hex')
      const request = { kind: 'sign1' as const, message: Buffer.from(hex, 'hex'), key: exampleKey(key), external }
      // A vector for signing says nothing of verdicts: sign1-sign-0000 is signed with another key than its own.
      return [{ name, expected: verify?.shouldVerify ?? null, request }]
    })
  expect(vectors.length).toBeGreaterThanOrEqual(18)
  const theirs = askGo(
    vectors.map(({ request: { external, ...rest } }) => (external === undefined ? rest : { ...rest, external })),
  )
  const found = vectors.map(({ name, request }, n) => [
    name,
    sign1(request.message, request.key, request.external) === null,
    theirs[n] === null,
  ])
  expect(found).toEqual(
    vectors.map(({ name, expected }, n) => [name, ...Array<boolean>(2).fill(expected ?? theirs[n] === null)]),
  )
  expect(vectors.filter(({ expected }) => expected !== null).length).toBeGreaterThanOrEqual(11)
  return Promise.resolve()
})

withPeers(['cose-judge'], 'go-cose and we agree on messages of ours and flipped bits of them', async () => {
  for (const [name, make] of pairs) {
    const { privateKey, publicKey } = make()
    const protectedHeader = new Map<CborValue, CborValue>([
      [3, 'text/plain'],
      ['text', 'label'],
    ])
    const bytes = await writeSign1(
      { protected: protectedHeader, unprotected: new Map([[4, Buffer.from('k')]]), payload: Buffer.from('content') },
      coseSigner(privateKey, publicKey),
    )
    // Every bit of one message; samples of the others, whose form is the same.
    const step = name === 'ES256' ? 1 : 5
    const count = Math.floor((bytes.length * 8) / step)
    const messages = [bytes, ...Array.from({ length: count }, (_, n) => flip(bytes, n * step))]
    const theirs = askGo(messages.map((message): GoRequest => ({ kind: 'sign1', message, key: publicKey })))
    const differences = messages.flatMap((message, n) => {
      const ours = sign1(message, publicKey)
      const isStricter = ours !== null && stricter.some((rule) => rule.test(ours))
      return (ours === null) === (theirs[n] === null) || isStricter
        ? []
        : [{ bit: (n - 1) * step, ours, go: theirs[n] }]
    })
    expect([name, theirs[0], sign1(bytes, publicKey), differences]).toEqual([name, null, null, []])
  }
})

withPeers(['cose-judge'], 'notation-core-go and we agree on its conformance envelope', async () => {
  const folder = join(goModule('github.com/notaryproject/notation-core-go@v1.3.0'), 'signature/cose/testdata')
  const { expectedOutput } = JSON.parse(readFileSync(join(folder, 'conformance.json'), 'utf8')) as {
    expectedOutput: { cborHex: string }
  }
  // It names a critical attribute of its own, which is not known to either.
  const message = Buffer.from(expectedOutput.cborHex, 'hex')
  expect(notation(message, 'cose')).not.toBeNull()
  expect(askGo([{ kind: 'notation-cose', message }])[0]).not.toBeNull()
  return Promise.resolve()
})

withPeers(['cose-judge'], 'notation-core-go and we agree on envelopes of ours and changes of them', async () => {
  for (const format of ['cose', 'jws'] as const) {
    for (const kind of ['P-256', 'P-384', 'rsa'] as const) {
      const { chain, signer } = certified(kind)
      const roots = chain.slice(1)
      const request = { target, chain, signer, signingTime: new Date('2026-01-01T00:00:00Z') }
      const bytes = await writeNotation({ ...request, expiry: new Date('2036-01-01T00:00:00Z') }, format)
      const count = 250
      const bits = Array.from({ length: count }, (_, n) => Math.floor((n * bytes.length * 8) / count))
      const messages = [bytes, ...bits.map((bit) => flip(bytes, bit))]
      const theirs = askGo(messages.map((message): GoRequest => ({ kind: `notation-${format}`, message })))
      const accepted = messages.flatMap((message, n) =>
        theirs[n] !== null && notation(message, format, roots) === null ? [[n, theirs[n]]] : [],
      )
      const refused = messages.flatMap((message, n) => {
        const ours = notation(message, format, roots)
        return theirs[n] === null && ours !== null ? [`${n}: ${ours}`] : []
      })
      expect([format, kind, theirs[0], notation(bytes, format, roots)]).toEqual([format, kind, null, null])
      expect(accepted).toEqual([])
      expect(refused.filter((why) => !stricter.some((rule) => rule.test(why)))).toEqual([])
    }
  }
})
