import type { JsonObject } from '../../src/base/json.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { at as member, changed, forgeChain, makeIssuer, type ChainBase } from '../../testkit/chain.ts'
import { testPorts } from '../../testkit/ports.ts'
import { preparedImages } from '../../testkit/prepared-image.ts'
import { smallClaims } from '../../testkit/small-image.ts'

/** What anybody who may push to the registry can write: it is refused, and never ends the gate. */
const issuer = makeIssuer()
const prepared = preparedImages('hostile')
const now = new Date()

test('a binding whose key is a point beside the curve is no evidence, and its statements are nobody’s', async () => {
  const { reference, store, base } = await prepared()
  const open = (binding: Parameters<NonNullable<Parameters<typeof forgeChain>[2]['open']>>[0]) => ({
    ...binding,
    key: { ...binding.key, x: 'A'.repeat(43), y: 'A'.repeat(43) },
  })
  await forgeChain(store, base, { issuer, at: now, open })
  const policy = await parsePolicy(
    policyText({ claims: smallClaims } as unknown as ChainBase, issuer, {}),
    '/policy.yml',
  )
  const verdict = await verifyImage(reference, policy, { at: now }, testPorts())
  expect(verdict.verified).toBe(false)
  expect(verdict.reasons).toEqual(['missing-statement'])
  expect(verdict.notes.join()).toContain('cannot be read as evidence')
})

/** Text of such an object is asked for by `String` and template literals in vain: both throw. */
const textless = { toString: 1, valueOf: 1 }

test.each<[string, string, (predicate: JsonObject) => void]>([
  ['a builder id', 'provenance', (predicate) => void (member(predicate, 'runDetails', 'builder')['id'] = textless)],
  [
    'a byproduct',
    'provenance',
    (predicate) => void (member(predicate, 'runDetails')['byproducts'] = [{ digest: { sha256: textless } }]),
  ],
  ['an inventory’s configuration', 'inventory', (predicate) => void (predicate['config'] = textless)],
  [
    'the digest of an inventory’s document',
    'inventory',
    (predicate) => void (predicate['document'] = { digest: '../../manifests/x', size: 1 }),
  ],
  ['a number of rebuilds', 'rebuild', (predicate) => void (predicate['rebuilds'] = { count: textless, matched: 1 })],
])('%s that is no text is refused, in a statement of whoever pushed it', async (_what, kind, change) => {
  const { reference, store, base } = await prepared()
  const payload = (of: string, bytes: Buffer) => (of === kind ? changed(bytes, change) : bytes)
  await forgeChain(store, base, { issuer, at: now, payload })
  const policy = await parsePolicy(
    policyText({ claims: smallClaims } as unknown as ChainBase, issuer, {}),
    '/policy.yml',
  )
  const verdict = await verifyImage(reference, policy, { at: now }, testPorts())
  expect(verdict.verified).toBe(false)
})

test('a statement of very many brackets is refused, and does not end the gate', async () => {
  const { reference, store, base } = await prepared()
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
  const payload = (of: string, bytes: Buffer) =>
    of === 'spdx' ? Buffer.from(bytes.toString('utf8').replace('"predicate":{', `"predicate":{"a":${deep},`)) : bytes
  await forgeChain(store, base, { issuer, at: now, payload })
  const policy = await parsePolicy(
    policyText({ claims: smallClaims } as unknown as ChainBase, issuer, {}),
    '/policy.yml',
  )
  const verdict = await verifyImage(reference, policy, { at: now }, testPorts())
  expect(verdict.verified).toBe(false)
  expect(verdict.checks.find(({ id }) => id === 'subject.readable')?.why).toContain('256 levels')
})
