import { createPublicKey } from 'node:crypto'
import type { JsonObject } from '../../src/base/json.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { envelopePayload, pae } from '../../src/sign/dsse.ts'
import { findStatements } from '../../src/sign/find.ts'
import { formatVkey, loadNoteSigner, type NoteSigner } from '../../src/sign/note-signer.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { makeKey } from '../../testkit/chain.ts'
import { checkOf, issuer, judge, make, now, ports, type Made } from '../../testkit/judged.ts'
import { ed25519Pem, noteSigner } from '../../testkit/log.ts'
import { jobKey, logAll, type LogOptions } from '../../testkit/logged-image.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { envelopeBody, hashedrekord2, rekorEntry, tileEntry, type EntryJson } from '../../testkit/sigstore/bundle.ts'
import { makeSigstore, spki, type TestLog } from '../../testkit/sigstore/instance.ts'
import { writePem } from '../../src/encoding/pem.ts'

const minute = 60_000
const after = (minutes: number): Date => new Date(now.getTime() + minutes * minute)
const times = (verdict: Verdict): unknown[] => [
  verdict.verified,
  ...['time.statement', 'time.seal'].map((id) => {
    const { status, reason } = checkOf(verdict, id)
    return reason === null ? status : `${status}: ${reason}`
  }),
]
const proven = [true, 'passed', 'passed']
const refusedAs = (reason: string): unknown[] => [false, `failed: ${reason}`, `failed: ${reason}`]
const release = makeKey()
const releasePolicy = (more: object): string =>
  JSON.stringify({
    version: 1,
    'release-keys': [release.signer.publicKeyPem],
    'accept-signature-only': true,
    'accept-not-rebuilt': true,
    statements: ['sign'],
    ...more,
  })
const released = (): Promise<Made> =>
  make({ signWith: () => release, evidence: false, kinds: (kind) => kind === 'sign' })
const judgeRelease = async ({ reference }: Made, more: object): Promise<unknown[]> => {
  const verdict = await verifyImage(
    reference,
    await parsePolicy(releasePolicy(more), '/policy.yml'),
    { at: now },
    ports,
  )
  return [verdict.verified, checkOf(verdict, 'time.release').status, ...verdict.reasons]
}

describe('witnesses whose cosignatures count as time', () => {
  let log: NoteSigner
  let one: NoteSigner
  let two: NoteSigner
  beforeAll(async () => {
    log = await noteSigner()
    one = await noteSigner('one.example', 'cosignature')
    two = await noteSigner('two.example', 'cosignature')
  })
  const policy = (time: object | null = { witnesses: [one.vkey] }): Record<string, unknown> => ({
    'accept-unproven-time': undefined,
    log: { key: log.vkey, witnesses: [one.vkey, two.vkey], quorum: 1 },
    time: time ?? undefined,
  })
  const logged = async (options: LogOptions): Promise<Made> => {
    const made = await make({ key: jobKey })
    await logAll(made, log, options)
    return made
  }

  test('prove when statements and seal were signed', async () => {
    const verdict = await judge(await logged({ witnesses: [one], at: after(2) }), policy())
    expect(times(verdict)).toEqual(proven)
    expect(checkOf(verdict, 'time.seal').why).toContain('by one.example of the log log.example.internal')
    expect(verdict.exceptions).not.toContain('accept-unproven-time')
    expect(verdict.inputs.filter(({ kind }) => kind === 'time-stamp').length).toBeGreaterThanOrEqual(4)
  })

  test('a checkpoint of the log alone is no time, and neither is a witness that the policy does not name for it', async () => {
    const bare = { ...policy(), log: { key: log.vkey }, 'accept-unwitnessed-log': true, time: undefined }
    const made = await logged({})
    expect(times(await judge(made, bare))).toEqual([false, 'failed: time-unproven', 'skipped'])
    expect(
      times(
        await judge(made, {
          ...bare,
          time: { authorities: undefined, logs: [{ name: 'l', key: release.signer.publicKeyPem }] },
        }),
      ),
    ).toEqual(refusedAs('time-unproven'))
    // Both watch the log, one states times.
    const watched = await logged({ witnesses: [two], at: after(2) })
    expect(times(await judge(watched, policy()))).toEqual(refusedAs('time-unproven'))
    expect(times(await judge(watched, policy(null)))).toEqual([false, 'failed: time-unproven', 'skipped'])
  })

  test('outside of the job’s window they refuse', async () => {
    expect(times(await judge(await logged({ witnesses: [one], at: after(-6) }), policy()))).toEqual(
      refusedAs('expired'),
    )
    expect(times(await judge(await logged({ witnesses: [one], at: after(6 * 60 + 1) }), policy()))).toEqual(
      refusedAs('expired'),
    )
  })

  test('the earliest copy counts: later cosignatures take nothing away', async () => {
    const made = await logged({ witnesses: [one], at: after(2) })
    await logAll(made, log, { witnesses: [one], at: after(9999) })
    expect(times(await judge(made, policy()))).toEqual(proven)
  })

  test('as many as the quorum must state it, and the last of them counts', async () => {
    const both = { witnesses: [one.vkey, two.vkey] }
    const alone = await logged({ witnesses: [one], at: after(2) })
    expect(times(await judge(alone, policy(both)))).toEqual(refusedAs('time-unproven'))
    expect(times(await judge(alone, policy({ ...both, 'witness-quorum': 1 })))).toEqual(proven)
    expect(times(await judge(await logged({ witnesses: [one, two], at: after(2) }), policy(both)))).toEqual(proven)
  })

  test('a cosignature under the entry of another signature or over another proof is no time', async () => {
    const graft = (entry: JsonObject): JsonObject => ({
      ...entry,
      inclusionProof: { ...(entry['inclusionProof'] as JsonObject), hashes: [Buffer.alloc(32).toString('base64')] },
    })
    const made = await logged({ witnesses: [one], at: after(2), changes: [graft] })
    expect(checkOf(await judge(made, policy()), 'time.statement').reason).toBe('time-unproven')
  })

  test('a witness with a key that the job had in hand is self-timed', async () => {
    const pem = ed25519Pem()
    const own = await loadNoteSigner('own.example', pem, null, 'cosignature')
    const { x = '' } = createPublicKey(pem).export({ format: 'jwk' })
    const made = await make({
      key: jobKey,
      events: (events) => events.map((event) => ({ ...event, result: { ...event.result, key: x } })),
    })
    await logAll(made, log, { witnesses: [own], at: after(2) })
    const changes = { ...policy({ witnesses: [own.vkey] }), log: { key: log.vkey, witnesses: [own.vkey] } }
    expect(times(await judge(made, changes))).toEqual(refusedAs('self-timed'))
  })

  test('prove when a release key signed', async () => {
    const made = await released()
    const pinned = policy()
    expect(await judgeRelease(made, pinned)).toEqual([false, 'failed', 'time-unproven', 'unlogged'])
    await logAll(made, log, { witnesses: [one], at: after(-5), key: release.signer.publicKeyPem })
    expect(await judgeRelease(made, pinned)).toEqual([true, 'passed'])
  })
})

