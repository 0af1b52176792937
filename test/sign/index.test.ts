import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { artifact, job, runSign, stopAgents, type Job } from './job.ts'
import { privatePem, putImage } from './fixtures.ts'
import { roles } from '../../src/journal/event.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Index, type Platform } from '../../src/oci/types.ts'
import { findCosignSignatures, findStatements } from '../../src/sign/find.ts'
import { verifyEnvelope } from '../../src/sign/dsse.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'

afterEach(stopAgents)

const entry = ({ mediaType, digest, size }: Descriptor, platform?: Platform): Descriptor => ({
  mediaType,
  digest,
  size,
  platform,
})

interface Made extends Job {
  index: Descriptor
  nested: Descriptor
  arm: Descriptor
  attestation: Descriptor
}

/** The job's image for amd64, another one for arm64 in an index of its own, and an attestation manifest of BuildKit. */
async function indexed(agent: boolean): Promise<Made> {
  const made = await job({ agent })
  const { store, image, ports } = made
  writeFileSync(join(ports.roots.cwd, 'my.key'), privatePem())
  const put = (manifests: Descriptor[], tag?: string): Promise<Descriptor> => {
    const index: Index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests }
    return store.putManifest(manifestBytes(index), mediaTypes.index, { tag })
  }
  const arm = await putImage(store, 'arm', 'arm')
  const attestation = await putImage(store, 'att', 'attestation')
  const nested = await put([entry(arm, { os: 'linux', architecture: 'arm64' })])
  const index = await put(
    [
      entry(image, { os: 'linux', architecture: 'amd64' }),
      entry(nested),
      entry(attestation, { os: 'unknown', architecture: 'unknown' }),
    ],
    'multi',
  )
  return { ...made, index, nested, arm, attestation }
}

const byKey = { image: 'oci:built:multi', output: 'oci:out:multi', signer: 'key', key: 'my.key' }

test('a key signs an index, each manifest that a runtime could take and the indexes between', async () => {
  const made = await indexed(false)
  const { published, index, nested, arm, image, attestation } = made
  const { outputs } = await made.sign(byKey)
  const key = readFileSync(outputs['public-key-path'] ?? '', 'utf8')
  for (const subject of [index, nested, arm, image]) {
    const found = await findStatements(published, subject)
    expect(found.map(({ statement }) => statement.subject[0]?.digest['sha256'])).toEqual([subject.digest.slice(7)])
    for (const { envelope } of found) expect(verifyEnvelope(envelope, key).length).toBeGreaterThan(0)
    expect((await findCosignSignatures(published, subject)).map(({ claims }) => claims.digest)).toEqual([
      subject.digest,
    ])
  }
  // It runs nowhere, so nothing speaks for it.
  expect(await findStatements(published, attestation)).toEqual([])
  const receipts = JSON.parse(readFileSync(outputs['receipts-path'] ?? '', 'utf8')) as { subject: string }[]
  expect(new Set(receipts.map(({ subject }) => subject))).toEqual(
    new Set([index, nested, arm, image].map(({ digest }) => digest)),
  )

  const before = [
    await published.tags(),
    await published.referrers(arm.digest),
    await published.referrers(index.digest),
  ]
  expect((await made.sign(byKey)).report.headline).toMatch(/^Nothing to sign/)
  expect([
    await published.tags(),
    await published.referrers(arm.digest),
    await published.referrers(index.digest),
  ]).toEqual(before)
})

test('the gate takes the index and each of its manifests; with recursive: false the index alone', async () => {
  const made = await indexed(false)
  const { outputs } = await made.sign(byKey)
  const key = readFileSync(outputs['public-key-path'] ?? '', 'utf8')
  const lines = { 'release-keys': [key], statements: ['sign'], version: 1 }
  const accepts = ['signature-only', 'not-rebuilt', 'unproven-time', 'unbound-source']
  const text = JSON.stringify({ ...lines, ...Object.fromEntries(accepts.map((name) => [`accept-${name}`, true])) })
  const policy = await parsePolicy(text, '/policy.yml')
  const verdict = async (layout: string, reference: string, platform?: string): Promise<string[]> => {
    const options = { at: new Date(), ...(platform === undefined ? {} : { platform }) }
    const { verified, reasons } = await verifyImage(`oci:${layout}${reference}`, policy, options, made.ports)
    return verified ? [] : reasons
  }
  const { cwd } = made.ports.roots
  const both = [`@${made.image.digest}`, `@${made.arm.digest}`]
  for (const reference of [':multi', `@${made.index.digest}`, ...both])
    expect([reference, await verdict(`${cwd}/out`, reference)]).toEqual([reference, []])
  expect(await verdict(`${cwd}/out`, ':multi', 'linux/amd64')).toEqual([])

  await made.sign({ ...byKey, output: 'oci:alone:multi', recursive: 'false' })
  expect(await verdict(`${cwd}/alone`, ':multi')).toEqual([])
  for (const reference of both) expect(await verdict(`${cwd}/alone`, reference)).not.toEqual([])
})

test('a manifest that the store lacks refuses the run before anything is signed', async () => {
  const made = await indexed(false)
  rmSync(join(made.ports.roots.cwd, 'built/blobs/sha256', made.arm.digest.slice(7)))
  const inPlace = { ...byKey, output: 'oci:built:multi' }
  await expect(made.sign(inPlace)).rejects.toMatchObject({ code: 'missing-blob', subject: made.arm.digest })
  const found = (subject: Descriptor): Promise<unknown[]> => findStatements(made.store, subject, { onBroken: () => {} })
  for (const subject of [made.image, made.index]) expect(await found(subject)).toEqual([])
  await made.sign({ ...inPlace, recursive: 'false' })
  expect(await found(made.index)).toHaveLength(1)
})

describe('an agent signs of an index only what its own job made', () => {
  const run = async (own: (made: Made) => Descriptor[]): Promise<{ made: Made; notes: string[] }> => {
    const made = await indexed(true)
    const outputs = own(made).map(({ digest }) => artifact(roles.image, digest))
    await made.agent?.append({ kind: 'build', inputs: [], outputs, result: {} })
    const given = { image: 'oci:built:multi', output: 'oci:out:multi', statements: 'sign' }
    const { report } = await runSign(given, made.ports, made.directory)
    return { made, notes: report.notes }
  }
  const signed = async ({ published }: Made, subject: Descriptor): Promise<string[]> =>
    (await findStatements(published, subject)).flatMap(({ origin, predicateType }) =>
      origin === 'referrer' ? [predicateType.split('/').at(-2) ?? ''] : [],
    )

  test('a manifest of somebody else is left out, and the summary names it', async () => {
    const { made, notes } = await run(({ index }) => [index])
    expect((await signed(made, made.image)).length).toBe(2)
    expect((await signed(made, made.index)).length).toBe(2)
    expect(await signed(made, made.arm)).toEqual([])
    expect(await signed(made, made.nested)).toEqual([])
    const note = notes.find((text) => text.includes('did not build them')) ?? ''
    expect(note).toContain(made.arm.digest)
    expect(note).toContain(made.nested.digest)
    expect(note).not.toContain(made.image.digest)
  })

  test('all of them with one seal, where it built them all', async () => {
    const { made, notes } = await run(({ index, nested, arm }) => [index, nested, arm])
    for (const subject of [made.index, made.nested, made.arm, made.image])
      expect((await signed(made, subject)).length).toBe(2)
    expect(notes.join(' ')).not.toContain('did not build them')
  })

  test('an index that the job did not make is refused', async () => {
    await expect(run(() => [])).rejects.toMatchObject({ code: 'role-mismatch' })
  })
})
