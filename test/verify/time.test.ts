import { createPrivateKey, createPublicKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { door } from '../../src/actions/verify-deploy/main.ts'
import { openState } from '../../src/agent/state.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { findStatements } from '../../src/sign/find.ts'
import { loadPublicKey } from '../../src/sign/public-key.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { makeKey, type ForgeOptions } from '../../testkit/chain.ts'
import { checkOf, issuer, judge, make, now, ports, type Made } from '../../testkit/judged.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { scratch } from '../../testkit/ports.ts'
import { makeAuthority, type TestAuthority } from '../../testkit/timestamp/authority.ts'
import { makeResponse, makeToken, testPolicy, type StampOptions } from '../../testkit/timestamp/token.ts'

const authority = makeAuthority()
const other = makeAuthority({ name: 'Other TSA' })
const minute = 60_000
const after = (minutes: number): Date => new Date(now.getTime() + minutes * minute)

/** The policy's way to say who may stamp, with the line that accepts unproven time left out. */
const strict = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  'accept-unproven-time': undefined,
  time: { authorities: [{ name: 'test TSA', chain: authority.pem, ...more }] },
})

function stamped(by: TestAuthority, at: Date, options: StampOptions = {}): Pick<ForgeOptions, 'stamps'> {
  return { stamps: (_kind, signature) => [makeResponse(makeToken(by, signature, { at, ...options }))] }
}

const times = (verdict: Verdict): unknown[] => [
  verdict.verified,
  ...['time.statement', 'time.seal'].map((id) => {
    const { status, reason } = checkOf(verdict, id)
    return reason === null ? status : `${status}: ${reason}`
  }),
]
const proven = [true, 'passed', 'passed']
const refusedAs = (reason: string): unknown[] => [false, `failed: ${reason}`, `failed: ${reason}`]

/** Adds copies of all statements of an image with stamps of their own, as anybody can who may push. */
async function restamp({ store, base }: Made, stamp: (signature: Buffer) => Buffer): Promise<void> {
  for (const { envelope, predicateType, origin, signer } of await findStatements(store, base.subject)) {
    if (origin !== 'referrer' || signer?.kind !== 'key') continue
    const signature = Buffer.from(envelope.signatures[0]!.sig, 'base64')
    await attachBundle(store, base.subject, makeBundle(envelope, signer.hint, [stamp(signature)]), predicateType)
  }
}

