import { join } from 'node:path'
import type { JsonValue } from '../../src/base/json.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { mediaTypes, type Store } from '../../src/oci/types.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { attachCosignSignature } from '../../src/sign/legacy.ts'
import { simpleSigningPayload } from '../../src/sign/simple-signing.ts'
import { makeStatement } from '../../src/statement/statement.ts'
import { predicateTypes, type StatementKind } from '../../src/statement/types.ts'
import { initPolicy } from '../../src/verify/init/init.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import {
  at,
  changed,
  forgeChain,
  makeIssuer,
  makeKey,
  type ChainBase,
  type ForgedMachine,
  type ForgeOptions,
} from '../../testkit/chain.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putSmallImage, smallBase, smallFiles } from '../../testkit/small-image.ts'

/** TRUST §6: `policy init` for a matrix build, an index of two platforms, each built by a job of its own. */
const ports = testPorts()
const issuer = makeIssuer()
const architectures = ['arm64', 's390x'] as const
type Leg = Partial<ForgeOptions> | null

interface Matrix {
  layout: string
  index: string
  store: Store
  legs: ChainBase[]
}

/** Null leaves a leg without any statement. Neither platform is the one of this machine. */
async function matrix(first: Leg = {}, second: Leg = {}): Promise<Matrix> {
  const layout = `oci:${join(scratch('matrix'), 'layout')}`
  const store = openStore(parseReference(layout, '/'), ports)
  const legs: ChainBase[] = []
  for (const [n, options] of [first, second].entries()) {
    const files = { ...smallFiles, 'app/index.js': `leg ${n}` }
    const base = await smallBase(store, await putSmallImage(store, files, `leg-${n}`))
    if (options !== null) await forgeChain(store, base, { issuer, at: new Date(), ...options })
    legs.push(base)
  }
  const manifests = legs.map(({ subject: { mediaType, digest, size } }, n) => {
    return { mediaType, digest, size, platform: { os: 'linux', architecture: architectures[n] ?? '' } }
  })
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests } as const
  const { digest } = await store.putManifest(manifestBytes({ ...index, manifests }), mediaTypes.index, { tag: 'v1' })
  return { layout, index: digest, store, legs }
}

async function init(reference: string, publicKeys: string[] = []): Promise<string> {
  return (await initPolicy(reference, { publicKeys, jwks: issuer.jwks }, ports)).text
}

async function reasons(reference: string, text: string): Promise<string[]> {
  return (await verifyImage(reference, await parsePolicy(text, '/policy.yml'), {}, ports)).reasons
}

const asked = (change: Record<string, JsonValue>): Partial<ForgeOptions> => ({
  payload: (kind, payload) =>
    kind === 'provenance'
      ? changed(payload, (it) => void Object.assign(at(it, 'buildDefinition', 'externalParameters'), change))
      : payload,
})
const without = (...lacking: StatementKind[]): Partial<ForgeOptions> => ({ kinds: (kind) => !lacking.includes(kind) })

test('a policy made of an index admits index and children, one made of a child the index', async () => {
  const { layout, index, legs } = await matrix()
  const names = [`${layout}:v1`, `${layout}@${index}`, ...legs.map(({ subject }) => `${layout}@${subject.digest}`)]
  for (const name of [`${layout}@${index}`, names.at(-1) ?? '']) {
    const text = await init(name)
    expect(text.match(/^accept-[a-z-]+/gm)).toEqual(['accept-sample', 'accept-unproven-time'])
    for (const other of names) expect([other, await reasons(other, text)]).toEqual([other, []])
    for (const { subject } of legs) expect(text).not.toContain(subject.digest)
    expect(text).not.toContain(index)
  }
})

test.each<[string, Leg, Leg, RegExp]>([
  [
    'asked for another build argument',
    asked({ buildArgs: { A: '1' } }),
    asked({ buildArgs: { A: '2' } }),
    /"A": \["1","2"\]/,
  ],
  ['alone was asked for a command', {}, asked({ prepare: 'make' }), /^ {2}prepare: \["make"\]$/m],
  ['alone has no SBOM', {}, without('spdx'), /^statements: \[sign, provenance, inventory\] {2}# UNSAFE: .* no SBOM$/m],
  ['alone was not rebuilt', {}, without('rebuild'), /^accept-not-rebuilt: true/m],
])('a leg that %s stands in the policy', async (_name, first, second, line) => {
  for (const legs of [
    [first, second],
    [second, first],
  ] as const) {
    const { layout } = await matrix(...legs)
    const text = await init(`${layout}:v1`)
    expect(text.replaceAll('["2","1"]', '["1","2"]')).toMatch(line)
    expect(await reasons(`${layout}:v1`, text)).toEqual([])
  }
})

test('the policy of a leg without them does not admit what only the other was asked for', async () => {
  const { layout, legs } = await matrix({}, asked({ prepare: 'make' }))
  const text = await init(`${layout}@${legs[0]?.subject.digest}`)
  expect(await reasons(`${layout}:v1`, text)).toContain('parameters-refused')
})

test('a leg that nothing vouches for gives no policy', async () => {
  for (const legs of [
    [{}, null],
    [null, {}],
    [null, null],
  ] as const) {
    const { layout } = await matrix(...legs)
    await expect(init(`${layout}:v1`)).rejects.toMatchObject({ name: 'VerificationError' })
  }
})

test.each(['of the index', 'of each manifest'])('a key’s signature %s gives a policy of signatures', async (what) => {
  const { layout, index, store, legs } = await matrix(null, null)
  const { signer } = makeKey()
  const whole = await store.resolve({ tag: 'v1' })
  for (const subject of what === 'of the index' ? [whole] : legs.map((leg) => leg.subject)) {
    if (subject === null) throw new Error('no index')
    const statement = makeStatement('sign', { digest: subject.digest }, {})
    await attachBundle(
      store,
      subject,
      makeBundle(await signEnvelope(statement, signer), signer.hint),
      predicateTypes.sign,
    )
  }
  const text = await init(`${layout}:v1`, [signer.publicKeyPem])
  expect(text).toMatch(/^statements: \[sign\]/m)
  expect(text.match(/^accept-[a-z-]+/gm)).toEqual(['accept-signature-only', 'accept-not-rebuilt'])
  expect(await reasons(`${layout}@${index}`, text)).toEqual([])
  await expect(init(`${layout}:v1`, [makeKey().signer.publicKeyPem])).rejects.toMatchObject({
    name: 'VerificationError',
  })
})

test('an index of which only cosign 2 signed the manifests gives the same', async () => {
  const { layout, store, legs } = await matrix(null, null)
  const { signer } = makeKey()
  for (const { subject } of legs) {
    const payload = simpleSigningPayload({ dockerReference: 'localhost/a', digest: subject.digest })
    await attachCosignSignature(store, subject, [{ payload, signature: await signer.sign(payload) }])
  }
  const text = await init(`${layout}:v1`, [signer.publicKeyPem])
  expect(text).toMatch(/^statements: \[sign\]/m)
  expect(await reasons(`${layout}:v1`, text)).toEqual([])
})

test('legs of different technologies need a policy each', async () => {
  const machine: ForgedMachine = {
    technology: 'snp',
    report: () => ({ technology: 'snp', evidence: {}, documents: {} }),
  }
  const { layout, legs } = await matrix({}, { machine })
  await expect(init(`${layout}:v1`)).rejects.toMatchObject({
    code: 'unsupported',
    message: 'the manifests of the index were made on sample and snp',
  })
  expect(await init(`${layout}@${legs[0]?.subject.digest ?? ''}`)).toContain('technology: sample')
})
