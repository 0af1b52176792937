import { join } from 'node:path'
import { sha256 } from '../../src/base/streams.ts'
import { copyImage } from '../../src/oci/copy.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest } from '../../src/oci/types.ts'
import type { EventDraft } from '../../src/journal/event.ts'
import type { ChainBase } from '../../testkit/chain.ts'
import { verifyEvent } from '../../src/verify/vsa/event.ts'
import { admitted, makePublisher, publisherSigns, receiverPolicy, verification } from '../../testkit/foreign-image.ts'
import { checkOf, judge, make, ports, type Made } from '../../testkit/judged.ts'
import { scratch } from '../../testkit/ports.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'

// A publisher that signs an index alone, as most pipelines do: its signature covers the manifests that the index lists, and no others.

const publisher = makePublisher()
const amd64 = { os: 'linux', architecture: 'amd64' }
const gate = {
  publisher: { 'release-keys': [publisher.signer.publicKeyPem], 'verify-policies': [receiverPolicy] },
  'accept-not-rebuilt': true,
}
const indexBytes = ({ digest, size }: Descriptor): Buffer =>
  manifestBytes({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [{ mediaType: mediaTypes.manifest, digest, size, platform: amd64 }],
  })

interface Options {
  /** The verification as the journal has it; by default of the index's one manifest by its platform. */
  event?: (plain: Digest, index: Digest) => EventDraft
  /** Whether the index lies where the gate looks. */
  stored?: boolean
  /** The index lists another manifest instead. */
  other?: boolean
}

const byPlatform = (plain: Digest, index: Digest): EventDraft =>
  verification(plain, receiverPolicy, true, [['index', index]])

async function chain({ event = byPlatform, stored = true, other = false }: Options = {}): Promise<Made> {
  const layout = openStore(parseReference(`oci:${join(scratch('index'), 'layout')}`, '/'), ports)
  const stranger = await putSmallImage(layout, { ...smallFiles, 'app/index.js': 'other' }, 'other')
  let bytes: Buffer = Buffer.alloc(0)
  const base = (one: ChainBase): ChainBase => {
    bytes = indexBytes(other ? stranger : one.subject)
    return admitted(one, [event(one.plain, sha256(bytes) as Digest)])
  }
  const made = await make({ base })
  await copyImage(layout, made.store, stranger.digest)
  if (stored) await made.store.putManifest(bytes, mediaTypes.index, { tag: 'index' })
  await publisherSigns(made.store, sha256(bytes) as Digest, publisher)
  return made
}

test.each<[string, Options]>([
  ['one manifest of it by its platform', {}],
  ['all of it', { event: (plain, index) => verification(index, receiverPolicy, true, [['child', plain]]) }],
])('its signature counts where the job verified %s', async (_what, options) => {
  const verdict = await judge(await chain(options), gate)
  expect(verdict.reasons).toEqual([])
  expect(verdict.origin?.signers).toContain('release key')
})

test.each<[string, Options]>([
  ['the index is not where the gate looks', { stored: false }],
  ['the job named no index', { event: (plain) => verification(plain) }],
])('it does not where %s', async (_what, options) => {
  const check = checkOf(await judge(await chain(options), gate), 'admission.publisher')
  expect(check).toMatchObject({ status: 'failed', reason: 'signature-invalid' })
  expect(check.why.includes('is not in this store: promote it there')).toBe(options.stored === false)
})

test('it does not where the index lists another manifest', async () => {
  const verdict = await judge(await chain({ other: true }), gate)
  expect(checkOf(verdict, 'admission.verified').status).toBe('passed')
  expect(checkOf(verdict, 'admission.publisher')).toMatchObject({ status: 'failed', reason: 'signature-invalid' })
})

test('the journal names the index that was named, and the manifests of an index that passed', async () => {
  const made = await make()
  const verdict = await judge(made)
  const { subject, plain } = made.base
  const named = { ...subject, digest: sha256('index') as Digest, mediaType: mediaTypes.index }
  const rolesOf = (...args: Parameters<typeof verifyEvent>): [string, string][] =>
    verifyEvent(...args).inputs.map(({ role, digest }) => [role, digest])
  const place = { store: made.store, subject }
  const both: [string, string][] = [
    ['image', plain],
    ['policy', verdict.policy.digest],
  ]
  expect(rolesOf(verdict, place, subject)).toEqual(both)
  expect(rolesOf(verdict, place, named)).toEqual([...both, ['index', named.digest]])
  const child = { digest: plain as Digest, platform: 'linux/amd64', verified: true, reasons: [], job: verdict.job }
  const whole = { ...verdict, image: { ...verdict.image, children: [child] } }
  expect(rolesOf(whole, place)).toEqual([...both, ['child', plain]])
  expect(rolesOf({ ...whole, verified: false }, place)).toEqual(both)
})

test('a refused index admits none of its manifests', async () => {
  const event = (plain: Digest, index: Digest): EventDraft =>
    verification(index, receiverPolicy, false, [['child', plain]])
  const check = checkOf(await judge(await chain({ event }), gate), 'admission.verified')
  expect(check).toMatchObject({ status: 'failed', reason: 'admission-refused' })
})