describe('logs with a time of their own', () => {
  const { rekor, tiles } = makeSigstore()
  const other = makeSigstore('other.test').rekor
  const pemOf = ({ key }: TestLog): string => writePem('PUBLIC KEY', spki(key.publicKey))
  const policy = (of: TestLog = rekor, window: object = {}): Record<string, unknown> => ({
    'accept-unproven-time': undefined,
    time: { logs: [{ name: 'rekor.example', key: pemOf(of), ...window }] },
  })
  type MakeEntry = (body: object) => EntryJson

  /** Adds copies of all statements with an entry, as anybody can who may push. */
  async function enter(
    { store, base }: Made,
    pem: string,
    entryOf: MakeEntry,
    kind: 'dsse' | 'v2' = 'dsse',
  ): Promise<void> {
    const verifier = { publicKey: createPublicKey(pem).export({ format: 'der', type: 'spki' }) }
    for (const { envelope, predicateType, origin, signer } of await findStatements(store, base.subject)) {
      if (origin !== 'referrer' || signer?.kind !== 'key') continue
      const signature = Buffer.from(envelope.signatures[0]!.sig, 'base64')
      const payload = envelopePayload(envelope)
      const body =
        kind === 'dsse'
          ? envelopeBody('dsse', payload, { signature, verifier })
          : hashedrekord2({ bytes: pae(envelope.payloadType, payload), signature, verifier })
      const entry = entryOf(body) as unknown as JsonObject
      await attachBundle(store, base.subject, makeBundle(envelope, signer.hint, [], [entry]), predicateType)
    }
  }
  const entered = async (entryOf: MakeEntry, kind: 'dsse' | 'v2' = 'dsse'): Promise<Made> => {
    const made = await make({ key: jobKey })
    await enter(made, jobKey.signer.publicKeyPem, entryOf, kind)
    return made
  }

  test('prove when statements and seal were signed', async () => {
    const made = await entered((body) => rekorEntry(rekor, body, after(2)))
    const verdict = await judge(made, policy())
    expect(times(verdict)).toEqual(proven)
    expect(checkOf(verdict, 'time.seal').why).toContain('(±1 s, by rekor.example)')
  })

  test.each<[string, MakeEntry, string]>([
    ['of another log', (body) => rekorEntry(other, body, after(2)), 'time-unproven'],
    ['before the job', (body) => rekorEntry(rekor, body, after(-6)), 'expired'],
    ['after the job', (body) => rekorEntry(rekor, body, after(6 * 60 + 1)), 'expired'],
    [
      'whose time was changed after it was signed',
      (body) => ({
        ...rekorEntry(rekor, body, after(9999)),
        integratedTime: String(Math.floor(after(2).getTime() / 1000)),
      }),
      'time-unproven',
    ],
    [
      'without the promise that signs its time',
      (body) => {
        const { inclusionPromise: _, ...rest } = rekorEntry(rekor, body, after(2))
        return rest
      },
      'time-unproven',
    ],
    [
      'with the proof of another tree beside a good promise',
      (body) => {
        const entry = rekorEntry(rekor, body, after(2))
        return { ...entry, inclusionProof: { ...entry.inclusionProof, hashes: [] } }
      },
      'time-unproven',
    ],
    [
      'over something else',
      () =>
        rekorEntry(
          rekor,
          envelopeBody('dsse', Buffer.from('x'), {
            signature: Buffer.from('x'),
            verifier: { publicKey: spki(rekor.key.publicKey) },
          }),
          after(2),
        ),
      'time-unproven',
    ],
  ])('an entry %s is refused', async (_title, entryOf, reason) => {
    expect(times(await judge(await entered(entryOf), policy()))).toEqual(refusedAs(reason))
  })

  test.each<[string, MakeEntry]>([
    [
      'an index beyond exact numbers',
      (body) => ({ ...rekorEntry(rekor, body, after(2)), logIndex: '9007199254740993' }),
    ],
    [
      'a time beyond the calendar',
      (body) => ({ ...rekorEntry(rekor, body, after(2)), integratedTime: '9223372036854775807' }),
    ],
    ['no members', () => ({}) as EntryJson],
    ['the form of a text', () => 'entry' as unknown as EntryJson],
    ['the form of nothing', () => null as unknown as EntryJson],
    [
      'a promise of one byte',
      (body) => ({ ...rekorEntry(rekor, body, after(2)), inclusionPromise: { signedEntryTimestamp: 'AA==' } }),
    ],
  ])('an entry with %s states no time and stops nothing', async (_title, entryOf) => {
    const made = await entered(entryOf)
    expect(times(await judge(made, policy()))).toEqual(refusedAs('time-unproven'))
    await enter(made, jobKey.signer.publicKeyPem, (body) => rekorEntry(rekor, body, after(2)))
    expect(times(await judge(made, policy()))).toEqual(proven)
  })

  test('a log of tiles states no time, also where its key is pinned as if it did', async () => {
    const made = await entered((body) => tileEntry(tiles, body), 'v2')
    expect(times(await judge(made, policy(tiles)))).toEqual(refusedAs('time-unproven'))
    const claimed = await entered(
      (body) => ({ ...tileEntry(tiles, body), integratedTime: String(Math.floor(after(2).getTime() / 1000)) }),
      'v2',
    )
    expect(times(await judge(claimed, policy(tiles)))).toEqual(refusedAs('time-unproven'))
  })

  test('the window of its key counts', async () => {
    const made = await entered((body) => rekorEntry(rekor, body, after(2)))
    const until = (minutes: number): object => ({ 'not-after': after(minutes).toISOString() })
    expect(times(await judge(made, policy(rekor, until(3))))).toEqual(proven)
    expect(times(await judge(made, policy(rekor, until(1))))).toEqual(refusedAs('time-unproven'))
  })

  test('prove when a release key signed', async () => {
    const made = await released()
    const pinned = { time: policy()['time'] }
    expect(await judgeRelease(made, pinned)).toEqual([false, 'failed', 'time-unproven'])
    await enter(made, release.signer.publicKeyPem, (body) => rekorEntry(rekor, body, after(-5)))
    expect(await judgeRelease(made, pinned)).toEqual([true, 'passed'])
  })
})

