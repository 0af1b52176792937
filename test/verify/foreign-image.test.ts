import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../src/base/streams.ts'
import { eventDigest, type EventDraft, type JournalEvent } from '../../src/journal/event.ts'
import type { Digest } from '../../src/oci/types.ts'
import { originInWords } from '../../src/verify/origin.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { verdictLines } from '../../src/verify/verdict-lines.ts'
import type { Verdict } from '../../src/verify/types.ts'
import type { ChainBase, ChainKey } from '../../testkit/chain.ts'
import { forgeChain } from '../../testkit/chain.ts'
import { admitted, makePublisher, publisherSigns, receiverPolicy, verification } from '../../testkit/foreign-image.ts'
import { root } from '../../testkit/peers.ts'
import { checkOf, issuer, judge, make, now, type Made, type MakeOptions } from '../../testkit/judged.ts'

// Images that others built (TRUST §4): the publisher's signature covers the plain image, a job admitted, described and encrypted it.

const publisher = makePublisher()
const other = sha256('another image') as Digest

/** The receiver's gate: the publisher's key, and the policy by which the job had to verify the image. */
const gate = (
  changes: Record<string, unknown> = {},
  section: Record<string, unknown> = {},
): Record<string, unknown> => ({
  publisher: {
    'release-keys': [publisher.signer.publicKeyPem],
    'verify-policies': [receiverPolicy],
    ...section,
  },
  'accept-not-rebuilt': true,
  'accept-unchecked-content': true,
  ...changes,
})

const identities = { identities: [{ name: 'x', issuer: 'https://issuer.example', san: 'x' }] }

interface Chain extends MakeOptions {
  /** What the journal says before the description; by default that the image was verified. */
  before?: (base: ChainBase) => EventDraft[]
  /** Who signed the plain image; null for nobody. */
  by?: ChainKey | null
}

/** The chain of an admitted image, encrypted unless told otherwise. */
async function chain({ before, by = publisher, encrypted = true, ...options }: Chain = {}): Promise<Made> {
  const made = await make({ encrypted, ...options, base: (base) => admitted(base, before?.(base)) })
  if (by !== null) await publisherSigns(made.store, made.base.plain, by)
  return made
}

const refusal = (verdict: Verdict, check: string, reason: string): void => {
  expect(verdict.verified).toBe(false)
  expect(checkOf(verdict, check)).toMatchObject({ status: 'failed', reason })
  expect(verdict.reasons).toContain(reason)
}

describe.each([true, false])('an image that others built (encrypted: %s)', (encrypted) => {
  test('is admitted, and the verdict says who built and who admitted it', async () => {
    const made = await chain({ encrypted })
    const verdict = await judge(made, gate())
    expect(verdict.reasons).toEqual([])
    expect(verdict.image.plainDigest).toBe(made.base.plain)
    expect(verdict.origin).toEqual({
      plain: made.base.plain,
      builder: null,
      signers: `the release key ${publisher.signer.hint}`,
      admitted: { policy: receiverPolicy, builder: 'https://sealwright.dev/builder/v1/sample' },
    })
    // Nothing is said of the builder that only the admitting machine would prove.
    expect(verdict.builder.id).toBe('https://sealwright.dev/builder/v1/plain')
    expect(verdict.inputs).toContainEqual({ kind: 'admission-policy', digest: receiverPolicy })
    expect(verdict.inputs.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['admission-verdict', 'publisher-sign']),
    )
    const words = originInWords(verdict)
    expect(words?.built).toBe(`an unnamed builder, for the release key ${publisher.signer.hint}`)
    expect(words?.admitted).toContain(`under the policy ${receiverPolicy}`)
    expect(verdictLines(verdict)[0]).toMatch(/^built by .*; admitted by a job of /)
  })

  test('is refused by a policy without a publisher, whatever statements it asks for', async () => {
    const made = await chain({ encrypted })
    const changes = { publisher: undefined, statements: ['inventory'] }
    const verdict = await judge(made, gate(changes))
    refusal(verdict, 'admission.verified', 'foreign-image')
    expect(verdict.origin).toBeUndefined()
  })

  test('is refused where the publisher did not sign it', async () => {
    refusal(await judge(await chain({ encrypted, by: null }), gate()), 'admission.publisher', 'signature-invalid')
  })

  test('is refused where somebody else signed it', async () => {
    const made = await chain({ encrypted, by: makePublisher() })
    refusal(await judge(made, gate()), 'admission.publisher', 'signature-invalid')
  })

  test('is refused where the publisher signed another image only', async () => {
    const made = await chain({ encrypted, by: null })
    await publisherSigns(made.store, made.base.plain, publisher, { about: other })
    refusal(await judge(made, gate()), 'admission.publisher', 'subject-mismatch')
  })

  test('is refused once the window of the publisher’s key is over', async () => {
    const past = new Date(now.getTime() - 24 * 3600_000).toISOString()
    const key = { key: publisher.signer.publicKeyPem, 'not-after': past }
    refusal(
      await judge(await chain({ encrypted }), gate({}, { 'release-keys': [key] })),
      'admission.publisher',
      'expired',
    )
  })

  test('is refused where fewer of its parties signed than the policy asks for', async () => {
    const keys = [publisher, makePublisher()].map(({ signer }) => signer.publicKeyPem)
    const section = { 'release-keys': keys, threshold: 2 }
    refusal(await judge(await chain({ encrypted }), gate({}, section)), 'admission.publisher', 'signature-invalid')
  })
})

