import type { JsonObject } from '../../src/base/json.ts'
import { formatVkey, type NoteSigner } from '../../src/sign/note-signer.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { makeKey, type ForgeOptions } from '../../testkit/chain.ts'
import { checkOf, issuer, judge, make } from '../../testkit/judged.ts'
import { noteSigner } from '../../testkit/log.ts'
import { jobKey, logAll, type LogOptions } from '../../testkit/logged-image.ts'
import { policyText } from '../../testkit/policy-text.ts'

const unwitnessed = { 'accept-unwitnessed-log': true }
const found = (verdict: Verdict): unknown[] => [
  verdict.verified,
  ...['log.statements', 'log.witnesses'].map((id) => {
    const { status, reason } = checkOf(verdict, id)
    return status === 'failed' ? `${status}: ${reason}` : status
  }),
]

test('without a log in the policy, entries count for nothing', async () => {
  const made = await make({ key: jobKey })
  await logAll(made, await noteSigner())
  expect(found(await judge(made))).toEqual([true, 'skipped', 'skipped'])
})

test('a policy that pins a log admits an image whose signatures the log has', async () => {
  const made = await make({ key: jobKey })
  const key = await noteSigner()
  const policy = { log: { key: key.vkey }, ...unwitnessed }
  expect(found(await judge(made, policy))).toEqual([false, 'failed: unlogged', 'accepted'])
  await logAll(made, key)
  const verdict = await judge(made, policy)
  expect(found(verdict)).toEqual([true, 'passed', 'accepted'])
  expect(checkOf(verdict, 'log.witnesses').why).toContain('log operator trusted')
  expect(checkOf(verdict, 'log.statements').why).toMatch(
    /^log\.example\.internal has \d+ signature\(s\), entries \d+, \d+/,
  )
  expect(verdict.exceptions).toContain('accept-unwitnessed-log')
  // Without the line the operator is not trusted.
  expect(found(await judge(made, { log: { key: key.vkey } }))).toEqual([false, 'passed', 'failed: unwitnessed'])
})

test('witnesses of the policy must have cosigned, as many as its quorum', async () => {
  const made = await make({ key: jobKey })
  const key = await noteSigner()
  const [one, two, three] = await Promise.all(['one', 'two', 'three'].map((name) => noteSigner(name, 'cosignature')))
  if (one === undefined || two === undefined || three === undefined) throw new Error('no witness')
  await logAll(made, key, { witnesses: [one, two] })
  const log = (witnesses: NoteSigner[], quorum?: number): Record<string, unknown> => ({
    log: { key: key.vkey, witnesses: witnesses.map(({ vkey }) => vkey), ...(quorum === undefined ? {} : { quorum }) },
  })
  expect(found(await judge(made, log([one, two])))).toEqual([true, 'passed', 'passed'])
  expect(found(await judge(made, log([one, two, three], 2)))).toEqual([true, 'passed', 'passed'])
  expect(found(await judge(made, log([one, two, three])))).toEqual([false, 'failed: unwitnessed', 'passed'])
  expect(found(await judge(made, log([three])))).toEqual([false, 'failed: unwitnessed', 'passed'])
  // The same name with another key.
  const impostor = await noteSigner('one', 'cosignature')
  expect(found(await judge(made, log([impostor])))).toEqual([false, 'failed: unwitnessed', 'passed'])
})

test('every statement that counts must be in the log', async () => {
  const made = await make({ key: jobKey })
  const key = await noteSigner()
  await logAll(made, key, { without: [predicateTypes.provenance] })
  const verdict = await judge(made, { log: { key: key.vkey }, ...unwitnessed })
  expect(found(verdict)).toEqual([false, 'failed: unlogged', 'accepted'])
  expect(checkOf(verdict, 'log.statements').why).toContain('the provenance statement has no entry')
})

describe('the evidence', () => {
  const evidenceOf = async (options: LogOptions, forge: Partial<ForgeOptions> = {}): Promise<string[]> => {
    const made = await make({ key: jobKey, ...forge })
    const key = await noteSigner()
    await logAll(made, key, options)
    const { reasons, checks } = await judge(made, { log: { key: key.vkey }, ...unwitnessed })
    return [...reasons, checks.find(({ id }) => id === 'log.evidence')?.why ?? '']
  }

  test('is in the log by the statement that names it', async () => {
    const [why] = await evidenceOf({})
    expect(why).toMatch(/^log\.example\.internal has the evidence statement, entry \d+$/)
  })

  test('whose statement the log does not have is refused', async () => {
    const [reason, why] = await evidenceOf({ without: [predicateTypes.evidence] })
    expect([reason, why]).toEqual(['unlogged', 'the evidence statement has no entry of the log log.example.internal'])
  })

  test('whose entry is broken is refused for that', async () => {
    const [, reason, why] = await evidenceOf({
      changes: [(entry) => ({ ...entry, logIndex: '77' })],
      without: Object.values(predicateTypes).filter((type) => type !== predicateTypes.evidence),
    })
    expect(reason).toBe('log-invalid')
    expect(why).toMatch(/^the evidence statement: the log entry 77 has two indexes/)
  })

  test('that no statement of the job names is refused: no log could show it', async () => {
    const [reason, why] = await evidenceOf(
      { without: [predicateTypes.evidence] },
      { signWith: (kind) => (kind === 'evidence' ? makeKey() : null) },
    )
    expect([reason, why]).toEqual(['unlogged', 'no statement of the job names this evidence, so no log can show it'])
  })
})