test('a policy names sources of time that can be sources', async () => {
  const { base } = await make()
  const log = await noteSigner()
  const witness = (await noteSigner('w', 'cosignature')).vkey
  const stranger = (await noteSigner('s', 'cosignature')).vkey
  const pinned = { key: log.vkey, witnesses: [witness] }
  const load = (time: unknown, section: unknown) =>
    parsePolicy(policyText(base, issuer, { log: section, time }), '/policy.yml')
  expect((await load({ witnesses: [witness] }, pinned)).time.witnesses?.quorum).toBe(1)
  expect((await load({ logs: [{ name: 'l', key: release.signer.publicKeyPem }] }, pinned)).time.logs).toHaveLength(1)
  const own = formatVkey('w', Buffer.from(log.vkey.split('+').slice(2).join('+'), 'base64').subarray(1), 'cosignature')
  const bad: [unknown, unknown][] = [
    [{}, pinned],
    [{ witnesses: [] }, pinned],
    [{ witnesses: [stranger] }, pinned],
    [{ witnesses: [witness, witness] }, pinned],
    [{ witnesses: [witness], 'witness-quorum': 2 }, pinned],
    [{ 'witness-quorum': 1 }, pinned],
    [{ witnesses: [witness] }, undefined],
    [{ witnesses: [log.vkey] }, pinned],
    [{ witnesses: [own] }, { key: log.vkey, witnesses: [own] }],
    [{ logs: [{ name: 'l', key: 'no-file.pem' }] }, pinned],
    [{ logs: [{ name: 'l', key: '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n' }] }, pinned],
    [{ logs: [{ name: 'l', key: release.signer.publicKeyPem, url: 'x' }] }, pinned],
  ]
  for (const [time, section] of bad)
    await expect(load(time, section)).rejects.toMatchObject({
      code: expect.stringMatching(/^(file-invalid|file-missing|input-invalid)$/) as string,
    })
})
