import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeReferenceValues } from '../../src/tee/reference/values.ts'
import { bundleBytes, payloadOf, signKeyless, signKeyed, type BundleParts } from '../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  signedAt,
  trustedRootOf,
  uriName,
  workflowSan,
} from '../../testkit/sigstore/instance.ts'
import { makeKey } from '../../testkit/tee/pki/pki.ts'
import { document, good, other, startValuesPlace, type ValuesPlace } from './values-place.ts'

// Documents of reference values that an identity signed, on a KBS that is not embedded.

const sigstore = makeSigstore()
const leaf = makeLeaf(sigstore)
const artifact = writeReferenceValues(document())
let place: ValuesPlace
beforeEach(async () => {
  place = await startValuesPlace()
  put('values.json', artifact)
  put('root.json', trustedRootOf(sigstore))
})
afterEach(() => place.close())

function put(name: string, content: string | Uint8Array): string {
  writeFileSync(join(place.folder, name), content)
  return join(place.folder, name)
}

function plan(bundle: Uint8Array, { san = workflowSan, issuer = actionsIssuer, more = '' } = {}): string {
  const root = join(place.folder, 'root.json')
  const who = `{bundle: ${put('bundle.json', bundle)}, trusted-root: ${root}, identities: [{issuer: ${issuer}, san: "${san}"}]}`
  return `signed-values: [{file: ${join(place.folder, 'values.json')}, keyless: ${who}, technologies: [snp]${more}}]`
}

const signed = (request = {}): BundleParts => signKeyless(sigstore, leaf, { artifact, ...request })
const registered = () => place.admin.referenceValue('snp_launch_measurement')

test.each([
  ['Rekor v2 with a stamp', () => signed(), workflowSan],
  ['Rekor v1', () => signed({ log: 'rekor' }), workflowSan],
  ['any tag of a workflow', () => signed(), workflowSan.replace('v1.2.3', 'v*')],
])('values of an identity are registered: %s', async (_, parts, san) => {
  await place.run(plan(bundleBytes(parts()), { san }))
  expect(await registered()).toEqual([good])
})

const late = new Date(signedAt.getTime() + 3600_000)
const by = (options: Parameters<typeof makeLeaf>[1]): BundleParts =>
  signKeyless(sigstore, makeLeaf(sigstore, options), { artifact })

test.each<[string, string, () => string]>([
  [
    'another workflow',
    'identity-mismatch',
    () => plan(bundleBytes(by({ san: [uriName(workflowSan.replace('release', 'test'))] }))),
  ],
  [
    'another repository',
    'identity-mismatch',
    () => plan(bundleBytes(by({ san: [uriName(workflowSan.replace('acme/app', 'acme/fork'))] }))),
  ],
  ['another issuer', 'identity-mismatch', () => plan(bundleBytes(by({ issuer: 'https://issuer.test' })))],
  [
    'a branch, where tags are named',
    'identity-mismatch',
    () =>
      plan(bundleBytes(by({ san: [uriName(workflowSan.replace('refs/tags/v1.2.3', 'refs/heads/v1'))] })), {
        san: workflowSan.replace('v1.2.3', 'v*'),
      }),
  ],
  [
    'a star that is no ref',
    'identity-mismatch',
    () => plan(bundleBytes(signed()), { san: workflowSan.replace('release', '*') }),
  ],
  ['a certificate that had expired', 'expired', () => plan(bundleBytes(signed({ stampAt: late })))],
  ['no log entry', 'log-invalid', () => plan(bundleBytes({ ...signed(), entries: [] }))],
  ['no time', 'time-unproven', () => plan(bundleBytes({ ...signed(), stamps: [] }))],
  ['a certificate that no log has seen', 'certificate-invalid', () => plan(bundleBytes(by({ sct: 'none' })))],
  [
    'another Sigstore',
    'log-invalid',
    () => {
      const foreign = makeSigstore('other.test')
      return plan(bundleBytes(signKeyless(foreign, makeLeaf(foreign), { artifact })))
    },
  ],
  ['a bundle over other bytes', 'subject-mismatch', () => plan(bundleBytes(signKeyless(sigstore, leaf, {})))],
  [
    'a changed signature',
    'signature-invalid',
    () => {
      const parts = signed()
      parts.signature[20] = (parts.signature[20] ?? 0) ^ 1
      return plan(bundleBytes(parts))
    },
  ],
  [
    'a key in place of an identity',
    'key-mismatch',
    () => plan(bundleBytes(signKeyed(sigstore, makeKey('P-256'), { artifact }))),
  ],
  [
    'a statement over another file',
    'subject-mismatch',
    () => plan(bundleBytes(signed({ payload: payloadOf([{ digest: { sha256: 'ab'.repeat(32) } }]) }))),
  ],
  ['no bundle', 'format-invalid', () => plan(Buffer.from('{}'))],
  ['beyond what the signer may say', 'denied', () => plan(bundleBytes(signed()), { more: ', images: [other]' })],
  ['a value that the plan revokes', 'revoked', () => plan(bundleBytes(signed()), { more: `, revoked: [${good}]` })],
])('%s: refused, and nothing is written', async (_, code, text) => {
  const written = text()
  for (const mode of ['plan', 'apply']) await expect(place.run(written, mode)).rejects.toMatchObject({ code })
  expect(await registered()).toBeNull()
})

test('a document that changed after it was signed is refused', async () => {
  const text = plan(bundleBytes(signed()))
  put('values.json', writeReferenceValues(document({ values: [{ shape: {}, measured: { measurement: other } }] })))
  await expect(place.run(text)).rejects.toMatchObject({ code: 'subject-mismatch' })
})

test.each([
  ['both', (text: string) => text.replace('keyless:', `keys: [${join(place.folder, 'maker.pub')}], keyless:`)],
  ['none', () => `signed-values: [{file: ${join(place.folder, 'values.json')}, technologies: [snp]}]`],
])('an entry names keys or identities: %s is refused', async (_, change) => {
  await expect(place.run(change(plan(bundleBytes(signed()))))).rejects.toMatchObject({
    code: 'file-invalid',
    message: expect.stringContaining('either `keys` or `keyless`'),
  })
})
