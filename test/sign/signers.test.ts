import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../src/base/errors.ts'
import { readSigner } from '../../src/actions/shared/signer.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { loadSigner } from '../../src/sign/keys.ts'
import { loadPublicKey, verifySignature } from '../../src/sign/public-key.ts'
import { openSigner } from '../../src/sign/signers/open.ts'
import { parseListedKeys } from '../../src/sign/signers/pkcs11-objects.ts'
import { parsePkcs11Uri } from '../../src/sign/signers/pkcs11-uri.ts'
import { vector } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { readFileSync } from 'node:fs'

const ports = testPorts()
const bytes = Buffer.from('what is signed')

/** A key service in one file, with a fault. */
function program(fault: string, kind: 'ec' | 'ed25519' = 'ec'): string {
  const pair = kind === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'P-384' }) : generateKeyPairSync('ed25519')
  const path = join(scratch('kms'), 'kms.mjs')
  const pem = pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  writeFileSync(
    path,
    `#!${process.execPath}
import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
const pem = ${JSON.stringify(pem)}
const fault = ${JSON.stringify(fault)}
if (fault === process.argv[2]) { console.error('no such key in the service'); process.exit(7) }
if (process.argv[2] === 'public-key') {
  console.log(fault === 'no-pem' ? 'hello' : createPublicKey(pem).export({ format: 'pem', type: 'spki' }))
} else {
  const request = JSON.parse(readFileSync(0, 'utf8'))
  const openssl = (...args) => execFileSync('openssl', args, { input: Buffer.from(request.digest ?? '', 'base64') })
  const { writeFileSync, mkdtempSync } = await import('node:fs')
  const folder = mkdtempSync('/tmp/kms-')
  writeFileSync(folder + '/key', pem)
  const made = request.algorithm === 'ed25519'
    ? sign(null, Buffer.from(request.message, 'base64'), createPrivateKey(pem))
    : openssl('pkeyutl', '-sign', '-inkey', folder + '/key', '-pkeyopt', 'digest:sha256')
  if (fault === 'other') made[made.length - 1] ^= 1
  console.log(fault === 'no-base64' ? '%%%' : made.toString('base64'))
}
`,
  )
  chmodSync(path, 0o700)
  return path
}

describe('a signing program', () => {
  test.each(['ec', 'ed25519'] as const)('signs with its %s key, and the signature verifies', async (kind) => {
    const signer = await openSigner({ kind: 'command', path: program('', kind) }, ports)
    const signature = await signer.sign(bytes)
    expect(verifySignature(loadPublicKey(signer.publicKeyPem), bytes, signature)).toBe(true)
  })

  test.each<[string, string, object]>([
    [
      'prints no key',
      'no-pem',
      { code: 'file-invalid', message: expect.stringContaining('did not print a public key') },
    ],
    ['fails', 'public-key', { code: 'file-invalid', message: expect.stringContaining('ended with 7: no such key') }],
    ['fails to sign', 'sign', { code: 'file-invalid', message: expect.stringContaining('sign ended with 7') }],
    ['prints no base64', 'no-base64', { code: 'file-invalid' }],
    ['signs otherwise', 'other', { code: 'signature-invalid' }],
  ])('that %s is refused', async (_name, fault, error) => {
    const sign = async (): Promise<Buffer> =>
      (await openSigner({ kind: 'command', path: program(fault) }, ports)).sign(bytes)
    await expect(sign()).rejects.toMatchObject(error)
  })

  test('that is not there is named', async () => {
    await expect(openSigner({ kind: 'command', path: '/nowhere/kms' }, ports)).rejects.toMatchObject({
      code: 'tool-missing',
    })
  })
})

describe('a PKCS #11 URI', () => {
  test('gives token, object, id and module', () => {
    const uri =
      'pkcs11:token=My%20token;object=release;id=%01%aB;type=private?module-path=/usr/lib/x.so&pin-source=file:///run/pin'
    expect(parsePkcs11Uri(uri)).toEqual({
      token: 'My token',
      object: 'release',
      id: '01ab',
      module: '/usr/lib/x.so',
      pinFile: '/run/pin',
    })
  })

  test.each([
    ['pkcs11:object=a', /module-path/],
    ['pkcs11:object=a?module-path=x.so', /module-path/],
    ['pkcs11:token=a?module-path=/x.so', /neither `object` nor `id`/],
    ['pkcs11:object=a;object=b?module-path=/x.so', /stands twice/],
    ['pkcs11:object=a;serial=1?module-path=/x.so', /`serial` is not supported/],
    ['pkcs11:object=a?module-path=/x.so&pin-value=1234', /`pin-value` puts the PIN/],
    ['pkcs11:object=a?module-path=/x.so&pin-source=pin', /pin-source/],
    ['pkcs11:object=%zz?module-path=/x.so', /two hex digits/],
    ['pkcs11:type=public;object=a?module-path=/x.so', /only "private" signs/],
    ['pkcs12:object=a', /pkcs11:/],
  ])('%s is refused', (uri, why) => {
    expect(() => parsePkcs11Uri(uri)).toThrow(
      expect.objectContaining({ code: 'input-invalid', message: expect.stringMatching(why) }),
    )
  })

  test('needs a PIN, and never shows one', async () => {
    const source = { kind: 'pkcs11', uri: 'pkcs11:object=a?module-path=/x.so', pin: null } as const
    await expect(openSigner(source, ports)).rejects.toMatchObject({ code: 'input-missing', subject: 'key-password' })
  })
})

