import { readFileSync } from 'node:fs'
import { VerificationError } from '../../src/base/errors.ts'
import type { JsonObject } from '../../src/base/json.ts'
import { isBundleMediaType, makeBundle, parseBundle } from '../../src/sign/bundle.ts'
import { pae, parseEnvelope, signEnvelope, verifyEnvelope } from '../../src/sign/dsse.ts'
import { parseSimpleSigning, simpleSigningPayload } from '../../src/sign/simple-signing.ts'
import { vector, withPeers } from '../../testkit/peers.ts'
import { newSigner, type KeyKind } from './fixtures.ts'

const payload = Buffer.from('{"a":1}')

test('pae counts bytes, not characters', () => {
  expect(pae('http://example.com/HelloWorld', Buffer.from('hello world')).toString()).toBe(
    'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
  )
  expect(pae('é', Buffer.from('ü')).toString()).toBe('DSSEv1 2 é 2 ü')
})

describe('envelope', () => {
  test('verifies with its key alone and gives the payload', async () => {
    const signer = await newSigner()
    const envelope = await signEnvelope(payload, signer)
    expect(verifyEnvelope(envelope, signer.publicKeyPem)).toEqual(payload)
    expect(() => verifyEnvelope(envelope, 'x')).toThrow(VerificationError)
    const other = await newSigner()
    expect(() => verifyEnvelope(envelope, other.publicKeyPem)).toThrow(
      expect.objectContaining({ code: 'signature-invalid' }),
    )
  })

  test.each([
    ['payload', { payload: Buffer.from('{"a":2}').toString('base64') }],
    ['payload type', { payloadType: 'text/plain' }],
  ])('a changed %s is refused', async (_title, change) => {
    const signer = await newSigner()
    const envelope = { ...(await signEnvelope(payload, signer)), ...change }
    expect(() => verifyEnvelope(envelope, signer.publicKeyPem)).toThrow(
      expect.objectContaining({ code: 'signature-invalid' }),
    )
  })

  test.each(['e30==', 'e30=\n', 'e31=', 'e+0-', 'e3+_', '*'])('a payload %j is not base64', async (text) => {
    const signer = await newSigner()
    const envelope = { ...(await signEnvelope(payload, signer)), payload: text }
    expect(() => verifyEnvelope(envelope, signer.publicKeyPem)).toThrow(
      expect.objectContaining({ code: 'format-invalid' }),
    )
  })

  test('of several signatures one by the pinned key suffices, and none of another key does', async () => {
    const signer = await newSigner()
    const other = await newSigner()
    const ours = await signEnvelope(payload, signer)
    const theirs = await signEnvelope(payload, other)
    const both = parseEnvelope({ ...ours, signatures: [...theirs.signatures, ...ours.signatures] })
    expect(verifyEnvelope(both, signer.publicKeyPem)).toEqual(payload)
    expect(verifyEnvelope(both, other.publicKeyPem)).toEqual(payload)
    const third = await newSigner()
    expect(() => verifyEnvelope(both, third.publicKeyPem)).toThrow(
      expect.objectContaining({ code: 'signature-invalid' }),
    )
    const many = { ...ours, signatures: Array.from({ length: 17 }, () => ours.signatures[0] ?? null) }
    expect(() => parseEnvelope(many)).toThrow(/more than 16 signatures/)
    // Each signature over a large payload costs a hash of it.
    const large = { ...(await signEnvelope(Buffer.alloc(2 << 20), signer)), signatures: both.signatures }
    expect(parseEnvelope(large).signatures).toHaveLength(2)
    const three = { ...large, signatures: [...both.signatures, ...ours.signatures] }
    expect(() => parseEnvelope(three)).toThrow(/more than 2 signatures/)
  })

  test.each([
    ['with padding', (text: string) => text],
    ['without padding', (text: string) => text.replace(/=+$/, '')],
  ])('the URL-safe alphabet is read, %s', async (_title, trim) => {
    const signer = await newSigner()
    // Bytes whose base64 has both characters that differ.
    const bytes = Buffer.from('{"a":"ûÿþ ?>?>"}')
    const safe = (text: string): string => trim(text.replaceAll('+', '-').replaceAll('/', '_'))
    const { payloadType, payload: text, signatures } = await signEnvelope(bytes, signer)
    const envelope = {
      payloadType,
      payload: safe(text),
      signatures: signatures.map(({ sig, keyid }) => ({ sig: safe(sig), keyid })),
    }
    expect(verifyEnvelope(parseEnvelope(envelope), signer.publicKeyPem)).toEqual(bytes)
  })

  const good = { payloadType: 'application/vnd.in-toto+json', payload: 'e30=', signatures: [{ sig: 'AAAA' }] }
  test.each([
    ['null', null],
    ['no signatures', { ...good, signatures: [] }],
    ['a null signature', { ...good, signatures: [null] }],
    ['an empty signature', { ...good, signatures: [{ sig: '' }] }],
    ['a signature that is no base64', { ...good, signatures: [{ sig: '*' }] }],
    ['another payload type', { ...good, payloadType: 'application/json' }],
    ['no payload', { ...good, payload: 5 }],
  ])('refuses %s', (_title, value) => {
    expect(() => parseEnvelope(value as JsonObject)).toThrow(VerificationError)
  })
})

