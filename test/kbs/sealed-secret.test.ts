import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  publicJwk,
  readSealedSecret,
  readVerificationKey,
  sealSecret,
  sealedSecretLimits,
  vaultOf,
  verifySealedSecret,
  type Envelope,
  type SealedContent,
} from '../../src/kbs/sealed-secret.ts'
import { errorRecord } from '../../src/base/errors.ts'
import { vector } from '../../testkit/peers.ts'

const recorded = JSON.parse(readFileSync(vector('coco/sealed-secret/kata-sealed-secrets.json'), 'utf8')) as {
  public_jwk: object
  sealed: Record<string, string>
}
const jwk = (name: string): Record<string, string> =>
  JSON.parse(readFileSync(vector(`coco/sealed-secret/${name}.json`), 'utf8')) as Record<string, string>
const key = createPrivateKey({ key: jwk('test-key'), format: 'jwk' })
const kid = 'kbs:///default/signing-key/sealed-secret'
const bytesOf = (value: object): Buffer => Buffer.from(JSON.stringify(value))
const open = (text: string, by = publicJwk(key, 'key')): SealedContent => {
  const secret = readSealedSecret(Buffer.from(text), 'secret')
  verifySealedSecret(secret, readVerificationKey(bytesOf(by), 'key'), 'secret')
  return secret.content
}
/** A correctly signed secret with these parts, whatever they say. */
function signedBy(header: object | string, payload: object | string): string {
  const part = (one: object | string): string =>
    Buffer.from(typeof one === 'string' ? one : JSON.stringify(one)).toString('base64url')
  const signed = `${part(header)}.${part(payload)}`
  const mac = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
  return `sealed.${signed}.${mac.toString('base64url')}`
}
const header = { b64: true, alg: 'ES256', kid }
const vault = vaultOf('kbs:///team/secret/db')
function refusal(run: () => unknown): { code: string; message: string } {
  try {
    run()
  } catch (error) {
    return errorRecord(error)
  }
  throw new Error('it was taken')
}

test.each(Object.entries(recorded.sealed))(
  'recorded %s verifies, and header and payload come out the same',
  (_, text) => {
    const by = recorded.public_jwk as ReturnType<typeof publicJwk>
    const content = open(text, by)
    const { kid: named } = readSealedSecret(Buffer.from(text), 'secret')
    const again = sealSecret(content, named, key)
    expect(again.split('.').slice(0, 3)).toEqual(text.split('.').slice(0, 3))
    expect(refusal(() => open(text)).code).toBe('signature-invalid')
  },
)

test.each(['vault-1', 'vault-2', 'envelope-1'])('%s of the guest is read', (name) => {
  const payload = readFileSync(vector(`coco/sealed-secret/${name}.json`), 'utf8')
  const run = (): SealedContent => open(signedBy(header, payload))
  // Its texts are no base64: the guest says so when it unseals, we when we read.
  if (name === 'envelope-1') expect(refusal(run).message).toContain('encrypted_key')
  else expect(run()).toEqual(JSON.parse(payload))
})

test('what is sealed is opened by its key alone', () => {
  const text = sealSecret(vault, kid, key)
  expect(open(text)).toEqual(vault)
  const other = createPrivateKey({ key: jwk('test-key-2'), format: 'jwk' })
  expect(refusal(() => open(text, publicJwk(other, 'key'))).code).toBe('signature-invalid')
})

test('a change of any character is refused', () => {
  const text = sealSecret(vault, kid, key)
  for (let at = 0; at < text.length; at++) {
    const changed = `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`
    expect(['format-invalid', 'signature-invalid']).toContain(refusal(() => open(changed)).code)
  }
})

const { provider_settings: _settings, ...unset } = vault
const { annotations: _annotations, ...bare } = vault
const envelope: Envelope = {
  ...vault,
  type: 'envelope',
  key_id: 'k',
  encrypted_key: 'AA==',
  encrypted_data: 'AA==',
  wrap_type: 'A256GCM',
  iv: 'AA==',
}
test.each<[string, string, string]>([
  ['a line break at the end', `${sealSecret(vault, kid, key)}\n`, 'line break'],
  ['no provider_settings', signedBy(header, unset), 'provider_settings'],
  ['no annotations', signedBy(header, bare), 'annotations'],
  ['no kid', signedBy({ alg: 'ES256' }, vault), 'kid'],
  ['no signature algorithm', signedBy({ alg: 'none', kid }, vault), 'ES256'],
  ['another version', signedBy(header, { ...vault, version: '0.2.0' }), 'version'],
  ['another type', signedBy(header, { ...vault, type: 'box' }), 'type'],
  ['an unknown cipher', signedBy(header, { ...envelope, wrap_type: 'A128GCM' }), 'wrap_type'],
  ['a member twice', signedBy(header, JSON.stringify(vault).replace('{', '{"name":"kbs:///a/b/c",')), 'name'],
  ['a list as payload', signedBy(header, '[]'), 'object'],
  ['four parts', `${sealSecret(vault, kid, key)}.AA`, 'three parts'],
  ['no prefix', sealSecret(vault, kid, key).slice(7), 'three parts'],
  ['a short signature', sealSecret(vault, kid, key).slice(0, -10), ''],
  ['too many bytes', 'a'.repeat(sealedSecretLimits.bytes + 1), '1 MiB'],
])('%s is refused', (_, text, word) => {
  const { code, message } = refusal(() => open(text))
  expect(code).toBe('format-invalid')
  expect(message).toContain(word)
})

test.each<[string, object]>([
  ['a private key', jwk('test-key')],
  ['another curve', { ...publicJwk(key, 'key'), crv: 'P-384' }],
  ['a point beside the curve', { ...publicJwk(key, 'key'), y: publicJwk(key, 'key')['x'] }],
])('%s is no verification key', (_, one) => {
  expect(refusal(() => readVerificationKey(bytesOf(one), 'key')).code).toBe('format-invalid')
})

test('only keys that guests verify with can sign', () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  expect(refusal(() => sealSecret(vault, kid, privateKey)).code).toBe('input-invalid')
})
