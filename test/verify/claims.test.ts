import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { readReport } from '../../src/statement/claims/read.ts'
import { claimTypes } from '../../src/statement/claims/types.ts'
import { makeStatement, predicateTypeOf } from '../../src/statement/statement.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { makeKey, type ChainKey } from '../../testkit/chain.ts'
import { checkOf, judge, make, now, type Made } from '../../testkit/judged.ts'
import { makeAuthority } from '../../testkit/timestamp/authority.ts'
import { makeResponse, makeToken } from '../../testkit/timestamp/token.ts'
import { bytesOf, grype, openvex } from '../statement/claims/reports.ts'
import { looseStatement } from '../../testkit/loose-statement.ts'

const scanner = makeKey()
const authority = makeAuthority()
const stranger = makeKey()
const days = (count: number): string => new Date(now.getTime() - count * 86_400_000).toISOString()

let made: Made
beforeEach(async () => {
  made = await make()
})

async function attach(
  report: object | Buffer,
  key: ChainKey = scanner,
  subject = made.base.subject,
  stampedAt: readonly Date[] = [],
): Promise<void> {
  const claim = readReport(Buffer.isBuffer(report) ? report : bytesOf(report), 'report')
  const payload = makeStatement(claim.kind, { digest: subject.digest }, claim.predicate)
  const envelope = await signEnvelope(payload, key.signer)
  const signature = Buffer.from(envelope.signatures[0]!.sig, 'base64')
  const stamps = stampedAt.map((at) => makeResponse(makeToken(authority, signature, { at })))
  const bundle = makeBundle(envelope, key.signer.hint, stamps)
  await attachBundle(made.store, made.base.subject, bundle, predicateTypeOf(claim.kind))
}

const keys = [scanner.signer.publicKeyPem]
const scan = (severities: string[], age = 1): object => grype(made.base.subject.digest, severities, days(age))
const scanRule = { kind: 'vulns', keys, 'max-age': '7d', 'max-severity': 'medium' }
const junit = (inner: string): Buffer => Buffer.from(`<testsuite><testcase name="a">${inner}</testcase></testsuite>`)

test('a fresh scan by the named key within the limit is verified', async () => {
  await attach(scan(['Medium', 'Low']))
  const verdict = await judge(made, { claims: [scanRule] })
  expect(verdict.reasons).toEqual([])
  expect(checkOf(verdict, 'claims.vulns').why).toBe('the scan has 2 findings, none worse than medium')
})

test('a policy without the section asks for nothing', async () => {
  await attach(scan(['Critical']))
  expect((await judge(made)).verified).toBe(true)
})

