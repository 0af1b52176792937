import type { JsonObject } from '../../src/base/json.ts'
import type { Digest } from '../../src/oci/types.ts'
import { initPolicy } from '../../src/verify/init/init.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { makeKey, type ChainKey } from '../../testkit/chain.ts'
import { admitted, makePublisher, publisherSigns, receiverPolicy, verification } from '../../testkit/foreign-image.ts'
import { checkOf, issuer, judge, make, now, ports, type Made } from '../../testkit/judged.ts'
import { attachNotice, daysBefore } from '../../testkit/status.ts'

// Several signers of one policy: a status shows that nothing is hidden of its own signer alone.

const [publisher, next, receiver] = [makeKey(), makeKey(), makeKey()]
const pem = ({ signer }: ChainKey): string => signer.publicKeyPem

async function say(
  { store, base }: Made,
  by: ChainKey,
  age: number,
  more: JsonObject = {},
  digest: Digest = base.subject.digest,
): Promise<void> {
  const predicate = { status: 'active', serial: 1, issued: daysBefore(now, age), ...more }
  await attachNotice('status', store, { ...base.subject, digest }, predicate, by)
}

const both = { keys: [pem(publisher), pem(receiver)], 'max-age': '7d' }

test('what the receiver renews does not stand for the publisher, whose revocation may be withheld', async () => {
  const made = await make()
  await say(made, receiver, 1)
  const silent = await judge(made, { status: both })
  expect(silent.reasons).toEqual(['missing-statement'])
  expect(checkOf(silent, 'status.fresh').why).toContain(`by key ${publisher.signer.hint}`)
  await say(made, publisher, 8)
  const old = await judge(made, { status: both })
  expect(old.reasons).toEqual(['expired'])
  expect(checkOf(old, 'status.fresh').why).toContain(`by key ${publisher.signer.hint} was issued`)
  await say(made, publisher, 3, { serial: 2 })
  const verdict = await judge(made, { status: both })
  expect(verdict.reasons).toEqual([])
  // The older of the two ends the verdict.
  expect(verdict.until).toBe(new Date(Date.parse(daysBefore(now, 3)) + 7 * 86_400_000).toISOString())
})

test('without max-age, `required` asks for a word of each signer', async () => {
  const made = await make()
  const { keys } = both
  await say(made, receiver, 400)
  expect((await judge(made, { status: { keys } })).reasons).toEqual([])
  expect((await judge(made, { status: { keys, required: true } })).reasons).toEqual(['missing-statement'])
  await say(made, publisher, 400)
  expect((await judge(made, { status: { keys, required: true } })).reasons).toEqual([])
})

test('a status of one signer that has expired is refused beside a good one of another', async () => {
  const made = await make()
  await say(made, receiver, 1)
  await say(made, publisher, 2, { expires: daysBefore(now, 1) })
  expect((await judge(made, { status: both })).reasons).toEqual(['expired'])
})

test('of the keys of one signer one is enough, and each of them revokes', async () => {
  const made = await make()
  const status = { ...both, keys: [[pem(publisher), pem(next)], pem(receiver)] }
  await say(made, receiver, 1)
  const silent = await judge(made, { status })
  expect(silent.reasons).toEqual(['missing-statement'])
  expect(checkOf(silent, 'status.fresh').why).toContain(
    `by key ${publisher.signer.hint} or key ${next.signer.hint} is attached`,
  )
  await say(made, publisher, 9)
  expect((await judge(made, { status })).reasons).toEqual(['expired'])
  await say(made, next, 1)
  expect((await judge(made, { status })).reasons).toEqual([])
  const revocation = { status: 'revoked', serial: 9, reason: 'the old key is not lost', from: daysBefore(now, 5) }
  await say(made, publisher, 5, revocation)
  expect((await judge(made, { status })).reasons).toEqual(['revoked'])
})

test('of an image that others built each signer speaks of one form, and each form has a status', async () => {
  const made = await make({
    encrypted: true,
    base: (base) => admitted(base, [verification(base.plain, receiverPolicy, true, [])]),
  })
  const { plain } = made.base
  const owner = makePublisher()
  await publisherSigns(made.store, plain, owner)
  const policy = (section: object = both): Record<string, unknown> => ({
    publisher: { 'release-keys': [owner.signer.publicKeyPem], 'verify-policies': [receiverPolicy] },
    'accept-not-rebuilt': true,
    'accept-unchecked-content': true,
    status: section,
  })
  await say(made, receiver, 1)
  await say(made, receiver, 1, {}, plain)
  // Both forms are fresh, by the receiver alone.
  expect((await judge(made, policy())).reasons).toEqual(['missing-statement'])
  await say(made, publisher, 8, {}, plain)
  expect((await judge(made, policy())).reasons).toEqual(['expired'])
  await say(made, publisher, 1, { serial: 2 }, plain)
  expect((await judge(made, policy())).reasons).toEqual([])
  // Whoever spoke of a form once has to be fresh on it.
  await say(made, publisher, 9)
  expect((await judge(made, policy())).reasons).toEqual(['expired'])
})

test('a first policy asks for a recent status only where each given key has one', async () => {
  const made = await make()
  await say(made, receiver, 1)
  const options = { publicKeys: [], jwks: issuer.jwks as never, statusKeys: both.keys }
  const { text, warnings } = await initPolicy(made.reference, options, ports)
  expect((await parsePolicy(text, '/policy.yml')).status?.maxAgeSeconds).toBeNull()
  expect(warnings).toContainEqual(expect.stringMatching(/^status: .*of each of these keys/))
})

test('a key of a group that cannot be used is named', async () => {
  const broken = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----'
  const document = { version: 1, 'accept-sample': true, status: { keys: [pem(publisher), [pem(next), broken]] } }
  await expect(
    parsePolicy(JSON.stringify({ ...document, 'accept-self-asserted-job': true }), '/policy.yml'),
  ).rejects.toMatchObject({ code: 'file-invalid', message: expect.stringMatching(/status\.keys\.1\.1/) as unknown })
})