const inheritedHash = `{"kind":"hashedrekord","apiVersion":"0.0.2","spec":{"hashedRekordV002":{
  "signature":{"content":"AAAA","verifier":{"publicKey":{"rawBytes":"AAAA"}}},"data":{"algorithm":"constructor","digest":"AAAA"}}}}`

test.each<[string, (entry: JsonObject) => JsonObject, string]>([
  [
    'another proof',
    (entry) => ({
      ...entry,
      inclusionProof: { ...(entry['inclusionProof'] as JsonObject), hashes: [Buffer.alloc(32).toString('base64')] },
    }),
    'log-invalid',
  ],
  ['another index', (entry) => ({ ...entry, logIndex: '9' }), 'log-invalid'],
  ['a time', (entry) => ({ ...entry, integratedTime: '1700000000' }), 'log-invalid'],
  [
    'another content',
    (entry) => ({ ...entry, canonicalizedBody: Buffer.from('{}').toString('base64') }),
    'format-invalid',
  ],
  [
    'a hash of a name that every object has',
    (entry) => ({ ...entry, canonicalizedBody: Buffer.from(inheritedHash).toString('base64') }),
    'format-invalid',
  ],
  [
    'a checkpoint that nobody signed',
    (entry) => {
      const proof = entry['inclusionProof'] as JsonObject
      const { envelope } = proof['checkpoint'] as { envelope: string }
      const [text = ''] = envelope.split('\n\n')
      const strange = `${text}\n\n— log.example.internal ${Buffer.alloc(68).toString('base64')}\n`
      return { ...entry, inclusionProof: { ...proof, checkpoint: { envelope: strange } } }
    },
    'signature-invalid',
  ],
])('an entry with %s is refused for its own reason', async (_, change, reason) => {
  const made = await make({ key: jobKey })
  const key = await noteSigner()
  await logAll(made, key, { changes: [change] })
  const policy = { log: { key: key.vkey }, ...unwitnessed }
  expect(found(await judge(made, policy))).toEqual([false, `failed: ${reason}`, 'accepted'])
  // A good copy beside it counts: strangers can add bad ones.
  await logAll(made, key)
  expect(found(await judge(made, policy))).toEqual([true, 'passed', 'accepted'])
})

test('no number of copies with bad entries takes the place of the good one', async () => {
  const made = await make({ key: jobKey })
  const key = await noteSigner()
  const bad = Array.from({ length: 20 }, (_, copy) => (entry: JsonObject) => ({
    ...entry,
    logIndex: String(100 + copy),
  }))
  await logAll(made, key, { changes: bad })
  const policy = { log: { key: key.vkey }, ...unwitnessed }
  expect(found(await judge(made, policy))).toEqual([false, 'failed: log-invalid', 'accepted'])
  await logAll(made, key)
  expect(found(await judge(made, policy))).toEqual([true, 'passed', 'accepted'])
})

test('entries of another log, also one of the same name, are none of this one', async () => {
  const made = await make({ key: jobKey })
  await logAll(made, await noteSigner())
  await logAll(made, await noteSigner('other.example'))
  const key = await noteSigner()
  const verdict = await judge(made, { log: { key: key.vkey }, ...unwitnessed })
  expect(found(verdict)).toEqual([false, 'failed: unlogged', 'accepted'])
})

test('a log in a policy is a verifier key, with witnesses of their own kind', async () => {
  const { base } = await make()
  const key = (await noteSigner()).vkey
  const witness = (await noteSigner('w', 'cosignature')).vkey
  const ownWitness = formatVkey(
    'w',
    Buffer.from(key.split('+').slice(2).join('+'), 'base64').subarray(1),
    'cosignature',
  )
  const load = (log: unknown) => parsePolicy(policyText(base, issuer, { log }), '/policy.yml')
  expect((await load({ key, witnesses: [witness] })).log?.quorum).toBe(1)
  const bad = [
    {},
    { key: 'key' },
    { key, quorum: 1 },
    { key, witnesses: [] },
    { key, witnesses: [key] },
    { key: witness },
    { key, witnesses: [witness], quorum: 2 },
    { key, witnesses: [witness, witness] },
    { key, witnesses: [ownWitness] },
    { key, url: 'x' },
  ]
  for (const log of bad)
    await expect(load(log)).rejects.toMatchObject({ code: expect.stringMatching(/^(file|input)-invalid$/) as string })
})
