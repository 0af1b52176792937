import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { promotionPredicate } from '../../src/statement/promotion.ts'
import { makeStatement, predicateTypeOf } from '../../src/statement/statement.ts'
import type { Digest } from '../../src/oci/types.ts'
import { makeKey, type ChainKey } from '../../testkit/chain.ts'
import { checkOf, judge, make, now, type Made } from '../../testkit/judged.ts'
import { looseStatement } from '../../testkit/loose-statement.ts'

const receiver = makeKey()
const stranger = makeKey()
const policyDigest: Digest = `sha256:${'5'.repeat(64)}`
const to = 'registry.example/prod/app'

let made: Made
beforeEach(async () => {
  made = await make()
})

interface Said {
  age?: number
  environment?: string
  by?: ChainKey
  digest?: Digest
  without?: string
}

/** Attaches a record; `age` in days. */
async function attach({
  age = 1,
  environment = 'production',
  by = receiver,
  digest,
  without,
}: Said = {}): Promise<void> {
  const { subject } = made.base
  const at = new Date(now.getTime() - age * 86_400_000)
  const predicate = promotionPredicate(
    {
      from: { name: 'registry.example/team/app', tag: '1.0' },
      to: { name: to, tag: '1.0' },
      environment,
      class: null,
      supersedes: [],
      copied: [],
      left: [],
    },
    {
      verified: true,
      image: subject,
      policy: { digest: policyDigest },
      builder: { id: 'https://sealwright.dev/builder/v1/sample' },
      keys: [],
      exceptions: [],
    },
    `sha256:${'8'.repeat(64)}`,
    at,
  )
  const about = { digest: digest ?? subject.digest }
  if (without !== undefined) delete predicate[without]
  const payload =
    without === undefined ? makeStatement('promotion', about, predicate) : looseStatement('promotion', about, predicate)
  const bundle = makeBundle(await signEnvelope(payload, by.signer), by.signer.hint)
  await attachBundle(made.store, subject, bundle, predicateTypeOf('promotion'))
}

const rule = { keys: [receiver.signer.publicKeyPem], environment: 'production', to, 'max-age': '30d' }

test('a fresh record of the named receiver for the environment is verified', async () => {
  await attach()
  const verdict = await judge(made, { promotions: [rule] })
  expect(verdict.reasons).toEqual([])
  expect(checkOf(verdict, 'promotion').why).toMatch(
    /^promoted to registry.example\/prod\/app on .* for environment production$/,
  )
})

test('a policy without the section asks for no record, and its verdict does not change with one', async () => {
  const before = await judge(made)
  await attach({ by: stranger })
  expect(await judge(made)).toEqual(before)
})

test.each<[string, string, Said | null, RegExp]>([
  ['missing', 'missing-statement', null, /no promotion record/],
  ['of a stranger', 'claim-signer', { by: stranger }, /none of the keys/],
  [
    'for another environment',
    'missing-statement',
    { environment: 'staging' },
    /none is for environment production and to/,
  ],
  ['too old', 'expired', { age: 31 }, /older than the 2592000 s/],
  ['dated in the future', 'expired', { age: -1 }, /future/],
  ['about another image', 'missing-statement', { digest: `sha256:${'b'.repeat(64)}` }, /no promotion record/],
  ['without its time', 'format-invalid', { without: 'promotedOn' }, /promotedOn/],
])('a record that is %s is refused as %s', async (_name, reason, said, why) => {
  if (said !== null) await attach(said)
  const verdict = await judge(made, { promotions: [rule] })
  expect(verdict.reasons).toEqual([reason])
  expect(checkOf(verdict, 'promotion').why).toMatch(why)
})

test('a later record for another environment takes nothing back', async () => {
  await attach({ age: 3 })
  await attach({ age: 1, environment: 'staging' })
  expect((await judge(made, { promotions: [rule] })).reasons).toEqual([])
})

test('the policy of the receiver counts where the policy names some', async () => {
  await attach()
  expect((await judge(made, { promotions: [{ ...rule, policies: [policyDigest] }] })).reasons).toEqual([])
  const other = [`sha256:${'6'.repeat(64)}`]
  expect((await judge(made, { promotions: [{ ...rule, policies: other }] })).reasons).toEqual(['policy-invalid'])
})

test('a record is no signature of a release key', async () => {
  await attach()
  const policy = { 'release-keys': rule.keys }
  const { verified } = await judge(made, policy)
  expect(verified).toBe(false)
})
