import { sha256 } from '../../src/base/streams.ts'
import { roles } from '../../src/journal/event.ts'
import type { Descriptor, Digest } from '../../src/oci/types.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { makeKey } from '../../testkit/chain.ts'
import { admitted, makePublisher, publisherSigns, receiverPolicy, verification } from '../../testkit/foreign-image.ts'
import { checkOf, judge, make, now, type Made } from '../../testkit/judged.ts'
import { attachNotice, daysBefore } from '../../testkit/status.ts'

// What is known later of an image that others built: its publisher speaks of the plain image, and the gate judges the encrypted one.

const [publisher, status] = [makePublisher(), makeKey()]
const index = sha256('the index of the publisher') as Digest
const keys = [status.signer.publicKeyPem]

const gate = (more: Record<string, unknown> = {}, section: Record<string, unknown> = {}): Record<string, unknown> => ({
  publisher: { 'release-keys': [publisher.signer.publicKeyPem], 'verify-policies': [receiverPolicy], ...section },
  'accept-not-rebuilt': true,
  'accept-unchecked-content': true,
  ...more,
})

async function chain(): Promise<Made> {
  const byIndex = [[roles.index, index]] as const satisfies [string, Digest][]
  const made = await make({
    encrypted: true,
    base: (base) => admitted(base, [verification(base.plain, receiverPolicy, true, [...byIndex])]),
  })
  await publisherSigns(made.store, made.base.plain, publisher)
  return made
}

const says = (made: Made, digest: Digest, word: 'active' | 'revoked', age = 1, by = status): Promise<Descriptor> =>
  attachNotice(
    'status',
    made.store,
    { ...made.base.subject, digest },
    {
      status: word,
      serial: word === 'active' ? 1 : 2,
      issued: daysBefore(now, age),
      ...(word === 'active' ? {} : { reason: 'the build was compromised', from: daysBefore(now, age) }),
    },
    by,
  )

function refusal(verdict: Verdict, check: string, reason: string, subject?: Digest): void {
  expect(verdict.reasons).toEqual([reason])
  expect(checkOf(verdict, check)).toMatchObject({ status: 'failed', reason })
  if (subject !== undefined) expect(checkOf(verdict, check).why).toContain(subject)
}

test('a publisher who revokes the plain image after it was admitted has the encrypted one refused', async () => {
  const made = await chain()
  const { plain } = made.base
  expect((await judge(made, gate({ status: { keys } }))).reasons).toEqual([])
  await says(made, plain, 'active', 2)
  expect((await judge(made, gate({ status: { keys } }))).reasons).toEqual([])
  await says(made, plain, 'revoked')
  refusal(await judge(made, gate({ status: { keys } })), 'status.revocation', 'revoked', plain)
})

test('who revokes the index by which the job reached the image revokes the image', async () => {
  const made = await chain()
  await says(made, index, 'revoked')
  refusal(await judge(made, gate({ status: { keys } })), 'status.revocation', 'revoked', index)
})

test('a revocation by a stranger decides nothing', async () => {
  const made = await chain()
  await says(made, made.base.plain, 'revoked', 1, makeKey())
  expect((await judge(made, gate({ status: { keys } }))).reasons).toEqual([])
})

test('a status is required of both forms, unless the policy asks for the plain one alone', async () => {
  const made = await chain()
  const { plain, subject } = made.base
  const rules = { keys, 'max-age': '7d' }
  const optional = { ...rules, encrypted: 'optional' }
  for (const status of [rules, optional])
    expect((await judge(made, gate({ status }))).reasons).toEqual(['missing-statement'])
  await says(made, plain, 'active')
  refusal(await judge(made, gate({ status: rules })), 'status.fresh', 'missing-statement', subject.digest)
  const verdict = await judge(made, gate({ status: optional }))
  expect(verdict.reasons).toEqual([])
  expect(verdict.until).toBe(new Date(Date.parse(daysBefore(now, 1)) + 7 * 86_400_000).toISOString())
  // What is said of the encrypted form counts all the same.
  await says(made, subject.digest, 'revoked')
  refusal(await judge(made, gate({ status: optional })), 'status.revocation', 'revoked', subject.digest)
})

test('an old status of the plain image is refused, also where the encrypted one has a fresh one', async () => {
  const made = await chain()
  await says(made, made.base.subject.digest, 'active')
  await says(made, made.base.plain, 'active', 8)
  for (const encrypted of [undefined, 'optional']) {
    const rules = { keys, 'max-age': '7d', ...(encrypted === undefined ? {} : { encrypted }) }
    refusal(await judge(made, gate({ status: rules })), 'status.fresh', 'expired', made.base.plain)
  }
})

test('the optional status of an image that the job built itself is required', async () => {
  const made = await make({ encrypted: true })
  await says(made, made.base.plain, 'active')
  const verdict = await judge(made, {
    'accept-unchecked-content': true,
    status: { keys, required: true, encrypted: 'optional' },
  })
  refusal(verdict, 'status.fresh', 'missing-statement', made.base.subject.digest)
})

describe('the deny list', () => {
  test('names the index of the publisher', async () => {
    refusal(await judge(await chain(), gate({ deny: { images: [index] } })), 'deny.list', 'denied', index)
  })

  test('names a plain layer', async () => {
    const made = await chain()
    const { content } = await made.store.getManifest(made.base.plain)
    const layer = 'layers' in content ? content.layers[0]?.digest : undefined
    refusal(await judge(made, gate({ deny: { images: [layer] } })), 'deny.list', 'denied', layer)
  })

  test('names a key of the publisher, of whom another one does not stand in', async () => {
    const made = await chain()
    const second = makePublisher()
    const deny = { keys: [publisher.signer.hint] }
    const both = [publisher, second].map(({ signer }) => signer.publicKeyPem)
    refusal(await judge(made, gate({ deny }, { 'release-keys': both })), 'deny.list', 'denied')
    await publisherSigns(made.store, made.base.plain, second)
    expect((await judge(made, gate({ deny }, { 'release-keys': both }))).reasons).toEqual([])
    refusal(await judge(made, gate({ deny }, { 'release-keys': both, threshold: 2 })), 'deny.list', 'denied')
  })
})

test('the digest of the publisher may be expected, and the commit of the job is not that of the image', async () => {
  const made = await chain()
  const { plain, claims } = made.base
  expect((await judge(made, gate(), { expectDigest: plain })).reasons).toEqual([])
  refusal(await judge(made, gate(), { expectDigest: index }), 'rollback.expected', 'rolled-back')
  const commit = String(claims['sha'])
  refusal(await judge(made, gate(), { expectCommit: commit }), 'rollback.expected', 'rolled-back')
})
