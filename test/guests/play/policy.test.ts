import { imagePolicy } from '../../../src/kbs/image-policy.ts'
import { parseGuestPolicy, policyFaults, requirementsFor, tagScopes } from '../../../src/guests/play/policy.ts'

const digest = `sha256:${'a'.repeat(64)}` as const
const reject = { type: 'reject' }
const signed = (more: object = {}): object => ({
  type: 'sigstoreSigned',
  keyPath: 'kbs:///a/b/c',
  signedIdentity: { type: 'matchRepository' },
  ...more,
})
const read = (docker: Record<string, unknown[]>, fallback: unknown[] = [reject]) =>
  parseGuestPolicy(Buffer.from(JSON.stringify({ default: fallback, transports: { docker } })), 'policy.json')

test.each([
  ['host.example:5000/a/b', ['host.example:5000/a/b', 'host.example:5000/a'], 'host.example:5000/a/b'],
  [
    'host.example:5000/a/b',
    [`host.example:5000/a/b@${digest}`, 'host.example:5000/a/b'],
    `host.example:5000/a/b@${digest}`,
  ],
  ['host.example:5000/a/b', ['host.example:5000/a', '*.example'], 'host.example:5000/a'],
  ['host.example:5000/a/b', ['host.example:5000', ''], 'host.example:5000'],
  ['host.example:5000/a/b', ['*.example', ''], '*.example'],
  ['a.b.example/c', ['*.b.example', '*.example'], '*.b.example'],
  ['host.example:5000/a/b', [''], 'all of docker'],
  // None of these is a scope of the image: no other repository, no host without its port, no wildcard for the host itself.
  ['host.example:5000/a/b', ['host.example:5000/a/bc', 'host.example', '*.host.example', 'constructor'], 'the default'],
])('%s with rules for %j: %s', (name, scopes, expected) => {
  const policy = read(Object.fromEntries(scopes.map((scope) => [scope, [signed()]])))
  expect(requirementsFor(policy, name, digest).scope).toBe(expected)
})

test('the policy that a plan makes has no fault', () => {
  const made = imagePolicy({ images: [{ image: 'r.example/a', key: 'kbs:///a/b/c' }] })
  expect(policyFaults(parseGuestPolicy(made, 'made'))).toEqual([])
})

test.each<[string, unknown[], string]>([
  ['no requirement', [], 'has no requirement'],
  ['anything', [{ type: 'insecureAcceptAnything' }], 'takes any image'],
  ['no key', [{ type: 'sigstoreSigned' }], 'names no key'],
  ['two keys', [signed({ keyData: 'x' })], 'guests refuse all'],
  ['no identity', [signed({ signedIdentity: undefined })], 'a signature for another repository counts'],
  ['an identity with a tag', [signed({ signedIdentity: { type: 'matchExact' } })], 'guests refuse all'],
  [
    'a remapped identity',
    [signed({ signedIdentity: { type: 'remapIdentity', prefix: 'a', signedPrefix: 'b' } })],
    'guests refuse all',
  ],
])('%s is a fault', (_, list, words) => {
  expect(policyFaults(read({ 'r.example/a': list })).join()).toContain(words)
  expect(policyFaults(read({}, list)).join()).toContain('default: ')
})

test('a rule for a tag is said, since a guest takes it for pods that name the image by this tag', () => {
  const free = [{ type: 'insecureAcceptAnything' }]
  const policy = read({ 'h.example:5000/a': [signed()], 'h.example:5000/a:v1': free })
  expect(tagScopes(policy, 'h.example:5000/a')).toEqual(['h.example:5000/a:v1'])
  expect(tagScopes(policy, 'h.example:5000/b')).toEqual([])
  expect(policyFaults(policy, true)).toEqual([expect.stringContaining('["h.example:5000/a:v1"]: holds only for pods')])
})

test('a policy with a member twice is refused: readers take different ones', () => {
  const text = '{"default": [{"type": "reject"}], "default": [{"type": "insecureAcceptAnything"}], "transports": {}}'
  expect(() => parseGuestPolicy(Buffer.from(text), 'policy.json')).toThrow('has the member "default" twice')
})

test('a transport that guests never use is said', () => {
  const policy = parseGuestPolicy(Buffer.from(JSON.stringify({ default: [reject], transports: { oci: {} } })), 'p')
  expect(policyFaults(policy)).toEqual([expect.stringContaining('transports.oci')])
})

test.each<[string, string]>([
  ['not JSON', '{'],
  ['no default', '{"transports": {}}'],
  ['no transports', '{"default": []}'],
  ['another requirement', JSON.stringify({ default: [{ type: 'signedByFulcio' }], transports: {} })],
  ['a requirement without type', JSON.stringify({ default: [{}], transports: {} })],
  ['another identity', JSON.stringify({ default: [signed({ signedIdentity: { type: 'matchAll' } })], transports: {} })],
  [
    'an identity without its name',
    JSON.stringify({ default: [signed({ signedIdentity: { type: 'exactRepository' } })], transports: {} }),
  ],
])('%s: guests cannot read it', (_, text) => {
  expect(() => parseGuestPolicy(Buffer.from(text), 'policy.json')).toThrow(
    expect.objectContaining({ code: 'format-invalid' }),
  )
})

test('members that guests do not know are skipped, as they do', () => {
  expect(
    requirementsFor(read({ 'r.example/a': [signed({ rekorPublicKeyPath: 'x' })] }), 'r.example/a', digest).requirements,
  ).toHaveLength(1)
})
