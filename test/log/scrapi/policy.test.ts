import { generateKeyPairSync } from 'node:crypto'
import type { CborValue } from '../../../src/encoding/cbor/types.ts'
import { allowedBy } from '../../../src/log/serve/scrapi/allowed.ts'
import { loadRegistrationPolicy } from '../../../src/log/serve/scrapi/policy.ts'
import { issuerOf, readStatement, writeStatement } from '../../../src/log/scitt/statement.ts'
import { coseKeyThumbprint } from '../../../src/sign/cose/key.ts'
import { headers } from '../../../src/sign/cose/labels.ts'
import { coseSigner, writeSign1, type CoseSigner } from '../../../src/sign/cose/write.ts'
import { thumbprintOf } from '../../../src/sign/cose/x509.ts'
import { payloadType } from '../../../src/statement/types.ts'
import { der, sequence } from '../../../src/encoding/der-write.ts'
import { policyFile } from '../../../testkit/scitt/register.ts'
import { certified, keyUsage, type CertifiedSigner } from '../../sign/notation/fixtures.ts'

const at = new Date('2026-06-01T00:00:00Z')
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signer = coseSigner(pair.privateKey, pair.publicKey)
const pem = pair.publicKey.export({ format: 'pem', type: 'spki' }).toString()
const ckt = issuerOf(null, coseKeyThumbprint(pair.publicKey))

/** What a policy of some rules says of a statement: the rule, or the refusal. */
async function judge(rules: string, bytes: Uint8Array, files: Record<string, string> = {}): Promise<string> {
  const policy = await loadRegistrationPolicy(policyFile(`version: 1\nrules:${rules}`, { 'key.pub': pem, ...files }))
  try {
    return allowedBy(readStatement(bytes, 'it'), policy, at)
  } catch (error) {
    expect(error).toMatchObject({ code: 'denied' })
    return (error as Error).message
  }
}

interface Parts {
  issuer?: string
  subject?: CborValue
  contentType?: string
  payload?: string
  protected?: [CborValue, CborValue][]
  unprotected?: [CborValue, CborValue][]
  by?: CoseSigner
}

const crafted = ({ by = signer, ...parts }: Parts = {}): Promise<Buffer> =>
  writeSign1(
    {
      protected: new Map<CborValue, CborValue>([
        [headers.contentType, parts.contentType ?? 'text/plain'],
        [
          headers.cwtClaims,
          new Map<CborValue, CborValue>([
            [1, parts.issuer ?? ckt],
            ...(parts.subject === null ? [] : [[2, parts.subject ?? 'app'] as const]),
          ]),
        ],
        ...(parts.protected ?? []),
      ]),
      unprotected: new Map(parts.unprotected ?? []),
      payload: Buffer.from(parts.payload ?? 'content'),
    },
    by,
  )

const byKey = '\n  - { name: key, keys: [key.pub] }'

test('what no rule allows is refused', async () => {
  expect(await judge(' []', await crafted())).toBe('it is not allowed by any rule of the registration policy')
  expect(await judge(byKey, await crafted())).toBe('key')
  expect(await judge(byKey, await crafted({ subject: null }))).toBe('it names no subject')
})

test('a key signs under its own name, or under the one that the rule gives it', async () => {
  const foreign = await crafted({ issuer: 'https://other.example' })
  expect(await judge(byKey, foreign)).toMatch(/the issuer "https:\/\/other.example", which is not the name of its key/)
  const named = '\n  - { name: named, issuer: "https://other.example", keys: [key.pub] }'
  expect(await judge(named, foreign)).toBe('named')
  expect(await judge(named, await crafted())).toMatch(/expected "https:\/\/other.example"/)
  const other = generateKeyPairSync('ed25519')
  const forged = await crafted({ issuer: 'https://other.example', by: coseSigner(other.privateKey, other.publicKey) })
  expect(await judge(named, forged)).toMatch(/is not signed by a key of the rule/)
})

