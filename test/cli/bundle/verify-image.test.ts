import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { identityRule } from '../../../src/bundle/identity.ts'
import type { ExpectedSigner } from '../../../src/bundle/verify.ts'
import { judgeImage, type ImageRules } from '../../../src/cli/bundle/verify-image.ts'
import { manifestBytes } from '../../../src/oci/manifest.ts'
import { openStore } from '../../../src/oci/open.ts'
import { parseReference } from '../../../src/oci/reference.ts'
import { mediaTypes, type Digest } from '../../../src/oci/types.ts'
import { attachBundle } from '../../../src/sign/attach.ts'
import { loadPublicKey } from '../../../src/sign/public-key.ts'
import { simpleSigningPayload } from '../../../src/sign/simple-signing.ts'
import { parseTrustedRoot } from '../../../src/sign/trusted-root.ts'
import { predicateTypes } from '../../../src/statement/types.ts'
import { root as checkout } from '../../../testkit/peers.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import {
  attachLegacy,
  bundleBytes,
  hashedrekord1,
  payloadOf,
  rekorEntry,
  signKeyed,
  signKeyless,
} from '../../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  signedAt,
  trustedRootOf,
  verifiedAt,
  workflowSan,
} from '../../../testkit/sigstore/instance.ts'
import { putSmallImage, smallFiles } from '../../../testkit/small-image.ts'
import { makeKey } from '../../../testkit/tee/pki/pki.ts'

const ports = testPorts()
const sigstore = makeSigstore()
const leaf = makeLeaf(sigstore)
const key = makeKey('P-256')
const pem = key.publicKey.export({ format: 'pem', type: 'spki' }).toString()
const scan = 'https://in-toto.io/attestation/vulns/v0.2'

const byIdentity: ExpectedSigner = {
  kind: 'identity',
  rules: [identityRule({ issuer: actionsIssuer, san: workflowSan, pattern: null }, 'identity')],
}
const byKey: ExpectedSigner = { kind: 'key', key: loadPublicKey(pem) }
const rules = (signer: ExpectedSigner | null, more: Partial<ImageRules> = {}): ImageRules => ({
  signer,
  root: signer?.kind === 'key' ? null : parseTrustedRoot(Buffer.from(trustedRootOf(sigstore))),
  entries: signer?.kind === 'key' ? 0 : 1,
  certificateTimestamps: 1,
  types: [],
  publicRoot: false,
  now: verifiedAt,
  ...more,
})

async function image() {
  const reference = `oci:${join(scratch('verify-image'), 'layout')}`
  const store = openStore(parseReference(reference, '/'), ports)
  const subject = await putSmallImage(store, smallFiles)
  const payload = (type: string): Buffer => payloadOf([{ digest: { sha256: subject.digest.slice(7) } }], type)
  return {
    reference: `${reference}@${subject.digest}`,
    store,
    subject,
    keyless: (type: string = predicateTypes.sign, of = leaf) =>
      attachBundle(
        store,
        subject,
        bundleBytes(signKeyless(sigstore, of, { payload: payload(type), stampAt: signedAt })),
        type,
      ),
    keyed: (type: string = predicateTypes.sign) =>
      attachBundle(
        store,
        subject,
        bundleBytes(signKeyed(sigstore, key, { payload: payload(type), stampAt: signedAt })),
        type,
      ),
  }
}

test('nobody is expected: who vouches for the image is listed, and nothing is verified', async () => {
  const { reference, keyless, keyed } = await image()
  await expect(judgeImage(reference, rules(null), ports)).resolves.toMatchObject({
    refused: true,
    outputs: { verified: 'false', reason: 'missing-statement', message: 'nothing is attached to the image' },
  })
  await keyless()
  await keyless(scan)
  await keyed()
  const { outputs, text, refused } = await judgeImage(reference, rules(null), ports)
  expect(refused).toBe(true)
  expect(outputs).toMatchObject({
    verified: 'false',
    reason: 'not-checked',
    message: '2 of 3 attached signatures hold, but no signer is expected, so nothing is verified',
    remedy: expect.stringContaining('--identity SAN'),
  })
  expect(text).toContain(`${workflowSan} (issuer ${actionsIssuer}) at ${signedAt.toISOString()}: ${scan}`)
  expect(text).toMatch(/signed by a public key \(hint [\w+/=]+\): not checked/)
})

