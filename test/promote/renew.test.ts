import { findStatements } from '../../src/sign/find.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { attachNotice } from '../../testkit/status.ts'
import { scratch } from '../../testkit/ports.ts'
import { byKey, open, place, receiver, type More, type Place } from './support.ts'

/** A copy whose equal record is of an age in days. */
async function aged(days: number): Promise<{ made: Place; to: string }> {
  const made = await place()
  const [first, to] = [`oci:${scratch('same')}`, `oci:${scratch('same')}`]
  await made.run(first, { signing: byKey(), environment: 'production' })
  const { descriptor } = await open(first).getManifest(made.digest)
  const [record] = await findStatements(open(first), descriptor, { predicateTypes: [predicateTypes.promotion] })
  await made.run(to)
  const promotedOn = `${new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 19)}Z`
  const predicate = { ...record!.statement.predicate, promotedOn, to: { name: open(to).identity, tag: 'latest' } }
  await attachNotice('promotion', open(to), descriptor, predicate, receiver)
  return { made, to }
}

const rule = { keys: [receiver.signer.publicKeyPem], environment: 'production', 'max-age': '30d' }

test.each<[string, number, More, 'added' | 'present']>([
  ['older than half of what to-policy allows', 16, {}, 'added'],
  ['younger', 14, {}, 'present'],
  ['older than the input says', 3, { renewAfter: 2 * 86_400 }, 'added'],
  ['younger than the input says, which wins', 16, { renewAfter: 20 * 86_400 }, 'present'],
])('an equal record that is %s', async (_name, days, more, state) => {
  const { made, to } = await aged(days)
  const toPolicy = await made.policyWith({ promotions: [rule, { ...rule, 'max-age': '60d' }] })
  const done = await made.run(to, { signing: byKey(), environment: 'production', toPolicy, ...more })
  expect([done.record?.state, done.tagged]).toEqual([state, true])
})

test('without a max-age for this environment nothing is renewed', async () => {
  const { made, to } = await aged(300)
  const other = await made.policyWith({ promotions: [{ ...rule, 'max-age': undefined }] })
  const done = await made.run(to, { signing: byKey(), environment: 'production', toPolicy: other })
  expect(done.record?.state).toBe('present')
})

test('a renewed record is what an expired one lacks', async () => {
  const { made, to } = await aged(31)
  const toPolicy = await made.policyWith({ promotions: [rule] })
  const kept = await made.run(to, { signing: byKey(), environment: 'production', toPolicy, renewAfter: 90 * 86_400 })
  expect(kept.admitted?.reasons).toEqual(['expired'])
  const done = await made.run(to, { signing: byKey(), environment: 'production', toPolicy })
  expect(done.admitted?.verified).toBe(true)
})
