import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { JsonObject } from '../../src/base/json.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Store } from '../../src/oci/types.ts'
import { builderId } from '../../src/statement/builder-id.ts'
import { buildParameters } from '../../src/statement/parameters.ts'
import { provenancePredicate } from '../../src/statement/provenance.ts'
import { makeStatement } from '../../src/statement/statement.ts'
import { basesPolicyDigest, readBasesPolicy } from '../../src/tasks/build/bases-policy.ts'
import { goldenBases } from '../../src/tasks/build/golden.ts'
import { refusedParameters } from '../../src/verify/parameters.ts'
import { forgeChain, makeIssuer, makeKey, type ChainKey } from '../../testkit/chain.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putSmallImage, smallBase } from '../../testkit/small-image.ts'
import { attachNotice } from '../../testkit/status.ts'
import { actionRunner } from '../../testkit/working-job.ts'
import { build, type Built } from './support.ts'

/** Bases only from what a pinned key promoted to class golden. */
const ports = testPorts()
const keeper = makeKey()
const stranger = makeKey()
const now = new Date('2026-11-30T00:00:00Z')
const policy = { version: 1 as const, keys: [keeper.signer.publicKeyPem], 'max-age': '90d' }

interface Base {
  folder: string
  store: Store
  image: Descriptor
  text: string
}

async function base(): Promise<Base> {
  const folder = join(scratch('golden'), `base-${Math.random().toString(36).slice(2)}`)
  const store = openStore(parseReference(`oci:${folder}`, '/'), ports)
  const image = await putSmallImage(store, { 'etc/base': 'base' })
  return { folder, store, image, text: `oci:${folder}@${image.digest}` }
}

function record({ folder }: Base, change: JsonObject = {}): JsonObject {
  return {
    promotedOn: '2026-11-01T00:00:00Z',
    from: { name: 'registry.example/upstream' },
    to: { name: `localhost/${basename(folder)}` },
    policy: { digest: `sha256:${'1'.repeat(64)}` },
    verdict: { digest: `sha256:${'2'.repeat(64)}`, builder: builderId('sample'), signers: [], exceptions: [] },
    copied: [],
    leftBehind: [],
    environment: null,
    class: 'golden',
    supersedes: [],
    ...change,
  }
}

const promote = (one: Base, change: JsonObject = {}, by: ChainKey = keeper): Promise<Descriptor> =>
  attachNotice('promotion', one.store, one.image, record(one, change), by)

const admitBases = goldenBases(policy, ports, () => now)
const from = (lines: string): Promise<Built> =>
  build({ a: 'A', Containerfile: lines }, { admitBases, platforms: ['linux/amd64'] })

test('a golden base is used, and the record names policy and promotion of each', async () => {
  const [one, two] = [await base(), await base()]
  await promote(one)
  await promote(two)
  const { result } = await from(`FROM ${one.text}\nCOPY --from=${two.text} /etc/base /b\n`)
  const { record: found } = result
  expect(found.basesPolicy).toBe(basesPolicyDigest(policy))
  expect(found.baseImages.map(({ promotion }) => typeof promotion)).toEqual(['string', 'string'])
  const job = { assurance: 'none', instance: null, claims: {} } as const
  const facts = { record: found, recordDigest: result.recordDigest, job, builderId: builderId(null), version: '1' }
  const predicate = provenancePredicate(facts)
  expect(makeStatement('provenance', { digest: result.digest }, predicate).toString()).toContain(
    '"name":"base-promotion"',
  )
  // The gate demands it by the digest of the policy, since a job can bring a policy of its own.
  const asked = { parameters: buildParameters(found), bases: [], source: { commit: null, clean: true } }
  const wrong = (rules: object, parameters = asked.parameters): string[] =>
    refusedParameters({ ...asked, parameters }, rules, []).filter((line) => line.includes('bases'))
  expect(wrong({ 'bases-policy': [basesPolicyDigest(policy)] })).toEqual([])
  expect(wrong({})).toEqual([])
  expect(wrong({ 'bases-policy': [`sha256:${'0'.repeat(64)}`] })).toEqual([
    expect.stringMatching(/which the policy does not name/),
  ])
  const { basesPolicy: _none, ...without } = asked.parameters
  expect(wrong({ 'bases-policy': [basesPolicyDigest(policy)] }, without)).toEqual([
    'the bases passed no bases policy (`bases: golden`)',
  ])
})

test('a base whose configuration states no platform is refused with what it lacks', async () => {
  const folder = join(scratch('golden'), 'unnamed')
  const store = openStore(parseReference(`oci:${folder}`, '/'), ports)
  const bytes = Buffer.from('{"os":"","architecture":"","rootfs":{"type":"layers","diff_ids":[]}}')
  const config = { mediaType: mediaTypes.config, ...(await store.putBlob({ bytes })) }
  const manifest = { schemaVersion: 2 as const, mediaType: mediaTypes.manifest, config, layers: [] }
  const subject = await store.putManifest(manifestBytes(manifest), mediaTypes.manifest, { tag: 'latest' })
  const text = `oci:${folder}@${subject.digest}`
  await expect(from(`FROM ${text}\nCOPY a /a\n`)).rejects.toMatchObject({
    code: 'input-invalid',
    subject: text,
    message: expect.stringContaining(
      'names no platform in its configuration, but the build is for linux/amd64',
    ) as string,
    remedy: 'Name an image that states its platform.',
  })
})

