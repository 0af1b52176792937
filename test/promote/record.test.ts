import { putArtifact } from '../../src/oci/artifact.ts'
import { findCosignSignatures, findStatements } from '../../src/sign/find.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { readGraphTree } from '../../src/tasks/graph/tree.ts'
import { treeText } from '../../src/report/graph/text.ts'
import { makeKey } from '../../testkit/chain.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { byKey, open, place, receiver, type Place } from './support.ts'

const records = async ({ digest }: Place, to: string): Promise<Record<string, unknown>[]> => {
  const store = open(to)
  const { descriptor } = await store.getManifest(digest)
  const found = await findStatements(store, descriptor, { predicateTypes: [predicateTypes.promotion] })
  return found.map(({ statement }) => statement.predicate)
}

test('the record says from where, to where, by which policy, what went along and what stayed', async () => {
  const made = await place()
  const to = `oci:${scratch()}`
  await putArtifact(open(made.from), {
    artifactType: 'application/vnd.example.report',
    subject: made.base.subject,
    layers: [{ mediaType: 'text/plain', bytes: Buffer.from('report') }],
  })
  const more = { signing: byKey(), environment: 'production', exclude: ['application/vnd.example.*'] }
  const { record, tagged, target } = await made.run(`${to}:prod`, more)
  expect([record?.state, tagged]).toEqual(['added', true])
  const [said, ...others] = await records(made, to)
  expect(others).toEqual([])
  expect(said).toMatchObject({
    from: { tag: 'latest' },
    to: { name: open(to).identity, tag: 'prod' },
    environment: 'production',
    class: null,
    policy: { digest: made.policy.policy.digest },
    verdict: { builder: target?.builder.id, exceptions: target?.exceptions },
    leftBehind: [{ type: 'application/vnd.example.report', reason: 'excluded by "application/vnd.example.*"' }],
  })
  expect(JSON.stringify(said?.['copied'])).toContain('https://slsa.dev/provenance/v1')
  const { descriptor } = await open(to).getManifest(made.digest)
  expect(treeText(await readGraphTree(open(to), descriptor.digest))).toContain('https://sealwright.dev/promotion/v1')
})

test('a second run adds no record; another environment or another signer does', async () => {
  const made = await place()
  const to = `oci:${scratch()}`
  const signing = byKey()
  await made.run(to, { signing, environment: 'staging' })
  expect((await made.run(to, { signing, environment: 'staging' })).record?.state).toBe('present')
  expect((await made.run(to, { signing, environment: 'production' })).record?.state).toBe('added')
  expect((await made.run(to, { signing: byKey(makeKey()), environment: 'staging' })).record?.state).toBe('added')
  expect(await records(made, to)).toHaveLength(3)
})

test('`to-policy` judges the copy with its record, before the tag is written', async () => {
  const made = await place()
  const rule = { keys: [receiver.signer.publicKeyPem], environment: 'production' }
  const toPolicy = await made.policyWith({ promotions: [rule] })
  const to = `oci:${scratch()}`
  const signing = byKey()
  const wrong = await made.run(`${to}:prod`, { signing, environment: 'staging', toPolicy })
  expect([wrong.admitted?.reasons, wrong.tagged]).toEqual([['missing-statement'], false])
  expect(await open(to).resolve({ tag: 'prod' })).toBeNull()
  // Nobody finds a record that would allow what was refused.
  expect([wrong.record, await records(made, to)]).toEqual([null, []])
  const right = await made.run(`${to}:prod`, { signing, environment: 'production', toPolicy })
  expect([right.admitted?.verified, right.tagged]).toEqual([true, true])
})

test('a policy that requires an earlier record is asked at the source', async () => {
  const made = await place()
  const stage = `oci:${scratch()}`
  const rule = { keys: [receiver.signer.publicKeyPem], environment: 'staging' }
  const policy = await made.policyWith({ promotions: [rule] })
  const to = `oci:${scratch()}`
  expect((await made.run(to, { policy })).source.reasons).toEqual(['missing-statement'])
  await made.run(`${stage}:latest`, { signing: byKey(), environment: 'staging' })
  expect(await made.run(to, { from: `${stage}:latest`, policy })).toMatchObject({ tagged: true })
})