test.each<[string, string, Parts, string | RegExp]>([
  ['a subject of the pattern', 'subjects: ["ghcr.io/owner/*"]', { subject: 'ghcr.io/owner/app@sha256:aa' }, 'key'],
  ['another repository', 'subjects: ["ghcr.io/owner/*"]', { subject: 'ghcr.io/other/app' }, /which no pattern covers/],
  ['a deeper path', 'subjects: ["ghcr.io/owner/*"]', { subject: 'ghcr.io/owner/a/b' }, /which no pattern covers/],
  ['the content type', 'content-types: [text/plain]', {}, 'key'],
  ['another content type', 'content-types: [text/plain]', { contentType: 'text/html' }, /content type "text\/html"/],
  [
    'the predicate type',
    'predicate-types: ["https://p"]',
    { contentType: payloadType, payload: '{"predicateType":"https://p"}' },
    'key',
  ],
  [
    'another predicate type',
    'predicate-types: ["https://p"]',
    { contentType: payloadType, payload: '{"predicateType":"https://q"}' },
    /predicate type "https:\/\/q"/,
  ],
  [
    'two predicate types',
    'predicate-types: ["https://p"]',
    { contentType: payloadType, payload: '{"predicateType":"https://q","predicateType":"https://p"}' },
    /a member twice/,
  ],
  [
    'a predicate type for readers in Go',
    'predicate-types: ["https://p"]',
    { contentType: payloadType, payload: '{"predicateType":"https://p","PredicateType":"https://q"}' },
    /the member "PredicateType"/,
  ],
  ['no in-toto statement', 'predicate-types: ["https://p"]', {}, /does not contain an in-toto statement/],
])('a rule for subjects and types judges %s', async (_, line, parts, expected) => {
  const found = await judge(`\n  - name: key\n    keys: [key.pub]\n    ${line}`, await crafted(parts))
  if (typeof expected === 'string') expect(found).toBe(expected)
  else expect(found).toMatch(expected)
})

test('the predicate type of a digest is not known', async () => {
  const made = { subject: 'app', content: Buffer.from('{}'), contentType: payloadType, issuedAt: at, chain: null }
  const bytes = await writeStatement(made, signer)
  expect(await judge('\n  - { name: key, keys: [key.pub], predicate-types: ["https://p"] }', bytes)).toMatch(
    /does not contain an in-toto statement/,
  )
})

const signed = (by: CertifiedSigner): Promise<Buffer> =>
  writeStatement(
    { subject: 'app', content: Buffer.from('x'), contentType: 'text/plain', issuedAt: at, chain: by.chain },
    by.signer,
  )
const rootOf = (by: CertifiedSigner): Record<string, string> => ({
  'root.pem': by.chainPem.slice(by.chainPem.lastIndexOf('-----BEGIN')),
})
const san = (text: string) => ({ oid: '2.5.29.17', value: sequence(der(0x86, Buffer.from(text))) })
const workflow = 'https://github.com/o/r/.github/workflows/release.yml@refs/tags/v1'
const oidc = { oid: '1.3.6.1.4.1.57264.1.8', value: der(0x0c, Buffer.from('https://issuer.example')) }

test('a did:x509 pins an authority and needs no key', async () => {
  const by = certified()
  const bytes = await signed(by)
  const { issuer } = readStatement(bytes, 'it')
  const rule = (did: string): string => `\n  - { name: did, issuer: "${did}" }`
  expect(await judge(rule(issuer), bytes)).toBe('did')
  expect(await judge(rule(issuer), await signed(certified()))).toMatch(/has the issuer/)
  const wrong = issuer.replace('CN:Signer', 'CN:Other')
  const claimed = await crafted({ issuer: wrong, by: by.signer, protected: chainHeaders(by) })
  expect(await judge(rule(wrong), claimed)).toMatch(/another CN in its subject/)
})

