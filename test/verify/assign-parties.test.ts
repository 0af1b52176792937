import { assignParties, type CertificateFit } from '../../src/verify/assign-parties.ts'

const fit = (by: string, ids: string, lacks: CertificateFit['lacks'] = []): CertificateFit => ({
  by,
  key: `key of ${by}`,
  ids: ids.split(' '),
  lacks,
})
const parties = (...fits: CertificateFit[]): string[] =>
  [...assignParties(fits)].map(([id, { by }]) => `${id}:${by}`).toSorted()

test('each signature stands for one identity, so that as many as possible have signed', () => {
  expect(parties(fit('x', 'a b'))).toEqual(['a:x'])
  expect(parties(fit('x', 'a b'), fit('y', 'a'))).toEqual(['a:y', 'b:x'])
  expect(parties(fit('y', 'a'), fit('x', 'a b'))).toEqual(['a:y', 'b:x'])
  expect(parties(fit('x', 'a b'), fit('y', 'a b'), fit('z', 'a c'))).toHaveLength(3)
  expect(parties(fit('x', 'a'), fit('y', 'a'))).toHaveLength(1)
  expect(parties()).toEqual([])
})

test('whoever signs twice is one party, unless the policy tells the signatures apart', () => {
  expect(parties(fit('x', 'a b'), fit('x', 'a b'), fit('x', 'a b'))).toHaveLength(1)
  expect(parties(fit('x', 'a b'), fit('x', 'b'))).toHaveLength(1)
  expect(parties(fit('x', 'a b'), fit('x', 'b c'))).toHaveLength(1)
  expect(parties(fit('x', 'a b c'), fit('x', 'a'), fit('x', 'b'))).toHaveLength(2)
  // As of a reusable workflow that two repositories call.
  expect(parties(fit('x', 'a'), fit('x', 'b'))).toEqual(['a:x', 'b:x'])
  // One more signature never makes fewer parties.
  expect(parties(fit('x', 'a'), fit('x', 'b'), fit('x', 'a b'))).toHaveLength(2)
})

test('in the place of one of its signatures a signer may use another that overlaps with it', () => {
  expect(parties(fit('x', 'a b'), fit('x', 'b c'), fit('y', 'a'), fit('z', 'b'))).toEqual(['a:y', 'b:z', 'c:x'])
})

test('signatures that lack nothing are counted first, so that others take no place from them', () => {
  const lacks = ['accept-unlogged-signature'] as const
  const found = assignParties([fit('x', 'a', lacks), fit('y', 'a b'), fit('z', 'a')])
  expect([...found].filter(([, one]) => one.lacks.length === 0)).toHaveLength(2)
  // The same signer once with and once without an entry: the better one counts.
  expect(assignParties([fit('x', 'a', lacks), fit('x', 'a')]).get('a')?.lacks).toEqual([])
  // An unlogged signature does not hide behind the logged one of somebody else.
  const both = assignParties([fit('x', 'a b', lacks), fit('y', 'a b')])
  expect([...both.values()].map((one) => one.lacks.length).toSorted()).toEqual([0, 1])
})