describe('with a pinned time stamp authority', () => {
  test('an image whose statements and seal are stamped in the job’s window is verified without any line', async () => {
    const verdict = await judge(await make(stamped(authority, after(2))), strict())
    expect(times(verdict)).toEqual(proven)
    expect(verdict.exceptions).not.toContain('accept-unproven-time')
    expect(checkOf(verdict, 'time.statement').why).toMatch(
      /statement\(s\) were signed from .*Z \(±0 s, by test TSA\) to /,
    )
    expect(checkOf(verdict, 'time.seal').why).toContain(after(2).toISOString())
    expect(verdict.inputs.filter(({ kind }) => kind === 'time-stamp').length).toBeGreaterThanOrEqual(4)
  })

  test('years later it still is, when the policy takes old evidence', async () => {
    const made = await make(stamped(authority, after(2)))
    const later = new Date(now.getTime() + 3 * 365 * 24 * 60 * minute)
    const verdict = await judge(made, { ...strict(), 'max-age': '2000d' }, { at: later })
    expect(times(verdict)).toEqual(proven)
    expect(verdict.verified).toBe(true)
  })

  test.each<[string, Pick<ForgeOptions, 'stamps'>, string]>([
    ['no stamp', {}, 'time-unproven'],
    ['a stamp by another authority', stamped(other, after(2)), 'time-unproven'],
    ['a stamp over other bytes', stamped(authority, after(2), { digest: Buffer.alloc(32) }), 'time-unproven'],
    ['a stamp after the job', stamped(authority, after(6 * 60 + 1)), 'expired'],
    ['a stamp before the job', stamped(authority, after(-6)), 'expired'],
    ['junk', { stamps: () => [Buffer.from('junk')] }, 'time-unproven'],
  ])('%s is refused for its own reason', async (_title, options, reason) => {
    expect(times(await judge(await make(options), strict()))).toEqual(refusedAs(reason))
  })

  test('a stamp counts only if its accuracy leaves no doubt', async () => {
    const accuracy = Buffer.from('020178', 'hex')
    const made = await make(stamped(authority, after(6 * 60 - 1), { accuracy }))
    expect(times(await judge(made, strict()))).toEqual(refusedAs('expired'))
    expect(times(await judge(made, { ...strict(), 'max-job': '362m' }))).toEqual([true, 'passed', 'passed'])
  })

  test('each statement needs its own stamp, and so does the seal', async () => {
    const only = (kinds: readonly string[]): Pick<ForgeOptions, 'stamps'> => ({
      stamps: (kind, signature) =>
        kinds.includes(kind) ? [makeResponse(makeToken(authority, signature, { at: after(1) }))] : [],
    })
    expect(times(await judge(await make(only(['evidence'])), strict()))).toEqual([
      false,
      'failed: time-unproven',
      'passed',
    ])
    const all = ['sign', 'provenance', 'inventory', 'spdx', 'cyclonedx', 'rebuild']
    expect(times(await judge(await make(only(all)), strict()))).toEqual([false, 'passed', 'failed: time-unproven'])
    const most = all.filter((kind) => kind !== 'provenance')
    const verdict = await judge(await make(only([...most, 'evidence'])), strict())
    expect(checkOf(verdict, 'time.statement').why).toContain('the provenance statement has no time stamp')
  })

  test('a stamp by the key of the job, or by one that its journal names, is self-timed', async () => {
    const key = makeKey()
    const own = makeAuthority({ key: { privateKey: key.key, publicKey: createPublicKey(key.key) } })
    const policy = { ...strict(), time: { authorities: [{ name: 'own', chain: own.pem }] } }
    const made = await make({ ...stamped(own, after(2)), key })
    expect(times(await judge(made, policy))).toEqual(refusedAs('self-timed'))
    // The same with the line that accepts a missing proof: this is a wrong one.
    expect(times(await judge(made, { ...policy, 'accept-unproven-time': true }))).toEqual(refusedAs('self-timed'))

    const hex = createPublicKey(createPrivateKey(authority.key.privateKey.export({ type: 'pkcs8', format: 'pem' })))
    const { x = '' } = hex.export({ format: 'jwk' })
    const named = await make({
      ...stamped(authority, after(2)),
      events: (events) => events.map((event) => ({ ...event, result: { ...event.result, key: x } })),
    })
    expect(checkOf(await judge(named, strict()), 'time.seal').reason).toBe('self-timed')
  })

  test('window and policies of the authority count', async () => {
    const made = await make(stamped(authority, after(2)))
    expect(times(await judge(made, strict({ policies: [testPolicy] })))).toEqual(proven)
    expect(times(await judge(made, strict({ policies: ['1.2.3'] })))).toEqual(refusedAs('time-unproven'))
    expect(times(await judge(made, strict({ 'not-before': after(-60).toISOString() })))).toEqual(proven)
    expect(times(await judge(made, strict({ 'not-after': after(1).toISOString() })))).toEqual(
      refusedAs('time-unproven'),
    )
  })
})

describe('stamps that strangers add', () => {
  test('by their own authority are noted, and neither help nor hurt', async () => {
    const bare = await make()
    await restamp(bare, (signature) => makeResponse(makeToken(other, signature, { at: after(2) })))
    expect(times(await judge(bare, strict()))).toEqual(refusedAs('time-unproven'))
    const good = await make(stamped(authority, after(2)))
    await restamp(good, (signature) => makeResponse(makeToken(other, signature, { at: after(-9999) })))
    const verdict = await judge(good, strict())
    expect(times(verdict)).toEqual(proven)
    expect(verdict.notes).toContainEqual(expect.stringContaining('has a time stamp that no pinned authority made'))
  })

  test('by the pinned authority, later, take nothing from the first one', async () => {
    const made = await make(stamped(authority, after(2)))
    await restamp(made, (signature) => makeResponse(makeToken(authority, signature, { at: after(9999) })))
    expect(times(await judge(made, strict()))).toEqual(proven)
  })

  test('by the pinned authority, later, do not refuse what the policy accepts without a stamp', async () => {
    const made = await make()
    await restamp(made, (signature) => makeResponse(makeToken(authority, signature, { at: after(9999) })))
    const verdict = await judge(made, { ...strict(), 'accept-unproven-time': true })
    expect(times(verdict)).toEqual([true, 'accepted: expired', 'accepted: expired'])
  })
})