describe('the verification that admits it', () => {
  test.each<[string, (base: ChainBase) => EventDraft[], string]>([
    ['is missing', () => [], 'not-admitted'],
    ['is of another image', () => [verification(other)], 'not-admitted'],
    ['was refused', ({ plain }) => [verification(plain, receiverPolicy, false)], 'admission-refused'],
    [
      'passed once and was refused later',
      ({ plain }) => [verification(plain), verification(plain, receiverPolicy, false)],
      'admission-refused',
    ],
    ['is by a policy of the caller’s making', ({ plain }) => [verification(plain, other)], 'admission-policy'],
    ['is a caller’s word', ({ plain }) => [{ ...verification(plain), performer: 'caller' }], 'claimed-steps'],
    // It cannot have come before the encryption, and is not one of the plain image.
    ['is of the encrypted form', (base) => [verification(base.subject.digest)], 'not-admitted'],
  ])('%s: refused', async (_what, before, reason) => {
    refusal(await judge(await chain({ before }), gate()), 'admission.verified', reason)
  })

  test('of another job does not count: the journal of the job that encrypted it is read alone', async () => {
    const made = await chain({ before: () => [] })
    const drafts = [verification(made.base.plain)]
    await forgeChain(made.store, { ...made.base, drafts, payloads: [] }, { issuer, at: now })
    refusal(await judge(made, gate()), 'admission.verified', 'not-admitted')
  })

  test('counts among others', async () => {
    const before = ({ plain }: ChainBase): EventDraft[] => [verification(plain, other), verification(plain)]
    expect((await judge(await chain({ before }), gate())).reasons).toEqual([])
  })

  test('cannot come after the seal', async () => {
    let plain = other
    const before = (base: ChainBase): EventDraft[] => {
      plain = base.plain
      return []
    }
    const late = (events: JournalEvent[]): JournalEvent[] => {
      const last = events.at(-1)
      return last === undefined
        ? events
        : [...events, { v: 1, seq: events.length, prev: eventDigest(last), ...verification(plain) }]
    }
    const verdict = await judge(await chain({ before, journal: late }), gate())
    expect(checkOf(verdict, 'journal.chain').status).toBe('passed')
    refusal(verdict, 'admission.verified', 'not-admitted')
  })
})

describe('the encryption that ties it', () => {
  test('of another plain image than was verified and signed is refused', async () => {
    const events = (drafts: EventDraft[]): EventDraft[] =>
      drafts.map((draft) =>
        draft.kind === 'encrypt'
          ? {
              ...draft,
              inputs: draft.inputs.map((item) => (item.role === 'image' ? { ...item, digest: other } : item)),
            }
          : draft,
      )
    const verdict = await judge(await chain({ events }), gate())
    refusal(verdict, 'encryption.link', 'encryption-link')
    refusal(verdict, 'admission.verified', 'not-admitted')
  })

  test('by another job is refused', async () => {
    // One job verified and described it, and another one encrypted it: neither vouches for the whole way.
    const made = await chain({ kinds: (kind) => kind !== 'encryption' })
    const encryptions = made.base.payloads.filter(({ kind }) => kind === 'encryption')
    const drafts = made.base.drafts.filter(({ kind }) => kind === 'encrypt')
    await forgeChain(made.store, { ...made.base, drafts, payloads: encryptions }, { issuer, at: now })
    const verdict = await judge(made, gate())
    expect(verdict.verified).toBe(false)
    expect(verdict.reasons).toContain('missing-statement')
  })
})

