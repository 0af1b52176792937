import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isObject, type JsonObject, type JsonValue } from '../../src/base/json.ts'
import { envelopeEntry, withLogEntry } from '../../src/log/bundle-entry.ts'
import { entryBody, keyDetailsOf, keyEntry, parseEntry } from '../../src/log/hashedrekord.ts'
import { pinLog, verifyLogged } from '../../src/log/pinned-log.ts'
import { makeBundle, parseBundle } from '../../src/sign/bundle.ts'
import { formatVkey } from '../../src/sign/note-signer.ts'
import { loadPublicKey } from '../../src/sign/public-key.ts'
import { vector, withPeers } from '../../testkit/peers.ts'

const folder = 'sigstore/embedded-log'

function object(value: JsonValue | undefined): JsonObject {
  if (!isObject(value)) throw new Error('not an object')
  return value
}

const invalid = expect.objectContaining({ code: 'format-invalid' }) as Error

withPeers([`vectors:${folder}`], 'the bundle of another implementation has the entry that we would write', async () => {
  const bytes = readFileSync(vector(`${folder}/bundle.sigstore.json`))
  const key = loadPublicKey(readFileSync(vector(`${folder}/cosign.pub`), 'utf8'))
  const { envelope, logEntries } = parseBundle(bytes)
  const body = Buffer.from(String(object(logEntries[0])['canonicalizedBody']), 'base64')
  expect(envelopeEntry(envelope, [key], 'bundle')).toEqual(body)
  expect(entryBody(parseEntry(body, 'entry'))).toEqual(body)

  const root = object(JSON.parse(readFileSync(vector(`${folder}/trusted_root.json`), 'utf8')) as JsonValue)
  const [log] = root['tlogs'] as JsonObject[]
  const der = Buffer.from(String(object(object(log)['publicKey'])['rawBytes']), 'base64')
  const raw = createPublicKey({ key: der, format: 'der', type: 'spki' })
    .export({ format: 'der', type: 'spki' })
    .subarray(-32)
  const pinned = pinLog(formatVkey('log.acme.internal', raw), null)
  const spki = key.object.export({ format: 'der', type: 'spki' })
  expect(verifyLogged(bytes, spki, pinned)).toMatchObject({ index: 997, cosignatures: [] })
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'der', type: 'spki' })
  expect(() => verifyLogged(bytes, other, pinned)).toThrow(expect.objectContaining({ code: 'log-invalid' }))
  expect(verifyLogged(bytes, spki, pinLog(formatVkey('log.acme.internal', Buffer.alloc(32, 1)), null))).toBeNull()
})

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const entry = keyEntry(Buffer.alloc(32, 1), Buffer.from('signature'), publicKey)

test('an entry has one form: each other one is refused', () => {
  const body = entryBody(entry)
  expect(parseEntry(body, 'entry')).toEqual(entry)
  const text = body.toString()
  const bad = [
    text.slice(0, -1),
    `${text}\n`,
    text.replace('0.0.2', '0.0.1'),
    text.replace('hashedrekord', 'dsse'),
    text.replace('SHA2_256', 'SHA2_512'),
    text.replace('"publicKey"', '"x509Certificate"').replace('"verifier"', '"verifiers"'),
    text.replace('{"apiVersion"', '{"a":1,"apiVersion"'),
    entryBody({ ...entry, digest: Buffer.alloc(31) }).toString(),
    entryBody({ ...entry, verifier: { kind: 'key', der: Buffer.alloc(0) } }).toString(),
    '[]',
    'null',
  ]
  for (const one of bad) expect(() => parseEntry(Buffer.from(one), 'entry')).toThrow(invalid)
  for (let length = 0; length < body.length; length += 7)
    expect(() => parseEntry(body.subarray(0, length), 'entry')).toThrow(invalid)
})

test('each kind of key has the name that Sigstore gives it, and others are refused', () => {
  const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength }).publicKey
  expect(keyDetailsOf(publicKey)).toBe('PKIX_ECDSA_P256_SHA_256')
  expect(keyDetailsOf(rsa(2048))).toBe('PKIX_RSA_PKCS1V15_2048_SHA256')
  expect(keyDetailsOf(generateKeyPairSync('ed25519').publicKey)).toBe('PKIX_ED25519')
  for (const key of [rsa(1024), rsa(2560), generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey])
    expect(() => keyDetailsOf(key)).toThrow(expect.objectContaining({ code: 'unsupported' }))
})

const envelope = {
  payloadType: 'application/vnd.in-toto+json',
  payload: Buffer.from('{}').toString('base64'),
  signatures: [{ sig: 'AAAA', keyid: '' }],
}

test('an entry is added to a bundle once, beside those of other logs', () => {
  const mine = { logId: { keyId: 'bWluZQ==' }, logIndex: '1', canonicalizedBody: 'e30=' }
  const other = { ...mine, logId: { keyId: 'b3RoZXI=' } }
  const bare = makeBundle(envelope, 'hint', [Buffer.from('stamp')])
  const twice = withLogEntry(withLogEntry(withLogEntry(bare, mine), other), mine)
  expect(parseBundle(twice).logEntries).toEqual([other, mine])
  expect(parseBundle(twice).stamps).toEqual([Buffer.from('stamp')])
  expect(parseBundle(twice).envelope).toEqual(envelope)
})

test('log entries of a bundle are a list of at most 16', () => {
  const entries = (value: unknown) =>
    Buffer.from(
      makeBundle(envelope, 'h')
        .toString()
        .replace('"tlogEntries":[]', `"tlogEntries":${JSON.stringify(value)}`),
    )
  expect(parseBundle(entries(Array.from({ length: 16 }, () => ({})))).logEntries).toHaveLength(16)
  for (const bad of [{}, 'x', 1, Array.from({ length: 17 }, () => ({}))])
    expect(() => parseBundle(entries(bad))).toThrow(invalid)
})

test('an envelope with two signatures is not logged', () => {
  const two = { ...envelope, signatures: [...envelope.signatures, ...envelope.signatures] }
  expect(() => envelopeEntry(two, [], 'x')).toThrow(expect.objectContaining({ code: 'input-invalid' }))
})