describe('the time that pinned windows are compared with', () => {
  const window = (from: number, to: number): Record<string, unknown> => {
    const job = JSON.parse(policyText(base, issuer)) as { job: Record<string, unknown> }
    return { job: { ...job.job, 'not-before': after(from).toISOString(), 'not-after': after(to).toISOString() } }
  }
  let base: Made['base']

  test('is the stamp of the seal where there is one, else what the evidence says', async () => {
    const made = await make(stamped(authority, after(60)))
    ;({ base } = made)
    expect(checkOf(await judge(made, { ...strict(), ...window(30, 90) }), 'job.claims').status).toBe('passed')
    expect(checkOf(await judge(made, { ...strict(), ...window(-30, 30) }), 'job.claims').status).toBe('failed')
    const unproven = window(-30, 30)
    expect(checkOf(await judge(made, unproven), 'job.claims').status).toBe('passed')
  })

  test('is not moved by a stamp outside of the job’s window', async () => {
    const made = await make(stamped(authority, after(9999)))
    ;({ base } = made)
    const accepts = { ...strict(), 'accept-unproven-time': true }
    expect(checkOf(await judge(made, { ...accepts, ...window(-30, 30) }), 'job.claims').status).toBe('passed')
    expect(checkOf(await judge(made, { ...accepts, ...window(9990, 99_999) }), 'job.claims').status).toBe('failed')
  })
})

describe('the policy’s section time', () => {
  const text = (time: unknown): string =>
    JSON.stringify({ version: 1, 'release-keys': ['k.pem'], 'accept-signature-only': true, time })
  const folder = scratch('time-policy')
  writeFileSync(join(folder, 'tsa.pem'), authority.pem)
  writeFileSync(
    join(folder, 'k.pem'),
    loadPublicKey(createPublicKey(makeKey().key).export({ type: 'spki', format: 'pem' }).toString()).pem,
  )
  const parsed = (time: unknown): ReturnType<typeof parsePolicy> => parsePolicy(text(time), join(folder, 'policy.yml'))

  test('reads a chain from text or from a file beside it; the digest covers its content', async () => {
    const inline = await parsed({ authorities: [{ name: 'a', chain: authority.pem }] })
    const named = await parsed({ authorities: [{ name: 'a', chain: 'tsa.pem' }] })
    expect(named.time.authorities).toEqual(inline.time.authorities)
    expect(named.digest).toBe(inline.digest)
    expect(inline.time.authorities[0]?.chain).toHaveLength(2)
  })

  test.each<[string, unknown, string]>([
    ['without authorities', { authorities: [] }, 'time.authorities'],
    ['with an unknown member', { authorities: [{ name: 'a', chain: 'tsa.pem', url: 'x' }] }, 'url'],
    ['with a key for a chain', { authorities: [{ name: 'a', chain: 'k.pem' }] }, '1 to 5 PEM certificates'],
    ['with a chain that is not there', { authorities: [{ name: 'a', chain: 'none.pem' }] }, 'cannot be read'],
    [
      'with a policy that is no OID',
      { authorities: [{ name: 'a', chain: 'tsa.pem', policies: ['x'] }] },
      'write an OID',
    ],
    [
      'with a time that is none',
      { authorities: [{ name: 'a', chain: 'tsa.pem', 'not-after': 'soon' }] },
      'write a time',
    ],
  ])('%s is refused', async (_title, time, why) => {
    await expect(parsed(time)).rejects.toThrow(why)
  })
})

test('an audit without an agent judges at the time that it is given', async () => {
  const made = await make(stamped(authority, after(2)))
  const folder = scratch('audit')
  const policy = join(folder, 'policy.yml')
  writeFileSync(policy, policyText(made.base, issuer, { ...strict(), 'max-age': '1h' }))
  const audit = async (at: string): Promise<string> => {
    const given: Record<string, string> = { image: made.reference, policy, at }
    const defaults = { launch: 'none', enforce: 'true', signer: 'none' }
    const inputs = rawInputs({ given: (name) => given[name], defaults, ports, confine: null, label: (name) => name })
    const { outputs } = await door.run(inputs, { ports, state: openState(join(folder, 'state'), ports) })
    return `${outputs['verified']} ${outputs['reasons']}`
  }
  expect(await audit(after(59).toISOString())).toBe('true ')
  expect(await audit(after(61).toISOString())).toBe('false expired')
  await expect(audit('tomorrow')).rejects.toMatchObject({ code: 'input-invalid' })
})