test('`supersedes` names what is attached at the source, else nothing is copied', async () => {
  const made = await place()
  const to = `oci:${scratch()}`
  const { copied } = await made.run(to, { dryRun: true })
  const provenance = copied.find(({ type }) => type === 'https://slsa.dev/provenance/v1')?.digest
  await expect(made.run(to, { signing: byKey(), supersedes: [`sha256:${'d'.repeat(64)}`] })).rejects.toMatchObject({
    code: 'not-found',
    subject: 'supersedes',
  })
  await expect(open(to).tags()).rejects.toMatchObject({ code: 'not-found' })
  await made.run(to, { signing: byKey(), supersedes: [provenance!] })
  expect(await records(made, to)).toMatchObject([{ supersedes: [provenance] }])
})

test('the agent signs none where none runs', async () => {
  const made = await place()
  const signing = { ...byKey(), signer: 'agent', key: null } as const
  await expect(made.run(`oci:${scratch()}`, { signing })).rejects.toMatchObject({ code: 'no-agent' })
})

describe("cosign's older form", () => {
  test('is made anew for the new name by a release key of the target', async () => {
    const made = await place()
    const toPolicy = await made.policyWith({ 'release-keys': [receiver.signer.publicKeyPem] })
    const to = `oci:${scratch()}`
    const run = (): ReturnType<Place['run']> => made.run(to, { signing: byKey(), reissue: true, toPolicy })
    expect(await run()).toMatchObject({ tagged: true, reissued: 1 })
    const { descriptor } = await open(to).getManifest(made.digest)
    const [signature] = await findCosignSignatures(open(to), descriptor)
    expect(signature?.claims.dockerReference).toBe(open(to).identity)
    expect(await run()).toMatchObject({ reissued: 0 })
  })

  test('is not attached to a copy that `to-policy` refuses, and neither is the record', async () => {
    const made = await place()
    const to = `oci:${scratch()}`
    const key = receiver.signer.publicKeyPem
    const toPolicy = await made.policyWith({
      'release-keys': [key],
      promotions: [{ keys: [key], environment: 'prod' }],
    })
    const run = (environment: string): ReturnType<Place['run']> =>
      made.run(to, { signing: byKey(), reissue: true, toPolicy, environment })
    const refused = await run('staging')
    expect([refused.admitted?.reasons, refused.reissued, refused.record]).toEqual([['missing-statement'], 0, null])
    const { descriptor } = await open(to).getManifest(made.digest)
    expect([await findCosignSignatures(open(to), descriptor), await records(made, to)]).toEqual([[], []])
    expect(await run('prod')).toMatchObject({ tagged: true, reissued: 1, record: { state: 'added' } })
    expect(await findCosignSignatures(open(to), descriptor)).toHaveLength(1)
    // A record of an earlier promotion stays when a later one is refused.
    const stricter = await made.policyWith({ promotions: [{ keys: [makeKey().signer.publicKeyPem] }] })
    const later = await made.run(to, { signing: byKey(), toPolicy: stricter, environment: 'prod' })
    expect([later.tagged, later.record?.state]).toEqual([false, 'present'])
    expect(await records(made, to)).toHaveLength(1)
  })

  test('is refused for a key that the policy of the target does not trust, and without a key', async () => {
    const made = await place()
    const to = `oci:${scratch()}`
    await expect(made.run(to, { signing: byKey(), reissue: true })).rejects.toMatchObject({
      code: 'input-invalid',
      subject: 'reissue',
    })
    await expect(made.run(to, { reissue: true })).rejects.toMatchObject({ code: 'input-missing', subject: 'reissue' })
    await expect(open(to).tags()).rejects.toMatchObject({ code: 'not-found' })
  })
})

withPeers([registryPeers.docker], 'records on a registry without the referrers API are listed', async () => {
  const registry = await startRegistry('docker')
  try {
    const made = await place()
    const to = `${registry.host}/prod/app`
    expect(await made.run(to, { signing: byKey() })).toMatchObject({ tagged: true, record: { state: 'added' } })
    expect(await records(made, to)).toHaveLength(1)
  } finally {
    await registry.close()
  }
})