test.each<[string, string, (one: Base) => Promise<unknown>, RegExp]>([
  ['without a record', 'missing-statement', () => Promise.resolve(), /it has no promotion record/],
  ['promoted by somebody else', 'claim-signer', (one) => promote(one, {}, stranger), /by another signer/],
  ['promoted without a class', 'denied', (one) => promote(one, { class: null }), /has the class none/],
  ['of the archive', 'denied', (one) => promote(one, { class: 'archive' }), /has the class archive/],
  [
    'promoted to another place',
    'denied',
    (one) => promote(one, { to: { name: 'registry.example/golden' } }),
    /is for registry.example\/golden/,
  ],
  ['promoted long ago', 'expired', (one) => promote(one, { promotedOn: '2026-01-01T00:00:00Z' }), /allows 90d/],
  [
    'promoted in the future',
    'expired',
    (one) => promote(one, { promotedOn: '2099-01-01T00:00:00Z' }),
    /dated in the future \(2099/,
  ],
  [
    'with a later record that cannot be read',
    'format-invalid',
    async (one) => {
      await promote(one)
      await promote(one, { promotedOn: '2026-11-02T00:00:00Z', copied: 'nothing' })
    },
    /copied/,
  ],
  [
    'with two records of one second',
    'denied',
    async (one) => {
      for (const kind of ['golden', null, 'golden']) await promote(one, { class: kind })
    },
    /has the class none/,
  ],
  [
    'that is golden no more',
    'denied',
    async (one) => {
      await promote(one)
      await promote(one, { promotedOn: '2026-11-02T00:00:00Z', class: null })
    },
    /has the class none/,
  ],
])('a base %s is refused by name before anything is built', async (_name, code, prepare, why) => {
  const one = await base()
  await prepare(one)
  for (const lines of [`FROM ${one.text}\nCOPY a /a\n`, `FROM scratch\nCOPY --from=${one.text} /etc/base /b\n`])
    await expect(from(lines)).rejects.toMatchObject({
      code,
      subject: one.text,
      message: expect.stringMatching(why) as string,
    })
})

test('what the action promotes to class golden is a base, and what it promotes without a class is not', async () => {
  const [issuer, source, target] = [makeIssuer(), scratch('upstream'), join(scratch('target'), 'golden')]
  const store = openStore(parseReference(`oci:${source}`, '/'), ports)
  const chain = await smallBase(store, await putSmallImage(store, { 'etc/base': 'promoted' }))
  await forgeChain(store, chain, { issuer, at: new Date() })
  const folder = scratch('promote')
  const [policyFile, key] = [join(folder, 'policy.yml'), join(folder, 'golden.pem')]
  writeFileSync(policyFile, policyText(chain, issuer))
  writeFileSync(key, keeper.key.export({ format: 'pem', type: 'pkcs8' }))
  const action = actionRunner(ports, scratch('state'))
  const given = { from: `oci:${source}:latest`, to: `oci:${target}:base`, policy: policyFile, signer: 'key', key }
  const text = `oci:${target}@${chain.subject.digest}`
  const today = goldenBases(policy, ports)
  const run = (): Promise<Built> =>
    build({ Containerfile: `FROM ${text}\n` }, { admitBases: today, platforms: ['linux/amd64'] })
  expect((await action('promote', given)).outputs['promoted']).toBe('true')
  await expect(run()).rejects.toMatchObject({ code: 'denied', subject: text })
  // Records state seconds: of two in the same one nobody knows which is newer.
  await new Promise((done) => setTimeout(done, 1100))
  expect((await action('promote', { ...given, class: 'golden' })).outputs['promoted']).toBe('true')
  expect((await run()).result.record.baseImages[0]?.promotion).toMatch(/^sha256:/)
})

test('without the option nothing of it stands in the record', async () => {
  const one = await base()
  const { result } = await build({ a: 'A', Containerfile: `FROM ${one.text}\n` }, { platforms: ['linux/amd64'] })
  expect(JSON.stringify(result.record)).not.toMatch(/basesPolicy|promotion/)
})

test('a bases policy is read with its key files; its digest is of their content', async () => {
  const folder = scratch('bases-policy')
  const path = join(folder, 'bases.yml')
  writeFileSync(join(folder, 'golden.pub'), keeper.signer.publicKeyPem)
  writeFileSync(path, 'version: 1\nkeys: [golden.pub]\nmax-age: 90d\n')
  expect(basesPolicyDigest(await readBasesPolicy(path))).toBe(basesPolicyDigest(policy))
  for (const text of ['version: 1\n', 'version: 1\nkeys: []\n', 'version: 1\nkeys: [golden.pub]\nmax-age: long\n']) {
    writeFileSync(path, text)
    await expect(readBasesPolicy(path)).rejects.toMatchObject({ code: 'file-invalid', subject: 'bases-policy' })
  }
  writeFileSync(path, 'version: 1\nkeys: [gone.pub]\n')
  await expect(readBasesPolicy(path)).rejects.toMatchObject({ code: 'file-missing', subject: 'bases-policy' })
  expect(() =>
    goldenBases({ version: 1, keys: ['-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----'] }, ports),
  ).toThrow(expect.objectContaining({ code: 'file-invalid' }))
})