describe('a release key whose window is over', () => {
  const release = makeKey()
  const day = 24 * 60
  /** The key was retired yesterday. */
  const pinned = (time: unknown): string =>
    JSON.stringify({
      version: 1,
      'release-keys': [{ key: release.signer.publicKeyPem, 'not-after': after(-day).toISOString() }],
      'accept-signature-only': true,
      'accept-not-rebuilt': true,
      statements: ['sign'],
      ...(time === null ? {} : { time: { authorities: [{ name: 'test TSA', chain: time }] } }),
    })
  const verified = async ({ reference }: Made, time: string | null): Promise<boolean> =>
    (await verifyImage(reference, await parsePolicy(pinned(time), '/policy.yml'), { at: now }, ports)).verified
  const signed = (minutes: number | null): Promise<Made> =>
    make({
      signWith: () => release,
      evidence: false,
      kinds: (kind) => kind === 'sign',
      ...(minutes === null ? {} : stamped(authority, after(minutes))),
    })

  test('still counts for what it had signed before, by a stamp of a pinned authority', async () => {
    expect(await verified(await signed(-2 * day), authority.pem)).toBe(true)
  })

  test.each<[string, number | null, string | null]>([
    ['without a stamp', null, authority.pem],
    ['with a stamp of afterwards', -10, authority.pem],
    ['with a stamp by another authority', -2 * day, other.pem],
    ['with a stamp, where the policy pins no authority', -2 * day, null],
  ])('does not count %s', async (_title, minutes, time) => {
    expect(await verified(await signed(minutes), time)).toBe(false)
  })

  test.each([null, authority.pem])('is named as the reason, and not the image (authority: %#)', async (time) => {
    const { reference } = await signed(null)
    const verdict = await verifyImage(reference, await parsePolicy(pinned(time), '/policy.yml'), { at: now }, ports)
    const why = verdict.checks.find(({ reason }) => reason === 'expired')?.why ?? ''
    expect(why).toContain(`every release key of the policy is outside of its window at ${now.toISOString()}`)
    expect(why).toContain(`${release.signer.hint} (to ${after(-day).toISOString()})`)
    expect(verdict.reasons).not.toContain('missing-evidence')
  })

  test('is named beside one that did not sign', async () => {
    const { reference } = await signed(null)
    const policy = JSON.parse(pinned(null)) as { 'release-keys': unknown[] }
    policy['release-keys'].push(makeKey().signer.publicKeyPem)
    const text = JSON.stringify(policy)
    const verdict = await verifyImage(reference, await parsePolicy(text, '/policy.yml'), { at: now }, ports)
    expect(verdict.reasons).not.toContain('expired')
    const why = verdict.checks.map((check) => check.why).join('\n')
    expect(why).toContain(`outside of their window at ${now.toISOString()}: ${release.signer.hint}`)
  })
})

describe('where a pinned key alone counts', () => {
  const release = makeKey()
  const judged = async (stamps: Pick<ForgeOptions, 'stamps'>, more: object = {}): Promise<Verdict> => {
    const { reference } = await make({
      signWith: () => release,
      evidence: false,
      kinds: (kind) => kind === 'sign',
      ...stamps,
    })
    const policy = {
      version: 1,
      'release-keys': [release.signer.publicKeyPem],
      'accept-signature-only': true,
      'accept-not-rebuilt': true,
      statements: ['sign'],
      time: { authorities: [{ name: 'test TSA', chain: authority.pem }] },
      ...more,
    }
    return verifyImage(reference, await parsePolicy(JSON.stringify(policy), '/policy.yml'), { at: now }, ports)
  }

  test('its statements need a stamp by a pinned authority, too', async () => {
    const good = await judged(stamped(authority, after(-5)))
    expect([good.verified, checkOf(good, 'time.release').status]).toEqual([true, 'passed'])
    expect(good.inputs.some(({ kind }) => kind === 'time-stamp')).toBe(true)
  })

  test.each<[string, Pick<ForgeOptions, 'stamps'>]>([
    ['no stamp', {}],
    ['a stamp by another authority', stamped(other, after(-5))],
  ])('%s is time-unproven, unless the policy accepts it by name', async (_title, stamps) => {
    expect((await judged(stamps)).reasons).toEqual(['time-unproven'])
    const accepted = await judged(stamps, { 'accept-unproven-time': true })
    expect([accepted.verified, accepted.exceptions.includes('accept-unproven-time')]).toEqual([true, true])
  })
})
