import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPrivateKey, sign as signBytes } from 'node:crypto'
import type { Certificate } from '../../../src/encoding/x509/certificate.ts'
import { readIdentity } from '../../../src/bundle/identity.ts'
import { readBundle } from '../../../src/bundle/read.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { omsRoot } from '../../../src/sbom/subjects/model/oms.ts'
import { pae } from '../../../src/sign/dsse.ts'
import { payloadType } from '../../../src/statement/types.ts'
import { authority, files, model, pair, put, sign, verify } from './setup.ts'

const { key, pub } = pair()

async function signed(): Promise<{ folder: string; given: { file: string; 'public-key': string } }> {
  const { folder, beside } = model()
  await sign({ directory: folder, key: beside('key.pem', key), output: join(folder, 'model.sig') })
  return { folder, given: { file: folder, 'public-key': beside('key.pub', pub) } }
}

test('a signed model verifies by its key, and says how many files', async () => {
  const { given, folder } = await signed()
  await expect(verify(given)).resolves.toMatchObject({
    outputs: { verified: 'true', signer: 'key', files: Object.keys(files).length, notes: [] },
  })
  put(folder, { '.git/config': 'x', '.gitignore': 'y' })
  await expect(verify(given)).resolves.toMatchObject({
    outputs: { verified: 'true', notes: ['not signed, because the signer ignored it: .git, .gitignore'] },
  })
})

const changes: Readonly<Record<string, [(folder: string) => void, RegExp]>> = {
  'a changed file': [(folder) => put(folder, { 'config.json': '{ }' }), /changed files: "config\.json"/],
  'an added file': [(folder) => put(folder, { 'weights/b.bin': 'b' }), /files that are not signed: "weights\/b\.bin"/],
  'a file in a nested .git': [(folder) => put(folder, { 'weights/.git/x': 'b' }), /not signed: "weights\/\.git\/x"/],
  'a removed file': [(folder) => rmSync(join(folder, 'empty')), /missing files: "empty"/],
  'a link': [
    (folder) => symlinkSync('config.json', join(folder, 'link')),
    /neither files nor folders, or not readable: "link"/,
  ],
  'a link in place of a file': [
    (folder) => {
      rmSync(join(folder, 'empty'))
      symlinkSync('/dev/null', join(folder, 'empty'))
    },
    /missing files: "empty"; neither files nor folders, or not readable: "empty"/,
  ],
}

test.each(Object.entries(changes))('%s is refused', async (_name, [change, message]) => {
  const { given, folder } = await signed()
  change(folder)
  await expect(verify(given)).resolves.toMatchObject({
    refused: true,
    outputs: { verified: 'false', reason: 'digest-mismatch', message: expect.stringMatching(message) },
  })
})

test('another key, another statement and a spoiled bundle are refused', async () => {
  const { given, folder } = await signed()
  const other = model()
  await expect(verify({ ...given, 'public-key': other.beside('other.pub', pair().pub) })).resolves.toMatchObject({
    refused: true,
    outputs: { reason: 'signature-invalid' },
  })
  const path = join(folder, 'model.sig')
  const bundle = JSON.parse(readFileSync(path, 'utf8')) as {
    dsseEnvelope: { payload: string; signatures: { sig: string }[] }
  }
  const payload = JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString()) as Payload
  const write = (change: (payload: Payload) => void): void => {
    const copy = structuredClone(payload)
    change(copy)
    const [only] = copy.subject
    if (only !== undefined) only.digest.sha256 = omsRoot(copy.predicate.resources).slice(7)
    const bytes = Buffer.from(JSON.stringify(copy))
    const sig = signBytes('sha256', pae(payloadType, bytes), createPrivateKey(key)).toString('base64')
    writeFileSync(
      path,
      JSON.stringify({
        ...bundle,
        dsseEnvelope: { payload: bytes.toString('base64'), payloadType, signatures: [{ sig }] },
      }),
    )
  }
  const refusals: [(payload: Payload) => void, string, RegExp][] = [
    [(it) => (it.predicateType = 'https://example.test/x'), 'predicate-mismatch', /is of the type https:\/\/example/],
    [(it) => (it.predicate.serialization['method'] = 'shards'), 'not-checked', /the method "shards"/],
    [(it) => (it.predicate.serialization['hash_type'] = 'blake3'), 'not-checked', /with "blake3"/],
    [(it) => (it.predicate.serialization['ignore_paths'] = ['.']), 'format-invalid', /ignores something/],
    [(it) => (it.predicate.serialization['ignore_paths'] = ['/etc']), 'format-invalid', /ignores something/],
    [(it) => it.predicate.resources.push({ ...it.predicate.resources[0]! }), 'format-invalid', /twice/],
    [(it) => (it.predicate.resources[0]!.name = '../x'), 'format-invalid', /inside of the model/],
    [
      (it) => it.subject.push({ name: 'two', digest: { sha256: 'a'.repeat(64) } }),
      'format-invalid',
      /exactly one subject/,
    ],
  ]
  for (const [change, reason, message] of refusals) {
    write(change)
    await expect(verify(given)).resolves.toMatchObject({
      refused: true,
      outputs: { reason, message: expect.stringMatching(message) },
    })
  }
  write(() => {})
  await expect(verify(given)).resolves.toMatchObject({ outputs: { verified: 'true' } })
})