describe('bundle', () => {
  test.each(['p256', 'rsa', 'ed25519'] as const)(
    'is what sigstore-js reads and verifies (%s)',
    async (kind: KeyKind) => {
      const signer = await newSigner(kind)
      const bytes = makeBundle(await signEnvelope(payload, signer), signer.hint)
      expect(parseBundle(bytes)).toMatchObject({ signer: { kind: 'key', hint: signer.hint } })
      expect(await acceptedBySigstore(bytes, signer.publicKeyPem)).toBe(true)
      expect(await acceptedBySigstore(bytes, (await newSigner(kind)).publicKeyPem)).toBe(false)
    },
  )

  const material = { publicKey: { hint: 'h' } }
  const dsseEnvelope = { payloadType: 'application/vnd.in-toto+json', payload: 'e30=', signatures: [{ sig: 'AAAA' }] }
  const good = {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: material,
    dsseEnvelope,
  }
  test.each([
    ['no object', []],
    ['another media type', { ...good, mediaType: 'application/vnd.dev.sigstore.bundle.v0.9+json' }],
    ['no envelope', { ...good, dsseEnvelope: undefined }],
    ['a message digest', { ...good, messageSignature: {} }],
    ['no material', { ...good, verificationMaterial: null }],
    ['no signer', { ...good, verificationMaterial: {} }],
    ['two signers', { ...good, verificationMaterial: { ...material, certificate: {} } }],
    ['a hint that is no text', { ...good, verificationMaterial: { publicKey: { hint: 3 } } }],
  ])('refuses %s', (_title, value) => {
    expect(() => parseBundle(Buffer.from(JSON.stringify(value)))).toThrow(VerificationError)
  })

  test('knows the media types that were ever written', () => {
    expect(isBundleMediaType('application/vnd.dev.sigstore.bundle+json;version=0.1')).toBe(true)
    expect(isBundleMediaType('application/vnd.dev.sigstore.bundle.v0.3+json')).toBe(true)
    expect(isBundleMediaType('application/vnd.dev.sigstore.bundle.v0.3+jsonx')).toBe(false)
  })

  withPeers(['vectors:sigstore/sigstore-go'], 'reads foreign bundles, also one of two signatures', async () => {
    const read = (name: string): Buffer => readFileSync(vector(`sigstore/${name}`))
    expect(parseBundle(read('sigstore-go/bundle-provenance.json')).signer).toEqual({ kind: 'certificate' })
    expect(parseBundle(read('sigstore-go/bundle-publish.json')).signer.kind).toBe('key')
    expect(parseBundle(read('embedded-log/bundle.sigstore.json')).signer.kind).toBe('key')
    const { envelope } = parseBundle(read('sigstore-go/testing-data/bundles/dsse-2sigs.sigstore.json'))
    expect(envelope.signatures).toHaveLength(2)
  })

  withPeers(['vectors:sigstore/embedded-log'], 'verifies a foreign key-signed bundle', async () => {
    const { envelope } = parseBundle(readFileSync(vector('sigstore/embedded-log/bundle.sigstore.json')))
    expect(
      verifyEnvelope(envelope, readFileSync(vector('sigstore/embedded-log/cosign.pub'), 'utf8')).length,
    ).toBeGreaterThan(0)
  })
})

describe('simple signing', () => {
  const digest = `sha256:${'a'.repeat(64)}` as const
  const good = JSON.parse(simpleSigningPayload({ dockerReference: 'h/n', digest }).toString()) as {
    critical: JsonObject
    optional: null
  }

  test('reads back what it writes', () => {
    expect(parseSimpleSigning(simpleSigningPayload({ dockerReference: 'h/n', digest }))).toEqual({
      dockerReference: 'h/n',
      digest,
    })
  })

  test.each([
    ['an unknown member', { ...good, extra: 1 }],
    ['an unknown critical member', { ...good, critical: { ...good.critical, extra: 1 } }],
    ['another type', { ...good, critical: { ...good.critical, type: 'atomic container signature' } }],
    ['no identity', { ...good, critical: { ...good.critical, identity: {} } }],
    ['an empty identity', { ...good, critical: { ...good.critical, identity: { 'docker-reference': '' } } }],
    ['no digest', { ...good, critical: { ...good.critical, image: {} } }],
    ['a bad digest', { ...good, critical: { ...good.critical, image: { 'docker-manifest-digest': 'sha256:1' } } }],
    ['no critical part', { optional: null }],
  ])('refuses %s', (_title, value) => {
    expect(() => parseSimpleSigning(Buffer.from(JSON.stringify(value)))).toThrow(VerificationError)
  })

  test('refuses a member that stands twice: readers would take another image from it', () => {
    const text = JSON.stringify(good)
    const named = `"docker-manifest-digest":"${digest}"`
    expect(text).toContain(named)
    const other = named.replace(digest, `sha256:${'0'.repeat(64)}`)
    for (const twice of [
      `${other},${named}`,
      `${named},${other}`,
      `${named},"docker-manifest-dig\\u0065st":"${digest}"`,
    ])
      expect(() => parseSimpleSigning(Buffer.from(text.replace(named, twice)))).toThrow('has a member twice')
  })
})

/** A second opinion: sigstore's own JavaScript verifier, with the key and nothing else. */
async function acceptedBySigstore(bundle: Buffer, publicKeyPem: string): Promise<boolean> {
  const { bundleFromJSON } = await import('@sigstore/bundle')
  const { toSignedEntity, toTrustMaterial, Verifier } = await import('@sigstore/verify')
  const { createPublicKey } = await import('node:crypto')
  const root = { mediaType: '', tlogs: [], certificateAuthorities: [], ctlogs: [], timestampAuthorities: [] }
  const trust = toTrustMaterial(root, () => ({ publicKey: createPublicKey(publicKeyPem), validFor: () => true }))
  const verifier = new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 })
  try {
    verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(bundle.toString()))))
    return true
  } catch {
    return false
  }
}
