import { join } from 'node:path'
import { jcs } from '../../src/encoding/jcs.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { makeStatement } from '../../src/statement/statement.ts'
import { predicateTypes, statementType, type StatementKind } from '../../src/statement/types.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { initPolicy } from '../../src/verify/init/init.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { at, changed, makeKey } from '../../testkit/chain.ts'
import { checkOf, issuer, make, now, ports } from '../../testkit/judged.ts'
import { scratch } from '../../testkit/ports.ts'
import { putSmallImage, smallBase, smallFiles } from '../../testkit/small-image.ts'

/** Statements of one key that the policy does not ask for and that other tools wrote: told, never a refusal. */
const key = makeKey()
const other: Record<string, Record<string, unknown>> = {
  spdx: {
    spdxVersion: 'SPDX-2.3',
    name: 'app',
    creationInfo: { created: '2026-01-01T00:00:00Z', creators: ['Tool: syft-1.0'] },
    packages: [{ name: 'left-pad', externalRefs: [{ referenceType: 'purl', referenceLocator: 'pkg:npm/left-pad@9' }] }],
  },
  cyclonedx: { bomFormat: 'CycloneDX', metadata: { tools: { components: [{ name: 'trivy' }] } }, components: [] },
  provenance: {
    buildDefinition: { buildType: 'https://tekton.dev/chains/v2/slsa', externalParameters: {} },
    runDetails: { builder: { id: 'https://tekton.dev/chains/v2' } },
  },
  // No document of its kind at all.
  malformed: { packages: 'many', metadata: [1] },
}

async function signed(...names: [StatementKind, string | null][]): Promise<string> {
  const layout = join(scratch('foreign'), 'layout')
  const store = openStore(parseReference(`oci:${layout}`, '/'), ports)
  const subject = await putSmallImage(store, smallFiles)
  const base = await smallBase(store, subject)
  for (const [kind, foreign] of names) {
    const statement = {
      _type: statementType,
      subject: [{ digest: { sha256: subject.digest.slice(7) } }],
      predicateType: predicateTypes[kind],
      predicate: foreign === null ? {} : other[foreign],
    }
    const own = base.payloads.find((item) => item.kind === kind)?.payload
    const payload =
      foreign !== null
        ? jcs(statement)
        : kind === 'provenance'
          ? changed(own ?? Buffer.alloc(0), (predicate) => {
              at(predicate, 'runDetails', 'builder')['id'] = 'https://sealwright.dev/builder/v1/plain'
            })
          : (own ?? makeStatement('sign', { digest: subject.digest }, {}))
    const envelope = await signEnvelope(payload, key.signer)
    await attachBundle(store, subject, makeBundle(envelope, key.signer.hint), predicateTypes[kind])
  }
  return `oci:${layout}`
}

async function judge(reference: string, statements: string[]): Promise<Verdict> {
  const policy = {
    version: 1,
    'release-keys': [key.signer.publicKeyPem],
    statements,
    'accept-signature-only': true,
    'accept-not-rebuilt': true,
  }
  return verifyImage(reference, await parsePolicy(JSON.stringify(policy), '/policy.yml'), { at: now }, ports)
}

test.each<[string, StatementKind, string]>([
  ['an SPDX document', 'spdx', 'spdx'],
  ['a CycloneDX document', 'cyclonedx', 'cyclonedx'],
  ['provenance', 'provenance', 'provenance'],
  ['something unreadable as SPDX', 'spdx', 'malformed'],
])('%s of another tool by the same key is not compared', async (_name, kind, document) => {
  const verdict = await judge(await signed(['sign', null], [kind, document]), ['sign'])
  expect(verdict.reasons).toEqual([])
  expect(verdict.notes).toEqual([expect.stringContaining('is a statement that the policy does not ask for')])
})