interface Payload {
  subject: { name: string; digest: { sha256: string } }[]
  predicateType: string
  predicate: {
    resources: { name: string; algorithm: string; digest: string }[]
    serialization: Record<string, unknown>
  }
}

test('a certificate: its authority is pinned, and has to be valid now', async () => {
  const { folder, beside } = model()
  const own = authority()
  const files = { directory: folder, key: beside('key.pem', own.key), certificate: beside('chain.pem', own.chain) }
  await sign({ ...files, output: beside('model.sig') })
  const given = { file: folder, bundle: beside('model.sig'), 'certificate-chain': beside('root.pem', own.root) }
  await expect(verify(given)).resolves.toMatchObject({
    outputs: { verified: 'true', signer: 'certificate', certificate: expect.stringContaining('ml team') },
  })
  await expect(verify({ ...given, 'certificate-chain': beside('other.pem', authority().root) })).resolves.toMatchObject(
    {
      refused: true,
      outputs: { reason: 'certificate-invalid' },
    },
  )
  put(folder, { empty: 'no longer' })
  await expect(verify(given)).resolves.toMatchObject({ refused: true, outputs: { reason: 'digest-mismatch' } })

  const old = authority(new Date('2026-02-01T00:00:00Z'))
  await sign({
    directory: folder,
    key: beside('old.pem', old.key),
    certificate: beside('old-chain.pem', old.chain),
    output: beside('old.sig'),
  })
  await expect(
    verify({ file: folder, bundle: beside('old.sig'), 'certificate-chain': beside('old-root.pem', old.root) }),
  ).resolves.toMatchObject({ refused: true, outputs: { reason: 'expired' } })
})

const vectors = 'sbom/oms/test-vectors/v1.0'

withPeers(
  [`vectors:${vectors}/valid`],
  "the specification's vectors: whose signature holds, and which bundles are none",
  async () => {
    const { folder, beside } = model({ 'signme-1': 'not what was signed' })
    const bundle = vector(`${vectors}/valid/sigstore.bundle.json`)
    const { leaf } = readBundle(readFileSync(bundle)).material as { leaf: Certificate }
    const { san, issuer } = readIdentity(leaf)
    const keyless = { file: folder, bundle, identity: san.value, issuer: issuer ?? '' }
    // The signature and its log entry hold, by the root of the public instance; the folder is another one.
    await expect(verify(keyless)).resolves.toMatchObject({
      outputs: {
        reason: 'digest-mismatch',
        message: expect.stringContaining('changed files: "signme-1"; missing files: "signme-2"'),
      },
    })
    await expect(verify({ ...keyless, identity: `${san.value}x` })).resolves.toMatchObject({
      outputs: { reason: 'identity-mismatch' },
    })
    const pinned = { file: folder, 'public-key': beside('key.pub', pub) }
    for (const name of ['empty', 'missing-envelope', 'missing-verification-material', 'missing-tlog-entries']) {
      const invalid = vector(`${vectors}/invalid/${name}.bundle.json`)
      await expect(verify({ ...pinned, bundle: invalid })).resolves.toMatchObject({
        refused: true,
        outputs: { verified: 'false' },
      })
    }
  },
)

test('what cannot be signed is refused before anything is written', async () => {
  const { folder, beside } = model()
  const given = { directory: folder, key: beside('key.pem', key), output: beside('out.sig') }
  symlinkSync('config.json', join(folder, 'link'))
  await expect(sign(given)).rejects.toMatchObject({ code: 'file-invalid', message: expect.stringContaining('"link"') })
  rmSync(join(folder, 'link'))
  await expect(sign({ ...given, certificate: beside('chain.pem', authority().chain) })).rejects.toMatchObject({
    code: 'file-invalid',
    message: expect.stringContaining('not the one of the key'),
  })
  await expect(sign({ ...given, directory: beside('none') })).rejects.toMatchObject({ code: 'file-missing' })
  for (const [name, others] of [
    ['identity-token', {}],
    ['trusted-root', {}],
    ['key', { 'signing-config': beside('config.json', '{}'), 'identity-token': 'env:T' }],
  ] as const)
    await expect(sign({ ...given, [name]: given.key, ...others })).rejects.toMatchObject({
      code: 'input-invalid',
      subject: name,
    })
  const keyless = { directory: folder, output: given.output, 'signing-config': beside('config.json', '{}') }
  await expect(sign({ ...keyless, 'identity-token': beside('token', 'x') })).rejects.toMatchObject({
    code: 'file-invalid',
    subject: 'signing-config',
  })
  await sign(given)
  await expect(sign(given)).rejects.toMatchObject({ code: 'exists' })
  await expect(
    verify({
      file: folder,
      bundle: given.output,
      'public-key': beside('k.pub', pub),
      'certificate-chain': beside('chain.pem'),
    }),
  ).rejects.toMatchObject({
    code: 'input-invalid',
  })
  await expect(verify({ file: folder, bundle: given.output })).rejects.toMatchObject({ code: 'input-invalid' })
})

test('without a signer both ways to sign are named', async () => {
  const { folder } = model()
  await expect(sign({ directory: folder, output: join(folder, 'model.sig') })).rejects.toMatchObject({
    code: 'input-missing',
    remedy: expect.stringMatching(/--key .*--signing-config/),
  })
})