test('an expected signer: verified by its signature of the image, whatever else is attached', async () => {
  const { reference, keyless, keyed } = await image()
  await keyed()
  const before = await judgeImage(reference, rules(byIdentity), ports)
  expect(before).toMatchObject({ refused: true, outputs: { verified: 'false', reason: 'key-mismatch' } })
  await keyless()
  const { outputs, refused } = await judgeImage(reference, rules(byIdentity), ports)
  expect(refused).toBeUndefined()
  expect(outputs).toMatchObject({ verified: 'true', identity: workflowSan, image: reference })
  await expect(judgeImage(reference, rules(byKey), ports)).resolves.toMatchObject({
    outputs: { verified: 'true', signer: 'key' },
  })
  const otherKey: ExpectedSigner = {
    kind: 'key',
    key: loadPublicKey(String(makeKey('P-256').publicKey.export({ format: 'pem', type: 'spki' }))),
  }
  await expect(judgeImage(reference, rules(otherKey), ports)).resolves.toMatchObject({
    refused: true,
    outputs: { verified: 'false' },
  })
})

test('an attestation is not a signature of the image, unless its type is asked for', async () => {
  const { reference, keyless } = await image()
  await keyless(scan)
  await expect(judgeImage(reference, rules(byIdentity), ports)).resolves.toMatchObject({
    refused: true,
    outputs: {
      reason: 'predicate-mismatch',
      message: expect.stringContaining('the signer attested the image, but did not sign it'),
      remedy: expect.stringContaining('--predicate-type'),
    },
  })
  for (const types of [[scan], ['any']])
    await expect(judgeImage(reference, rules(byIdentity, { types }), ports)).resolves.toMatchObject({
      outputs: { verified: 'true', 'predicate-type': scan },
    })
})

test('a type that nobody attested is refused, whatever else the signer made', async () => {
  const { reference, keyless, store, subject } = await image()
  const payload = simpleSigningPayload({ dockerReference: store.identity, digest: subject.digest })
  const { signature } = signKeyless(sigstore, leaf, { artifact: payload, log: 'rekor' })
  const logged = { bytes: payload, signature, verifier: { certificate: leaf.der } }
  const entry = rekorEntry(sigstore.rekor, hashedrekord1(logged), signedAt)
  await attachLegacy(store, subject, 'sig', payload, signature, leaf, entry)
  // A `.sig` tag is the signature of the image: it states nothing else.
  for (const types of [[], ['any'], [predicateTypes.sign]])
    await expect(judgeImage(reference, rules(byIdentity, { types }), ports)).resolves.toMatchObject({
      outputs: { verified: 'true' },
    })
  const refusal = { refused: true, outputs: { verified: 'false', reason: 'predicate-mismatch' } }
  await expect(judgeImage(reference, rules(byIdentity, { types: [scan] }), ports)).resolves.toMatchObject(refusal)
  await keyless()
  await expect(judgeImage(reference, rules(byIdentity, { types: [scan] }), ports)).resolves.toMatchObject({
    ...refusal,
    outputs: { message: `the signer made no statement of the type ${scan} about the image` },
  })
  const whole = await image()
  const { bytes } = await whole.store.getManifest(whole.subject.digest)
  const parts = signKeyless(sigstore, leaf, { artifact: bytes, stampAt: signedAt })
  await attachBundle(whole.store, whole.subject, bundleBytes(parts), predicateTypes.sign)
  await expect(judgeImage(whole.reference, rules(byIdentity, { types: [scan] }), ports)).resolves.toMatchObject(refusal)
})

test('nobody is said to have attested the image whose signature does not hold', async () => {
  const { reference, keyless } = await image()
  await keyless(scan)
  const issuer = 'https://other.example'
  const other: ExpectedSigner = {
    kind: 'identity',
    rules: [identityRule({ issuer, san: workflowSan, pattern: null }, 'identity')],
  }
  await expect(judgeImage(reference, rules(other), ports)).resolves.toMatchObject({
    refused: true,
    outputs: { reason: 'identity-mismatch' },
  })
  // Another instance's trusted root: what to give is said only where none was named.
  const elsewhere = parseTrustedRoot(Buffer.from(trustedRootOf(makeSigstore())))
  const hint = 'For another instance give --trusted-root FILE.'
  for (const publicRoot of [true, false])
    for (const signer of [byIdentity, null]) {
      const judged = await judgeImage(reference, rules(signer, { root: elsewhere, publicRoot }), ports)
      expect(judged.refused).toBe(true)
      expect(judged.text).toContain('log-invalid')
      expect(judged.text?.includes(hint)).toBe(publicRoot)
    }
})

test('signatures that say the same are listed once', async () => {
  const { reference, keyless, keyed } = await image()
  await keyed()
  await keyed(scan)
  await keyless()
  const byPinned = await judgeImage(reference, rules(byKey), ports)
  expect(byPinned.text).toContain(`bundle: not asked for, by the same signer: ${scan}\n`)
  const { text } = await judgeImage(reference, rules(null), ports)
  expect(text).toMatch(/not checked \(2 times\)/)
  expect(text?.split('\n')[1]).toContain(workflowSan)
})