test('a document that the policy asks for must be comparable, and no word says that it is of another image', async () => {
  const verdict = await judge(await signed(['sign', null], ['spdx', 'spdx']), ['sign', 'spdx'])
  expect(verdict.reasons).toEqual(['sbom-differs'])
  expect(checkOf(verdict, 'content.packages').why).not.toContain('not of this image')
  const provenance = await judge(await signed(['sign', null], ['provenance', 'provenance']), ['sign', 'provenance'])
  expect(provenance.reasons[0]).toBe('builder-mismatch')
})

test('an own document of another image is still refused', async () => {
  const { payload } = (await smallPayload({ ...smallFiles, 'app/more': 'x' }))('spdx')
  const reference = await signed(['sign', null])
  const store = openStore(parseReference(reference, '/'), ports)
  const subject = await store.resolve({ tag: 'latest' })
  if (subject === null) throw new Error('no image')
  const moved = Buffer.from(
    payload.toString().replace(/"sha256":"[0-9a-f]{64}"}}]}$/, `"sha256":"${subject.digest.slice(7)}"}}]}`),
  )
  const bundle = makeBundle(await signEnvelope(moved, key.signer), key.signer.hint)
  await attachBundle(store, subject, bundle, predicateTypes.spdx)
  const verdict = await judge(reference, ['sign', 'spdx'])
  expect(verdict.reasons).toEqual(['sbom-differs'])
  expect(checkOf(verdict, 'content.packages').why).toContain('not of this image')
})

async function smallPayload(files: Record<string, string>): Promise<(kind: StatementKind) => { payload: Buffer }> {
  const store = openStore(parseReference(`oci:${join(scratch('foreign'), 'other')}`, '/'), ports)
  const base = await smallBase(store, await putSmallImage(store, files))
  return (kind) => ({ payload: base.payloads.find((item) => item.kind === kind)?.payload ?? Buffer.alloc(0) })
}

test.each<[string, [StatementKind, string | null][], string, string[]]>([
  ['only cosign signed', [['sign', null]], 'sign', ['accept-signature-only', 'accept-not-rebuilt']],
  [
    'has another tool’s SBOM and provenance',
    [
      ['sign', null],
      ['spdx', 'spdx'],
      ['provenance', 'provenance'],
    ],
    'sign',
    ['accept-signature-only', 'accept-not-rebuilt'],
  ],
  [
    'has an SBOM without inventory',
    [
      ['sign', null],
      ['provenance', null],
      ['spdx', null],
      ['rebuild', null],
    ],
    'sign, provenance, spdx',
    ['accept-signature-only'],
  ],
])('policy init writes a policy for an image that %s', async (_name, list, statements, accepts) => {
  const reference = await signed(...list)
  const { text, warnings } = await initPolicy(reference, { publicKeys: [key.signer.publicKeyPem] }, ports)
  expect(text).toContain(`statements: [${statements}]  # UNSAFE: the image has no`)
  expect(text.match(/^accept-[a-z-]+/gm)).toEqual(accepts)
  expect(warnings.join('\n')).toContain('the image has no')
  expect((await verifyImage(reference, await parsePolicy(text, '/policy.yml'), { at: now }, ports)).reasons).toEqual([])
})

test('policy init of an agent’s image without SBOM names what is missing', async () => {
  const { reference } = await make({ kinds: (kind) => kind !== 'spdx' })
  const { text } = await initPolicy(reference, { publicKeys: [], jwks: issuer.jwks }, ports)
  expect(text).toContain('statements: [sign, provenance, inventory]  # UNSAFE: the image has no SBOM')
})

test('policy init says what is missing where the key attested the image and did not sign it', async () => {
  const reference = await signed(['spdx', 'spdx'], ['provenance', 'provenance'])
  const asked = initPolicy(reference, { publicKeys: [key.signer.publicKeyPem] }, ports)
  await expect(asked).rejects.toMatchObject({
    code: 'missing-statement',
    remedy: expect.stringContaining('attested the image, but did not sign it') as string,
  })
  const stranger = initPolicy(reference, { publicKeys: [makeKey().signer.publicKeyPem] }, ports)
  await expect(stranger).rejects.toMatchObject({
    remedy: expect.not.stringContaining('attested the image') as string,
  })
})