test.each<[string, string, () => Promise<unknown>, RegExp]>([
  ['missing', 'missing-statement', () => Promise.resolve(), /no vulns claim/],
  ['signed by another key', 'claim-signer', () => attach(scan(['Low']), stranger), /none of the keys/],
  ['stale', 'expired', () => attach(scan(['Low'], 8)), /older than the 604800 s/],
  ['dated in the future', 'expired', () => attach(scan(['Low'], -1)), /future/],
  [
    'above the limit',
    'severity-exceeded',
    () => attach(scan(['Low', 'High'])),
    /1 of 2 findings exceed medium: CVE-2026-0001 \(high in pkg:deb/,
  ],
  ['not rated', 'severity-exceeded', () => attach(scanWithoutRating()), /not rated/],
  [
    'about another image',
    'missing-statement',
    () => attach(scan([]), scanner, { ...made.base.subject, digest: `sha256:${'b'.repeat(64)}` }),
    /no vulns claim/,
  ],
])('a scan that is %s is refused as %s', async (_name, reason, prepare, why) => {
  await prepare()
  const verdict = await judge(made, { claims: [scanRule] })
  expect(verdict.reasons).toEqual([reason])
  expect(checkOf(verdict, 'claims.vulns').why).toMatch(why)
})

function scanWithoutRating(): object {
  const report = scan(['x']) as { matches: { vulnerability: Record<string, unknown> }[] }
  for (const { vulnerability } of report.matches) {
    delete vulnerability['severity']
    delete vulnerability['cvss']
  }
  return report
}

test('the newest scan decides: an older and kinder one cannot stand in for it', async () => {
  await attach(scan(['Low'], 3))
  await attach(scan(['Critical'], 1))
  expect((await judge(made, { claims: [scanRule] })).reasons).toEqual(['severity-exceeded'])
})

describe('the age of a claim whose signature is stamped', () => {
  const at = (age: number): Date => new Date(days(age))
  const time = { authorities: [{ name: 'test TSA', chain: authority.pem }] }
  const judged = async (
    report: object,
    stamped: readonly number[],
    pinned: object | null = time,
  ): Promise<string[]> => {
    await attach(report, scanner, undefined, stamped.map(at))
    const { reasons } = await judge(made, { claims: [scanRule], time: pinned ?? undefined })
    return reasons
  }

  test('is judged by the stamp where the claim dates itself later', async () => {
    expect(await judged(scan(['Low'], 1), [8])).toEqual(['expired'])
  })

  test('is judged by its own word where the stamp is later: an old claim can be stamped today', async () => {
    expect(await judged(scan(['Low'], 8), [0])).toEqual(['expired'])
  })

  test('takes the earliest stamp', async () => {
    expect(await judged(scan(['Low'], 1), [0, 8])).toEqual(['expired'])
  })

  test('is in order where both are fresh', async () => {
    expect(await judged(scan(['Low'], 2), [1])).toEqual([])
  })

  test('is judged by its own word where the policy pins no authority, and a strange stamp moves nothing', async () => {
    expect(await judged(scan(['Low'], 1), [8], null)).toEqual([])
    const other = { authorities: [{ name: 'other', chain: makeAuthority({ name: 'Other TSA' }).pem }] }
    made = await make()
    expect(await judged(scan(['Low'], 1), [8], other)).toEqual([])
  })

  test('the same holds for VEX documents', async () => {
    const rules = [scanRule, { kind: 'openvex', keys, 'max-age': '7d' }]
    await attach(scan(['High']))
    const vex = openvex(made.base.subject.digest, [{ id: 'CVE-2026-0000', status: 'not_affected' }], days(1))
    await attach(vex, scanner, undefined, [at(8)])
    expect((await judge(made, { claims: rules, time })).reasons).toEqual(['expired', 'severity-exceeded'])
    expect((await judge(made, { claims: rules })).reasons).toEqual([])
  })
})

test('another scanner than the required one is refused', async () => {
  await attach(scan([]))
  const verdict = await judge(made, { claims: [{ ...scanRule, scanner: 'pkg:github/aquasecurity/trivy' }] })
  expect(verdict.reasons).toEqual(['claim-signer'])
})

test('a predicate that is malformed is refused, never empty', async () => {
  const payload = looseStatement('vulns', { digest: made.base.subject.digest }, { scanner: { uri: 'x', result: {} } })
  const bundle = makeBundle(await signEnvelope(payload, scanner.signer), scanner.signer.hint)
  await attachBundle(made.store, made.base.subject, bundle, claimTypes.vulns)
  expect((await judge(made, { claims: [scanRule] })).reasons).toEqual(['format-invalid'])
})

describe('a VEX document', () => {
  const rules = [scanRule, { kind: 'openvex', keys, 'max-age': '30d' }]
  const vex = (status: string, part?: string, age = 2): object =>
    openvex(
      made.base.subject.digest,
      [{ id: 'CVE-2026-0000', status, ...(part === undefined ? {} : { part }) }],
      days(age),
    )

  test.each<[string, string | undefined, string]>([
    ['not_affected', undefined, 'by the id of the finding'],
    ['fixed', 'pkg:deb/debian/libx0@1.0', 'by the package'],
  ])('%s sets a finding aside (%s)', async (status, part) => {
    await attach(scan(['High']))
    await attach(vex(status, part))
    const verdict = await judge(made, { claims: rules })
    expect(verdict.reasons).toEqual([])
    expect(checkOf(verdict, 'claims.vulns').why).toContain('but for 1 that a VEX document sets aside')
  })

  test.each<[string, () => object, ChainKey]>([
    ['says affected', () => vex('affected'), scanner],
    ['is about another package', () => vex('not_affected', 'pkg:deb/debian/other@1'), scanner],
    [
      'is about another image',
      () => openvex(`sha256:${'c'.repeat(64)}`, [{ id: 'CVE-2026-0000', status: 'not_affected' }], days(2)),
      scanner,
    ],
    [
      'is about another vulnerability',
      () => openvex(made.base.subject.digest, [{ id: 'CVE-2026-0009', status: 'not_affected' }], days(2)),
      scanner,
    ],
  ])('that %s sets nothing aside', async (_name, document, key) => {
    await attach(scan(['High']))
    await attach(document(), key)
    expect((await judge(made, { claims: rules })).reasons).toEqual(['severity-exceeded'])
  })

  test('by a key that is not named counts for nothing, beside a good one', async () => {
    await attach(scan(['High']))
    await attach(openvex(made.base.subject.digest, [{ id: 'CVE-1', status: 'fixed' }], days(2)))
    await attach(vex('not_affected'), stranger)
    expect((await judge(made, { claims: rules })).reasons).toEqual(['severity-exceeded'])
  })

  test('that is stale is refused and sets nothing aside', async () => {
    await attach(scan(['High']))
    await attach(vex('not_affected', undefined, 31))
    expect((await judge(made, { claims: rules })).reasons).toEqual(['expired', 'severity-exceeded'])
  })

  test('that comes later takes an earlier one back', async () => {
    await attach(scan(['High']))
    await attach(vex('not_affected', undefined, 3))
    await attach(vex('affected', undefined, 1))
    expect((await judge(made, { claims: rules })).reasons).toEqual(['severity-exceeded'])
  })
})

describe('test results', () => {
  const rule = [{ kind: 'test-result', keys }]
  test('that passed are verified', async () => {
    await attach(junit(''))
    expect((await judge(made, { claims: rule })).reasons).toEqual([])
  })
  test('that failed are refused, also beside a run that passed', async () => {
    await attach(junit('<failure/>'))
    await attach(junit(''))
    const verdict = await judge(made, { claims: rule })
    expect(verdict.reasons).toEqual(['tests-failed'])
    expect(checkOf(verdict, 'claims.test-result').why).toBe('the test run is FAILED: a')
  })
})

test.each<[string, object, string[], string]>([
  [
    'skipped everything',
    { passedTests: [], failedTests: [], skippedTests: ['a', 'b'] },
    ['tests-failed'],
    'the test run names no test that passed, 2 skipped',
  ],
  [
    'lists nothing at all',
    { passedTests: [], failedTests: [] },
    ['tests-failed'],
    'the test run names no test that passed',
  ],
  ['skipped one', { passedTests: ['a'], skippedTests: ['b'] }, [], 'the tests passed (1 named, 1 skipped)'],
  ['has no lists', {}, [], 'the tests passed (none named)'],
])('a run of PASSED that %s', async (_name, lists, reasons, why) => {
  const payload = looseStatement(
    'test-result',
    { digest: made.base.subject.digest },
    { result: 'PASSED', configuration: [], ...lists },
  )
  const bundle = makeBundle(await signEnvelope(payload, scanner.signer), scanner.signer.hint)
  await attachBundle(made.store, made.base.subject, bundle, claimTypes['test-result'])
  const verdict = await judge(made, { claims: [{ kind: 'test-result', keys }] })
  expect(verdict.reasons).toEqual(reasons)
  expect(checkOf(verdict, 'claims.test-result').why).toBe(why)
})

test('a verdict by a release key is no signature of the image', async () => {
  await attach(scan([]))
  const verdict = await judge(made, { 'release-keys': keys })
  expect(verdict.reasons).toEqual(['signature-invalid'])
})

test.each<[string, object, RegExp]>([
  ['a severity for tests', { kind: 'test-result', keys, 'max-severity': 'low' }, /belongs to kind vulns/],
  ['an age for tests', { kind: 'test-result', keys, 'max-age': '1d' }, /states no time/],
  ['no key', { kind: 'vulns', keys: [] }, /keys/],
  ['a key that cannot be read', { kind: 'vulns', keys: ['-----BEGIN nothing'] }, /claims.0.keys.0/],
  ['an unknown kind', { kind: 'scan', keys }, /kind/],
  ['a limit of critical, which limits nothing', { kind: 'vulns', keys, 'max-severity': 'critical' }, /max-severity/],
])('a policy entry with %s is refused', async (_name, rule, why) => {
  const policy = JSON.stringify({
    version: 1,
    'accept-sample': true,
    claims: [rule],
    job: undefined,
    'accept-self-asserted-job': true,
  })
  await expect(parsePolicy(policy, '/policy.yml')).rejects.toMatchObject({
    code: 'file-invalid',
    message: expect.stringMatching(why),
  })
})
