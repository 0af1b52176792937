import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { Digest, Store } from '../../src/oci/types.ts'
import { findCosignSignatures } from '../../src/sign/find.ts'
import { attachCosignSignature, legacyTag } from '../../src/sign/legacy.ts'
import { simpleSigningPayload } from '../../src/sign/simple-signing.ts'
import { promote, type Promoted } from '../../src/tasks/promote/promote.ts'
import { parsePolicy, type Policy } from '../../src/verify/policy/load.ts'
import { forgeChain, makeIssuer } from '../../testkit/chain.ts'
import { withPeers } from '../../testkit/peers.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { putSmallImage, smallBase, smallClaims, smallFiles } from '../../testkit/small-image.ts'

const ports = testPorts()
const open = (text: string): Store => openStore(parseReference(text, '/'), ports)

interface Place {
  from: string
  digest: Digest
  policy: Policy
  run(
    to: string,
    more?: { include?: string[]; exclude?: string[]; dryRun?: boolean; policy?: Policy },
  ): Promise<Promoted>
}

async function place(): Promise<Place> {
  const from = `oci:${scratch()}`
  const issuer = makeIssuer()
  const base = await smallBase(open(from), await putSmallImage(open(from), smallFiles))
  await forgeChain(open(from), base, { issuer, at: new Date() })
  const policy = await parsePolicy(policyText(base, issuer), '/policy.yml')
  return {
    from: `${from}:latest`,
    digest: base.subject.digest,
    policy,
    run: (to, { include = [], exclude = [], dryRun = false, policy: other = policy } = {}) =>
      promote({ from: `${from}:latest`, to, policy: other, filter: { include, exclude }, dryRun }, ports),
  }
}

test('what passes is copied with all that vouches for it, and passes there without the source', async () => {
  const { digest, run } = await place()
  const to = `oci:${scratch()}`
  const { source, target, image, graph } = await run(`${to}:prod`)
  expect([source.verified, target?.verified, graph?.tagged, image]).toEqual([true, true, true, `${to}:prod@${digest}`])
  expect(await open(to).resolve({ tag: 'prod' })).toMatchObject({ digest })
  expect(graph?.copied.length).toBeGreaterThan(6)
  expect(graph?.left).toEqual([])
  // Again: the same, and from there on to a third place under the same tag.
  expect((await run(`${to}:prod`)).graph?.tagged).toBe(true)
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
  const strict = await parsePolicy(policyText({ claims: smallClaims } as never, other), '/policy.yml')
  const to = `oci:${scratch()}`
  const { source, target, graph } = await run(to, { policy: strict })
  expect([source.verified, target, graph]).toEqual([false, null, null])
  await expect(open(to).tags()).rejects.toMatchObject({ code: 'not-found' })
})

test('a copy without what the policy asks for keeps the tag where it was', async () => {
  const { run } = await place()
  const to = `oci:${scratch()}`
  const before = await putSmallImage(open(to), { 'old.txt': 'old' }, 'prod')
  const { target, graph } = await run(`${to}:prod`, { exclude: ['https://slsa.dev/provenance/*'] })
  expect(target?.verified).toBe(false)
  expect(target?.reasons).toContain('missing-statement')
  expect(graph?.tagged).toBe(false)
  expect(graph?.left.map(({ relation }) => relation)).toEqual(['referrer'])
  expect(await open(to).resolve({ tag: 'prod' })).toMatchObject({ digest: before.digest })
})

test('filters take artifact types and predicate types; exclude wins', async () => {
  const { run } = await place()
  const dry = async (include: string[], exclude: string[]): Promise<number> =>
    (await run(`oci:${scratch()}`, { include, exclude, dryRun: true })).graph?.copied.length ?? 0
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
  expect(await run(to, { dryRun: true })).toMatchObject({ target: null, graph: { tagged: false } })
  await expect(open(to).tags()).rejects.toMatchObject({ code: 'not-found' })
  await expect(run(`${to}@${digest}`)).rejects.toMatchObject({ code: 'reference-invalid' })
})