test('another identity, another image and what cannot be read are told', async () => {
  const { reference, keyless, store, subject } = await image()
  await keyless()
  const other: ExpectedSigner = {
    kind: 'identity',
    rules: [identityRule({ issuer: actionsIssuer, san: workflowSan.slice(0, -1), pattern: null }, 'identity')],
  }
  await expect(judgeImage(reference, rules(other), ports)).resolves.toMatchObject({
    refused: true,
    outputs: { reason: 'identity-mismatch' },
  })
  const strange = await image()
  const payload = payloadOf([{ digest: { sha256: 'a'.repeat(64) } }], predicateTypes.sign)
  await attachBundle(
    strange.store,
    strange.subject,
    bundleBytes(signKeyless(sigstore, leaf, { payload, stampAt: signedAt })),
    predicateTypes.sign,
  )
  await expect(judgeImage(strange.reference, rules(byIdentity), ports)).resolves.toMatchObject({
    refused: true,
    outputs: { reason: 'subject-mismatch' },
  })
  await attachBundle(store, subject, Buffer.from('{"mediaType":"x"}'), predicateTypes.sign)
  const { outputs, text } = await judgeImage(reference, rules(byIdentity), ports)
  expect(outputs).toMatchObject({ verified: 'true' })
  expect(text).toContain('format-invalid')
})

test('strangers who claim large bundles keep nobody from being read', async () => {
  const { reference, store, subject, keyless } = await image()
  const config = { mediaType: mediaTypes.empty, ...(await store.putBlob({ bytes: Buffer.from('{}') })) }
  for (let n = 0; n < 12; n++) {
    const { digest } = await store.putBlob({ bytes: Buffer.from(`stranger ${n}`) })
    const layers = [{ mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json', digest, size: 128 << 20 }]
    const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers, subject } as const
    await store.putManifest(manifestBytes(manifest), mediaTypes.manifest)
  }
  await keyless()
  const { outputs } = await judgeImage(reference, rules(byIdentity), ports)
  expect(outputs).toMatchObject({ verified: 'true' })
})

test('a bundle over the bytes of the manifest, and the tag of cosign 2', async () => {
  const message = await image()
  const { bytes } = await message.store.getManifest(message.subject.digest)
  const parts = signKeyless(sigstore, leaf, { artifact: bytes, stampAt: signedAt })
  await attachBundle(message.store, message.subject, bundleBytes(parts), predicateTypes.sign)
  await expect(judgeImage(message.reference, rules(byIdentity), ports)).resolves.toMatchObject({
    outputs: { verified: 'true', 'predicate-type': null },
  })

  const tagged = await image()
  const sign = async (digest: Digest) => {
    const payload = simpleSigningPayload({ dockerReference: tagged.store.identity, digest })
    const { signature } = signKeyless(sigstore, leaf, { artifact: payload, log: 'rekor' })
    const logged = { bytes: payload, signature, verifier: { certificate: leaf.der } }
    const entry = rekorEntry(sigstore.rekor, hashedrekord1(logged), signedAt)
    await attachLegacy(tagged.store, tagged.subject, 'sig', payload, signature, leaf, entry)
  }
  await sign(`sha256:${'b'.repeat(64)}`)
  await expect(judgeImage(tagged.reference, rules(byIdentity), ports)).resolves.toMatchObject({
    refused: true,
    outputs: { reason: 'subject-mismatch' },
  })
  await sign(tagged.subject.digest)
  await expect(judgeImage(tagged.reference, rules(byIdentity), ports)).resolves.toMatchObject({
    outputs: { verified: 'true', identity: workflowSan },
  })
})

test('from the command line: exit codes, and a file without a bundle', async () => {
  const { reference, keyed } = await image()
  await keyed()
  const folder = scratch('verify-image-files')
  writeFileSync(join(folder, 'key.pub'), pem)
  writeFileSync(join(folder, 'app.txt'), 'x')
  const run = (...args: string[]) => {
    const entry = join(checkout, 'testkit/cli-entry.ts')
    const { status, stdout } = spawnSync(process.execPath, [entry, 'verify', 'bundle', ...args, '--json'], {
      cwd: folder,
      encoding: 'utf8',
    })
    return { status, ...(JSON.parse(stdout) as object) }
  }
  expect(run(reference, '--public-key', 'key.pub')).toMatchObject({ status: 0, outputs: { verified: 'true' } })
  expect(run(reference)).toMatchObject({ status: 1, outputs: { reason: 'not-checked' } })
  expect(run('app.txt', '--public-key', 'key.pub')).toMatchObject({
    status: 2,
    error: { code: 'input-missing', subject: 'bundle' },
  })
  expect(run('ap.txt', '--public-key', 'key.pub')).toMatchObject({
    status: 2,
    error: { code: 'reference-invalid', message: expect.stringContaining('"ap.txt" is not a file that exists') },
  })
  expect(run('oci:none')).toMatchObject({ status: 2, error: { code: 'not-found' } })
})