test('keys of a token are read from what the tool lists, with or without the wrapping of the point', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const der = publicKey.export({ format: 'der', type: 'spki' })
  const point = der.subarray(-65).toString('hex')
  const block = (written: string, id: string): string =>
    `Public Key Object; EC  EC_POINT 256 bits\n  EC_POINT:   ${written}\n  EC_PARAMS:  06082a8648ce3d030107 (OID 1.2.840.10045.3.1.7)\n  label:      release\n  ID:         ${id}\n  Usage:      verify\n`
  const listed = parseListedKeys(`Using slot 0\n${block(`0441${point}`, '0A')}${block(point, '02')}`)
  expect(listed.map(({ id, label }) => ({ id, label }))).toEqual([
    { id: '0a', label: 'release' },
    { id: '02', label: 'release' },
  ])
  for (const { key } of listed) expect(key?.export({ format: 'der', type: 'spki' })).toEqual(der)
  expect(parseListedKeys(block('zz', '01'))[0]?.key).toBeNull()
  expect(parseListedKeys('')).toEqual([])
})

describe('private keys in more forms', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ format: 'pem', type: 'spki' }).toString()
  const certificate = readFileSync(vector('sigstore/containers-image-legacy/pki-cert'), 'utf8').trim()

  test('a JWK is read', async () => {
    expect((await loadSigner(JSON.stringify(privateKey.export({ format: 'jwk' })), null)).publicKeyPem).toBe(spki)
    for (const other of [
      generateKeyPairSync('ec', { namedCurve: 'P-384' }),
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
      generateKeyPairSync('ed25519'),
    ])
      expect((await loadSigner(JSON.stringify(other.privateKey.export({ format: 'jwk' })), null)).publicKeyPem).toBe(
        other.publicKey.export({ format: 'pem', type: 'spki' }),
      )
  })
  test.each([
    JSON.stringify(createPublicKey(privateKey).export({ format: 'jwk' })),
    '{"keys":[]}',
    '{',
    '{"kty":"EC","d":"AA"}',
  ])('JSON that is no private JWK is refused: %s', async (text) => {
    await expect(loadSigner(text, null)).rejects.toBeInstanceOf(InputError)
  })
  test.each(['sec1', 'pkcs8'] as const)(
    'a certificate beside a %s key is ignored, in front of it too',
    async (type) => {
      const key = privateKey.export({ format: 'pem', type }).toString()
      expect((await loadSigner(`${certificate}\n${key}`, null)).publicKeyPem).toBe(spki)
      expect((await loadSigner(`${key}${certificate}\n`, null)).publicKeyPem).toBe(spki)
    },
  )
  test('a certificate alone is no key', async () => {
    await expect(loadSigner(certificate, null)).rejects.toMatchObject({ code: 'file-invalid' })
  })
})

describe('the input signer', () => {
  const read = (
    given: Record<string, string>,
    env: Record<string, string> = {},
  ): ReturnType<typeof readSigner<'agent'>> =>
    readSigner(
      rawInputs({
        given: (name) => given[name],
        defaults: { signer: 'agent' },
        ports: testPorts({ env }),
        confine: null,
        label: (name) => name,
      }),
      ['agent'],
    )

  test('takes a password without its line break first, then to the last byte', async () => {
    const env = { K: 'pem', P: '\ufeffsecret\r\n' }
    expect(await read({ signer: 'key', key: 'env:K', 'key-password': 'env:P' }, env)).toEqual({
      signer: 'key',
      key: { kind: 'pem', text: 'pem', passwords: ['\ufeffsecret', '\ufeffsecret\r\n'] },
    })
  })

  test('a key whose password ends with a line break is opened, as by cosign', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pem = privateKey
      .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'secret\n' })
      .toString()
    await expect(loadSigner(pem, ['secret', 'secret\n'])).resolves.toMatchObject({ name: 'key' })
    await expect(loadSigner(pem, ['secret', 'other'])).rejects.toMatchObject({ code: 'file-invalid' })
  })

  test('takes tokens and programs', async () => {
    expect(await read({ signer: 'pkcs11:object=a', 'key-password': 'env:PIN' }, { PIN: '1234\n' })).toEqual({
      signer: 'key',
      key: { kind: 'pkcs11', uri: 'pkcs11:object=a', pin: '1234' },
    })
    expect(await read({ signer: 'command:/bin/kms' })).toEqual({
      signer: 'key',
      key: { kind: 'command', path: '/bin/kms' },
    })
    expect(await read({})).toEqual({ signer: 'agent', key: null })
  })

  test.each<[Record<string, string>, object]>([
    [{ signer: 'command:kms' }, { code: 'input-invalid', message: expect.stringContaining('not an absolute path') }],
    [{ signer: 'command:/bin/kms', key: 'env:K' }, { code: 'input-invalid' }],
    [{ signer: 'key' }, { code: 'input-missing' }],
    [
      { signer: 'pkcs12:x' },
      { code: 'input-invalid', remedy: expect.stringMatching(/agent, key, pkcs11:URI, command:\/PATH\.$/) },
    ],
    [{ signer: '' }, { code: 'input-invalid' }],
  ])('%j is refused', async (given, error) => {
    await expect(read(given, { K: 'pem' })).rejects.toMatchObject(error)
  })
})