describe('the publisher’s provenance', () => {
  const github = 'https://github.com/actions/runner/github-hosted'

  test('names the builder, and is among what the verdict rests on', async () => {
    const made = await chain({ by: null })
    await publisherSigns(made.store, made.base.plain, publisher, { builder: github })
    const verdict = await judge(made, gate({}, { builders: [github] }))
    expect(verdict.reasons).toEqual([])
    expect(verdict.builder.id).toBe(github)
    expect(verdict.origin?.builder).toBe(github)
    expect(verdict.inputs.map(({ kind }) => kind)).toContain('publisher-provenance')
  })
  test('of another builder is refused', async () => {
    const made = await chain({ by: null })
    await publisherSigns(made.store, made.base.plain, publisher, { builder: 'https://laptop.example' })
    refusal(await judge(made, gate({}, { builders: [github] })), 'admission.builder', 'builder-mismatch')
  })
  test('is required where builders are named', async () => {
    refusal(await judge(await chain(), gate({}, { builders: [github] })), 'admission.builder', 'missing-statement')
  })
  test('by a stranger names nobody', async () => {
    const made = await chain()
    await publisherSigns(made.store, made.base.plain, makePublisher(), { builder: github })
    refusal(await judge(made, gate({}, { builders: [github] })), 'admission.builder', 'missing-statement')
    expect((await judge(made, gate())).origin?.builder).toBeNull()
  })
  test('says of which commit the image is; without one that counts no commit is proven', async () => {
    const made = await chain()
    const expectCommit = 'c'.repeat(40)
    await publisherSigns(made.store, made.base.plain, makePublisher(), { builder: github })
    refusal(await judge(made, gate(), { expectCommit }), 'rollback.expected', 'rolled-back')
    await publisherSigns(made.store, made.base.plain, publisher, { builder: github })
    expect((await judge(made, gate(), { expectCommit })).reasons).toEqual([])
    const other = await judge(made, gate(), { expectCommit: 'd'.repeat(40) })
    refusal(other, 'rollback.expected', 'rolled-back')
    expect(checkOf(other, 'rollback.expected').why).toContain(`is of commit ${expectCommit}`)
  })
  test('brings its commit under the deny list', async () => {
    const made = await chain({ by: null })
    await publisherSigns(made.store, made.base.plain, publisher, { builder: github })
    refusal(await judge(made, gate({ deny: { commits: ['c'.repeat(40)] } })), 'deny.list', 'denied')
  })
})

test('the plain image is under the deny list', async () => {
  const made = await chain()
  refusal(await judge(made, gate({ deny: { images: [made.base.plain] } })), 'deny.list', 'denied')
})

test('a job that built the image itself does not pass for one that admitted it', async () => {
  const made = await make({ encrypted: true })
  const verdict = await judge(made, gate())
  refusal(verdict, 'admission.verified', 'not-admitted')
  refusal(verdict, 'admission.publisher', 'signature-invalid')
})

test.each(['provenance', 'rebuild'] as const)(
  'a %s by the admitting job is refused, whatever else is in order',
  async (kind) => {
    const made = await make({
      encrypted: true,
      base: (base) => ({
        ...admitted(base),
        payloads: base.payloads.filter((item) => item.kind === kind || admitted(base).payloads.includes(item)),
      }),
    })
    await publisherSigns(made.store, made.base.plain, publisher)
    refusal(await judge(made, gate()), 'journal.roles', 'foreign-image')
  },
)

test('a pinned key alone does not stand for the journal of an admitted image', async () => {
  const made = await chain({ evidence: false })
  await publisherSigns(made.store, made.base.subject.digest, publisher)
  const alone = { 'release-keys': [publisher.signer.publicKeyPem], 'accept-signature-only': true, statements: ['sign'] }
  refusal(await judge(made, gate(alone)), 'admission.verified', 'not-admitted')
})

test('the policies of docs/foreign-images.md can be read', async () => {
  const page = readFileSync(join(root, 'docs/foreign-images.md'), 'utf8')
  const texts = [...page.matchAll(/```yaml\n(version: 1\n[^]*?)```/g)].map(([, text]) => text ?? '')
  expect(texts).toHaveLength(2)
  const read = (): Promise<string> => Promise.resolve(publisher.signer.publicKeyPem)
  const policies = await Promise.all(texts.map((text) => parsePolicy(text, '/policies/policy.yml', read)))
  expect(policies.map(({ publisher: section }) => section === null)).toEqual([true, false])
})

test.each([
  ['statements of a builder', { statements: ['inventory', 'provenance'] }, 'statements.1'],
  ['a section build', { build: { prepare: 'npm ci' } }, 'build'],
  ['a section rebuilds', { rebuilds: { minimum: 1 } }, 'rebuilds'],
  ['no party', { publisher: { 'verify-policies': [receiverPolicy] } }, 'publisher.release-keys'],
  ['no policy of the receiver', { publisher: { 'release-keys': ['a.pub'] } }, 'publisher.verify-policies'],
  [
    'identities without a trusted root',
    { publisher: { ...identities, 'verify-policies': [receiverPolicy] } },
    'trusted-root',
  ],
] as const)('a policy with a publisher and %s is refused by name', async (_what, changes, where) => {
  const text = JSON.stringify({
    version: 1,
    technology: 'sample',
    'accept-self-asserted-job': true,
    ...gate(),
    ...changes,
  })
  await expect(parsePolicy(text, '/policy.yml', () => Promise.resolve(''))).rejects.toMatchObject({
    code: 'file-invalid',
    message: expect.stringContaining(where) as string,
  })
})
