import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { findCosignSignatures } from '../../src/sign/find.ts'
import { attachCosignSignature, legacyTag } from '../../src/sign/legacy.ts'
import { simpleSigningPayload } from '../../src/sign/simple-signing.ts'
import { makeIssuer } from '../../testkit/chain.ts'
import { withPeers } from '../../testkit/peers.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { scratch } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { putSmallImage, smallClaims } from '../../testkit/small-image.ts'
import { gatePolicy, open, place } from './support.ts'

test('what passes is copied with all that vouches for it, and passes there without the source', async () => {
  const { digest, run } = await place()
  const to = `oci:${scratch()}`
  const { source, target, image, tagged, copied, left } = await run(`${to}:prod`)
  expect([source.verified, target?.verified, tagged, image]).toEqual([true, true, true, `${to}:prod@${digest}`])
  expect(await open(to).resolve({ tag: 'prod' })).toMatchObject({ digest })
  expect(copied.length).toBeGreaterThan(6)
  expect(left).toEqual([])
  // Again: the same, and from there on to a third place under the same tag.
  expect((await run(`${to}:prod`)).tagged).toBe(true)
})

withPeers([registryPeers.docker], 'through a registry without the referrers API', async () => {
  const registry = await startRegistry('docker')
  try {
    const { digest, run } = await place()
    const { target } = await run(`${registry.host}/prod/app`)
    expect(target?.verified).toBe(true)
    expect(await open(`${registry.host}/prod/app`).resolve({ tag: 'latest' })).toMatchObject({ digest })
  } finally {
    await registry.close()
  }
})

test("the receiver's signature under cosign's tag stays when the image is promoted again", async () => {
  const { from, digest, run } = await place()
  const to = `oci:${scratch()}`
  const sign = async (reference: string, text: string): Promise<void> => {
    const store = open(reference)
    const { descriptor } = await store.getManifest(digest)
    const payload = simpleSigningPayload({ dockerReference: `host/${text}`, digest })
    await attachCosignSignature(store, descriptor, [{ payload, signature: Buffer.from(text) }])
  }
  const signatures = async (reference: string): Promise<string[]> => {
    const store = open(reference)
    const { descriptor } = await store.getManifest(digest)
    return (await findCosignSignatures(store, descriptor)).map(({ signature }) => signature.toString())
  }
  await sign(from, 'source')
  await run(`${to}:prod`)
  const tag = legacyTag(digest, 'sig')
  // Nobody signed there yet: the same manifest.
  expect(await open(to).resolve({ tag })).toMatchObject({ digest: (await open(from).resolve({ tag }))?.digest })
  await sign(`${to}:prod`, 'receiver')
  await run(`${to}:prod`)
  expect(await signatures(`${to}:prod`)).toEqual(['source', 'receiver'])
  await sign(from, 'later')
  await run(`${to}:prod`)
  expect(await signatures(`${to}:prod`)).toEqual(['source', 'receiver', 'later'])
})

test('what does not pass at the source is not copied', async () => {
  const { run } = await place()
  const other = makeIssuer()
  const strict = await gatePolicy(policyText({ claims: smallClaims } as never, other))
  const to = `oci:${scratch()}`
  const { source, target, copied } = await run(to, { policy: strict })
  expect([source.verified, target, copied]).toEqual([false, null, []])
  await expect(open(to).tags()).rejects.toMatchObject({ code: 'not-found' })
})

test('a tag whose manifest is gone is a damaged copy, not a wrong name', async () => {
  const folder = scratch()
  const { digest, run } = await place(`oci:${folder}`)
  rmSync(join(folder, 'blobs/sha256', digest.slice(7)))
  await expect(run(`oci:${scratch()}`)).rejects.toMatchObject({ code: 'missing-blob', subject: digest, exitCode: 1 })
})

test('a selection without what the policy asks for is refused before anything is copied', async () => {
  const { run } = await place()
  const to = `oci:${scratch()}`
  const before = await putSmallImage(open(to), { 'old.txt': 'old' }, 'prod')
  for (const dryRun of [true, false]) {
    const { expected, target, tagged, left } = await run(`${to}:prod`, {
      exclude: ['https://slsa.dev/provenance/*'],
      dryRun,
    })
    expect(expected).toMatchObject({
      verified: false,
      reasons: expect.arrayContaining(['missing-statement']) as unknown,
    })
    expect([target, tagged]).toEqual([null, false])
    expect(left).toMatchObject([{ type: 'https://slsa.dev/provenance/v1', relation: 'referrer' }])
  }
  expect(await open(to).tags()).toEqual(['prod'])
  expect(await open(to).resolve({ tag: 'prod' })).toMatchObject({ digest: before.digest })
})

test('filters take artifact types and predicate types; exclude wins', async () => {
  const { run } = await place()
  const dry = async (include: string[], exclude: string[]): Promise<number> =>
    (await run(`oci:${scratch()}`, { include, exclude, dryRun: true })).copied.length
  const all = await dry([], [])
  expect(await dry(['application/vnd.sealwright.evidence*'], [])).toBe(2)
  expect(await dry(['https://spdx.dev/Document'], [])).toBe(2)
  expect(await dry(['*'], ['https://spdx.dev/Document'])).toBe(all - 1)
  // A dot is a dot, and a pattern covers the whole name.
  expect(await dry(['https://spdx-dev/Document', 'spdx'], [])).toBe(1)
  await expect(dry([''], [])).rejects.toMatchObject({ code: 'input-invalid' })
})

test('a dry run writes nothing; a target by digest is refused', async () => {
  const { digest, run } = await place()
  const to = `oci:${scratch()}`
  expect(await run(to, { dryRun: true })).toMatchObject({ target: null, tagged: false })
  await expect(open(to).tags()).rejects.toMatchObject({ code: 'not-found' })
  await expect(run(`${to}@${digest}`)).rejects.toMatchObject({ code: 'reference-invalid' })
})
