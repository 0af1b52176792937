import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../src/base/streams.ts'
import { manifestBytes, isIndex } from '../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest } from '../../src/oci/types.ts'
import { carryStatuses } from '../../src/tasks/status/carry.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { forgeChain, makeKey } from '../../testkit/chain.ts'
import { judge, make, now } from '../../testkit/judged.ts'
import { scratch } from '../../testkit/ports.ts'
import { encryptedBase, putSmallImage, smallBase, smallFiles } from '../../testkit/small-image.ts'
import { attachNotice, daysBefore } from '../../testkit/status.ts'
import { clock, issuer, open, place, policyOf, ports, publisher, revoked, say, start } from './support.ts'

// Ways in which a revocation could get lost between whoever signs it and the gate of a receiver.

beforeEach(() => {
  clock.now = start
})

const status = (rest: object, age = 1, serial = 2): Parameters<typeof attachNotice>[3] => ({
  serial,
  issued: daysBefore(now, age),
  ...rest,
})
const remove = (layout: string, digest: Digest): void =>
  rmSync(join(layout.slice('oci:'.length), 'blobs', digest.replace(':', '/')))
const revocation = { status: 'revoked', reason: 'the key leaked', from: daysBefore(now, 1) }

test('who revokes a plain image revokes its encrypted form; an old status of it counts as one', async () => {
  const { store, base, ...made } = await make({ encrypted: true })
  const { descriptor: plain } = await store.getManifest(base.plain as Digest)
  const rules = { keys: [publisher.signer.publicKeyPem], 'max-age': '7d' }
  const verdict = () => judge({ store, base, ...made }, { status: rules, 'accept-unchecked-content': true })
  await attachNotice('status', store, base.subject, status({ status: 'active' }), publisher)
  expect((await verdict()).reasons).toEqual([])
  await attachNotice('status', store, plain, status({ status: 'active' }, 8, 1), publisher)
  expect((await verdict()).reasons).toEqual(['expired'])
  await attachNotice('status', store, plain, status({ status: 'active' }), publisher)
  expect((await verdict()).reasons).toEqual([])
  await attachNotice('status', store, plain, status(revocation, 1, 3), publisher)
  expect((await verdict()).reasons).toEqual(['revoked'])
})

test('the plain image of an encrypted copy is asked for at the source, which knows no other', async () => {
  const from = `oci:${join(scratch('publisher'), 'layout')}`
  const to = `oci:${join(scratch('encrypted'), 'layout')}`
  const [source, target] = [open(from), open(to)]
  const plain = await putSmallImage(source, smallFiles)
  const made = await encryptedBase(target, await smallBase(target, await putSmallImage(target, smallFiles)), ports)
  await forgeChain(target, made, { issuer, at: start })
  await target.tag('prod', made.subject.digest)
  expect(made.plain).toBe(plain.digest)
  await say(`${to}:prod`, { status: 'active' })
  await say(`${from}@${plain.digest}`, revoked)
  const policy = await policyOf({ 'accept-unchecked-content': true })
  const gate = async () => (await verifyImage(`${to}:prod`, policy, { at: clock.now }, ports)).reasons
  expect(await gate()).toEqual([])
  const { statuses } = await carryStatuses({ from, to, policy }, ports)
  expect(statuses.map(({ outcome, statement }) => [outcome, statement.subject])).toEqual([['carried', plain.digest]])
  expect(await gate()).toEqual(['revoked'])
})

test.each(['missing', 'large'])(
  'a revocation that strangers wrap in manifests with a %s blob is carried',
  async (how) => {
    const { from, to, index, gate } = await place()
    const source = open(from)
    clock.now = new Date(start.getTime() + 60_000)
    await say(`${from}:app`, revoked, { only: true })
    const before = (await source.referrers(index)).map(({ digest }) => digest)
    for (const digest of before) {
      const { content } = await source.getManifest(digest)
      if (isIndex(content)) continue
      // Of many wrappers some come before the publisher's own, whatever the order of the store.
      for (let i = 0; i < 4; i++) {
        const bytes = Buffer.from(`${how} ${i}`)
        const put = await source.putBlob({ bytes: how === 'large' ? Buffer.alloc((1 << 20) + 1 + i) : bytes })
        const config: Descriptor = { mediaType: mediaTypes.config, digest: put.digest, size: put.size }
        await source.putManifest(manifestBytes({ ...content, config }), mediaTypes.manifest)
        if (how === 'missing') remove(from, put.digest)
      }
    }
    const { statuses, broken } = await carryStatuses({ from, to, policy: await policyOf() }, ports)
    expect(broken).toEqual([])
    expect(statuses.map(({ outcome }) => outcome)).toContain('carried')
    expect((await gate()).reasons).toContain('revoked')
    const there = await open(to).referrers(index)
    expect(there.every(({ digest }) => before.includes(digest))).toBe(true)
  },
)

test('an index that nobody can walk does not keep the revocation of another image', async () => {
  const { from, to, index, gate } = await place()
  const target = open(to)
  const { content } = await target.getManifest(index)
  if (!isIndex(content)) throw new Error('no index')
  const gone = manifestBytes({ ...content, manifests: [content.manifests[0]!] })
  const { digest, mediaType, size } = await target.putManifest(gone, mediaTypes.index)
  const outer = manifestBytes({ ...content, manifests: [{ digest, mediaType, size }] })
  await target.putManifest(outer, mediaTypes.index, { tag: 'a-first' })
  remove(to, digest)
  clock.now = new Date(start.getTime() + 60_000)
  await say(`${from}:app`, revoked)
  const { broken } = await carryStatuses({ from, to, policy: await policyOf() }, ports)
  expect(broken.map(({ manifest }) => manifest)).toEqual([sha256(outer)])
  expect((await gate()).reasons).toContain('revoked')
})

test('what a policy allows of one signer does not hide what another one says', async () => {
  const made = await make()
  const other = makeKey()
  const keys = [publisher, other].map(({ signer }) => signer.publicKeyPem)
  const by = { digest: { sha256: 'b'.repeat(64) } }
  await attachNotice('status', made.store, made.base.subject, status({ status: 'superseded', by }), publisher)
  await attachNotice(
    'status',
    made.store,
    made.base.subject,
    status({ status: 'end-of-life', date: daysBefore(now, 1) }),
    other,
  )
  const reasons = async (rules: object) => (await judge(made, { status: { keys, ...rules } })).reasons
  expect(await reasons({ superseded: 'allow' })).toEqual(['expired'])
  expect(await reasons({ superseded: 'allow', 'end-of-life': 'allow' })).toEqual([])
})

test('a verdict ends when a revocation that is announced begins', async () => {
  const made = await make()
  const from = daysBefore(now, -2)
  await attachNotice('status', made.store, made.base.subject, status({ ...revocation, from }), publisher)
  const verdict = await judge(made, { status: { keys: [publisher.signer.publicKeyPem] } })
  expect([verdict.reasons, verdict.until]).toEqual([[], from])
})