test('a certificate counts by its authority, name and issuer of the identity', async () => {
  const by = certified('P-256', { extensions: [san(workflow), oidc] })
  const bytes = await signed(by)
  const rule = (more = ''): string => `\n  - { name: certificate, certificate: { roots: [root.pem]${more} } }`
  const files = rootOf(by)
  expect(await judge(rule(), bytes, files)).toBe('certificate')
  const pattern = workflow.replace('v1', 'v*')
  expect(await judge(rule(`, san: "${pattern}", oidc-issuer: "https://issuer.example"`), bytes, files)).toBe(
    'certificate',
  )
  expect(await judge(rule(`, san: "${workflow.replace('v1', 'v2')}"`), bytes, files)).toMatch(/for another name/)
  expect(await judge(rule(', oidc-issuer: "https://other.example"'), bytes, files)).toMatch(/of another issuer/)
  expect(await judge(rule(), bytes, rootOf(certified()))).toMatch(/certificates that do not count: the root/)
  expect(await judge(rule(), await crafted(), files)).toMatch(/no certificates in its protected header/)
})

const chainHeaders = (by: CertifiedSigner): [CborValue, CborValue][] => [
  [headers.x5chain, by.chain.map(({ bytes }) => bytes)],
  [headers.x5t, thumbprintOf(by.chain[0]?.bytes ?? Buffer.alloc(0))],
]

test('certificates that the log would not keep do not count', async () => {
  const by = certified()
  const { issuer } = readStatement(await signed(by), 'it')
  const [chain, thumbprint] = chainHeaders(by)
  if (chain === undefined || thumbprint === undefined) throw new Error('no headers')
  const rule = '\n  - { name: certificate, certificate: { roots: [root.pem] } }'
  const loose = { issuer, by: by.signer, protected: [thumbprint], unprotected: [chain] }
  expect(await judge(rule, await crafted(loose), rootOf(by))).toMatch(/no certificates in its protected header/)
  const kept = { issuer, by: by.signer, protected: [chain, thumbprint] }
  expect(await judge(rule, await crafted(kept), rootOf(by))).toBe('certificate')
  // A chain may leave its root out, as Fulcio's clients do.
  const short: [CborValue, CborValue] = [headers.x5chain, by.chain[0]?.bytes]
  expect(await judge(rule, await crafted({ ...kept, protected: [short] }), rootOf(by))).toBe('certificate')
  const other = { ...kept, issuer: 'https://other.example' }
  expect(await judge(rule, await crafted(other), rootOf(by))).toMatch(/is not the name of its certificate/)
})

test('an expired certificate, and one that may not sign, do not count', async () => {
  const rule = '\n  - { name: certificate, certificate: { roots: [root.pem] } }'
  const old = certified('P-256', { to: new Date('2025-01-01T00:00:00Z') })
  expect(await judge(rule, await signed(old), rootOf(old))).toMatch(/expired on 2025-01-01.*; judged at 2026-06/)
  const agreeing = certified('P-256', { usage: null, extensions: [keyUsage(true, 0x08)] })
  expect(await judge(rule, await signed(agreeing), rootOf(agreeing))).toMatch(/may not sign/)
})

test.each([
  ['an unknown member', 'version: 1\nrules: []\nwho: x\n', /who: there is no such member/],
  ['another version', 'version: 2\nrules: []\n', /version/],
  ['no rules at all', 'version: 1\n', /rules: is missing/],
  ['a rule for nobody', 'version: 1\nrules: [{ name: a }]\n', /say who may sign in one way/],
  [
    'a rule for keys and certificates',
    'version: 1\nrules: [{ name: a, keys: [x], certificate: { roots: [x] } }]\n',
    /say who may sign in one way/,
  ],
  ['a file that is not there', 'version: 1\nrules: [{ name: a, keys: [none.pub] }]\n', /none.pub cannot be read/],
  [
    'a root that is not a certificate',
    'version: 1\nrules: [{ name: a, certificate: { roots: [key.pub] } }]\n',
    /contain no certificate/,
  ],
])('a registration policy with %s is refused', async (_, text, message) => {
  const error = await loadRegistrationPolicy(policyFile(text, { 'key.pub': pem })).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: expect.stringMatching(/^file-(invalid|missing)$/) as string })
  expect((error as Error).message).toMatch(message)
})
