import { join } from 'node:path'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { Store } from '../../src/oci/types.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { initPolicy } from '../../src/verify/init/init.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { at, changed, forgeChain, makeIssuer, makeKey, type ChainBase, type ForgeOptions } from '../../testkit/chain.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putSmallImage, smallBase, smallFiles } from '../../testkit/small-image.ts'

const ports = testPorts()
const issuer = makeIssuer()
const jwks = issuer.jwks

async function image(
  options: Partial<ForgeOptions> = {},
): Promise<{ reference: string; key: ReturnType<typeof makeKey>; store: Store; base: ChainBase }> {
  const layout = join(scratch('init'), 'layout')
  const store = openStore(parseReference(`oci:${layout}`, '/'), ports)
  const base = await smallBase(store, await putSmallImage(store, smallFiles))
  const { key } = await forgeChain(store, base, { issuer, at: new Date(), ...options })
  return { reference: `oci:${layout}`, key, store, base }
}

test('a new policy verifies its own image and pins neither image, run nor agent key', async () => {
  const { reference, key, base } = await image()
  const { text, warnings } = await initPolicy(reference, { publicKeys: [key.signer.publicKeyPem], jwks }, ports)
  const policy = await parsePolicy(text, '/policy.yml')
  expect((await verifyImage(reference, policy, {}, ports)).reasons).toEqual([])
  for (const secret of [base.subject.digest, key.id, key.signer.hint, '"42"', 'release-keys'])
    expect(text).not.toContain(secret)
  expect(text).toContain('accept-sample: true  # UNSAFE: no TEE')
  expect(text).toContain('repository-id: "100001"')
  expect(warnings.join('\n')).toMatch(/not pinned.*agent[^]*accept-sample[^]*accept-unproven-time/)
})

test('what the image lacks is named, and nothing else', async () => {
  const { reference } = await image({ kinds: (kind) => kind !== 'rebuild' })
  const { text } = await initPolicy(reference, { publicKeys: [], jwks }, ports)
  expect(text.match(/^accept-[a-z-]+/gm)).toEqual(['accept-sample', 'accept-unproven-time', 'accept-not-rebuilt'])
})

test('a self-asserted job gives a policy that says so', async () => {
  const { reference } = await image({ selfAsserted: true })
  const { text } = await initPolicy(reference, { publicKeys: [] }, ports)
  expect(text).toContain('accept-self-asserted-job: true  # UNSAFE')
  expect(text).not.toContain('job:\n')
})

test.each([
  ['a broken journal', { journal: (events) => events.slice(1) } satisfies Partial<ForgeOptions>, 'journal-broken'],
  ['an unsealed statement', { unsealed: () => true } satisfies Partial<ForgeOptions>, 'unsealed'],
] as const)('%s gives no policy', async (_name, options, code) => {
  const { reference } = await image(options)
  await expect(initPolicy(reference, { publicKeys: [], jwks }, ports)).rejects.toMatchObject({ code })
})

test('a release key is pinned and then needed', async () => {
  const { reference, store, base } = await image()
  const release = makeKey().signer
  await expect(initPolicy(reference, { publicKeys: [release.publicKeyPem], jwks }, ports)).rejects.toMatchObject({
    code: 'signature-invalid',
  })
  const sign = base.payloads.find(({ kind }) => kind === 'sign')?.payload ?? Buffer.alloc(0)
  await attachBundle(
    store,
    base.subject,
    makeBundle(await signEnvelope(sign, release), release.hint),
    predicateTypes.sign,
  )
  const { text } = await initPolicy(reference, { publicKeys: [release.publicKeyPem], jwks }, ports)
  expect((await parsePolicy(text, '/policy.yml')).releaseKeys).toHaveLength(1)
})

test('an image with a foreign signature alone is signature-only, unless the policy accepts just that', async () => {
  const release = makeKey()
  const plain = (kind: string, payload: Buffer): Buffer =>
    kind === 'provenance'
      ? changed(
          payload,
          (predicate) =>
            void (at(predicate, 'runDetails', 'builder')['id'] = 'https://sealwright.dev/builder/v1/plain'),
        )
      : payload
  const { reference } = await image({ signWith: () => release, evidence: false, payload: plain })
  await expect(initPolicy(reference, { publicKeys: [], jwks }, ports)).rejects.toMatchObject({
    code: 'missing-evidence',
  })
  await expect(initPolicy(reference, { publicKeys: [makeKey().signer.publicKeyPem] }, ports)).rejects.toMatchObject({
    code: 'signature-only',
    remedy: expect.stringContaining('No given key signed this image. Give --public-key of the key that signed it'),
  })
  const { text } = await initPolicy(reference, { publicKeys: [release.signer.publicKeyPem] }, ports)
  expect(text.match(/^accept-[a-z-]+/gm)).toEqual(['accept-signature-only'])
  const strict = await parsePolicy(
    text.replace(
      /^accept-signature-only.*$/m,
      'technology: snp\njob: { issuer: https://issuer.example, jwks: { keys: [{}] }, repository-id: "1", workflow: w, refs: [r], events: [e] }',
    ),
    '/policy.yml',
  )
  expect((await verifyImage(reference, strict, {}, ports)).reasons[0]).toBe('signature-only')
})

test('a builder id that no evidence backs is refused with a pinned key, too', async () => {
  const release = makeKey()
  const { reference } = await image({ signWith: () => release, evidence: false })
  await expect(initPolicy(reference, { publicKeys: [release.signer.publicKeyPem] }, ports)).rejects.toMatchObject({
    code: 'builder-mismatch',
  })
})
