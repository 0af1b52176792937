import { verdictReport, type AskedOfGate } from '../../src/report/verdict/report.ts'
import { verdictLines } from '../../src/verify/verdict-lines.ts'
import type { Verdict } from '../../src/verify/types.ts'

const digest = `sha256:${'0'.repeat(64)}` as const

function report(
  machine: Verdict['machine'],
  technology: string,
  changed: Partial<Verdict> = {},
): ReturnType<typeof verdictReport> {
  const verdict: Verdict = {
    v: 1,
    verified: true,
    reasons: [],
    image: { reference: `oci:layout@${digest}`, digest, plainDigest: null, configDigest: null },
    policy: { digest },
    builder: { id: `https://sealwright.dev/builder/v1/${technology}`, technology, level: 'machine-only' },
    machine,
    job: { assurance: 'token', claims: {}, instance: null, digest: null },
    exceptions: ['accept-tcb-status'],
    checks: [],
    notes: [],
    inputs: [],
    keys: [],
    ...changed,
  }
  const asked: AskedOfGate = {
    policy: '/policy.yml',
    platform: null,
    at: null,
    collateral: '/col lateral',
    keys: { decryptionKey: 'S3CRET', kbsUrl: '', trusteeUrl: '' },
    policyDigest: null,
    expectCommit: null,
    expectDigest: null,
    nonce: '00ff',
    enforce: true,
  }
  const paths = { verdictPath: '/verdict.json', publicKeyPath: '', vsaDigest: '' as const, notes: [] }
  return verdictReport(asked, { verdict, reference: verdict.image.reference, ...paths })
}

test('a reviewer reads what failed and what was excused first, then what was proven, then what does not apply', () => {
  const check = (id: string, status: Verdict['checks'][number]['status']) =>
    ({ id, status, reason: null, why: id, subject: null, clause: 'TRUST §5' }) as Verdict['checks'][number]
  const checks = [
    check('a', 'skipped'),
    check('b', 'passed'),
    check('c', 'failed'),
    check('d', 'accepted'),
    check('e', 'passed'),
  ]
  const { tables } = report(null, 'snp', { checks })
  expect(tables.map(({ title, rows }) => [title, rows.map(([id]) => id).join()])).toEqual([
    ['Failed: 1 of 5 checks', 'c'],
    ['Accepted by exception: 1 of 5 checks', 'd'],
    ['Passed: 2 of 5 checks', 'b,e'],
    ['Not applicable: 1 of 5 checks', 'a'],
  ])
})

test('a plain image is named where it is another than the judged one, and a job without token says so', () => {
  const facts = (plainDigest: `sha256:${string}`) =>
    Object.fromEntries(
      report(null, 'sample', {
        image: { reference: `oci:layout@${digest}`, digest, plainDigest, configDigest: null },
        job: { assurance: 'self-asserted', claims: {}, instance: null, digest: null },
      }).facts,
    )
  expect(facts(digest)['Plain image']).toBeUndefined()
  expect(facts(`sha256:${'1'.repeat(64)}`)['Plain image']).toBe(`sha256:${'1'.repeat(64)}`)
  expect(facts(digest)['Job']).toBe('self-asserted: no token confirms repository, commit and run')
})

test('a reviewer reads which machine it was, how good it is, what it measures to, and its register', () => {
  const { facts, exceptions, commands } = report(
    {
      id: 'tdx:00',
      chip: 'ab',
      status: { 'tcb-status': 'OutOfDate', advisories: ['INTEL-SA-1', 'INTEL-SA-2'], tcb: {} },
      measured: {},
      reference: 'runner (vcpus 2) of values.json',
      register: {
        name: 'pcr16',
        resettable: true,
        records: [{ operation: 'agent-start', content: '' }],
        foreign: ['00 EV_IPL (event 3): "MokList"'],
      },
    },
    'tdx',
  )
  expect(Object.fromEntries(facts)).toMatchObject({
    Machine: 'tdx:00',
    Chip: 'ab',
    Level: 'machine-only: the evidence proves the machine, not who asked for it',
    State: 'tcb-status OutOfDate, advisories INTEL-SA-1 INTEL-SA-2',
    'Reference values': 'runner (vcpus 2) of values.json',
    'Runtime register': 'pcr16: agent-start; extended by others, too: 00 EV_IPL (event 3): "MokList"; can be set back',
  })
  expect(exceptions.join()).toContain('Intel says that the platform needs an update')
  expect(commands[0]?.lines[0]).toContain("--collateral '/col lateral' --decryption-key FILE --nonce 00ff")
  expect(JSON.stringify(commands)).not.toContain('S3CRET')
})

test('a software TPM is called one, and sample evidence names no machine', () => {
  const machine = {
    id: 'tpm:00',
    chip: null,
    status: { softwareTpm: true },
    measured: {},
    reference: null,
    register: null,
  }
  const facts = Object.fromEntries(report(machine, 'tpm').facts)
  expect(facts['Evidence']).toContain('software TPM')
  expect(facts['State']).toBe('software-tpm true')
  expect(facts).toMatchObject({ 'Reference values': 'none that the policy pins', 'Runtime register': 'none' })
  const sample = Object.fromEntries(report(null, 'sample').facts)
  expect(sample).not.toHaveProperty('Machine')
  expect(sample).not.toHaveProperty('Level')
})

test('a reviewer reads every reason of a refusal without unfolding the checks', () => {
  const failed = (id: string, why: string): Verdict['checks'][number] => ({
    id,
    status: 'failed',
    reason: 'machine-only',
    why,
    subject: null,
    clause: 'TRUST §1',
  })
  const checks = [failed('machine.measurement', 'no such image'), failed('machine.level', 'not who asked')]
  const { headline, notes } = report(null, 'tpm', { verified: false, reasons: ['machine-only'], checks })
  expect(headline).toBe('Refused (machine-only): no such image')
  expect(notes).toEqual(['Refused for machine.level, too: not who asked'])
})

describe('lines for a terminal', () => {
  const check = (id: string, change: Partial<Verdict['checks'][number]>): Verdict['checks'][number] => ({
    ...{ id, clause: 'TRUST §5', status: 'failed', reason: 'expired', why: id, subject: null },
    ...change,
  })
  test('each failed check with the policy line that would accept it, and each exception', () => {
    const lines = verdictLines({
      checks: [
        check('one', { status: 'passed', reason: null }),
        check('two', { reason: 'storage-exposed', why: 'not sealed (the policy has no accept-storage-exposed)' }),
        check('three', { status: 'accepted' }),
        check('four', { reason: 'isolation-short', why: 'weak (the policy has no accept-steps-isolation)' }),
        // Foreign text cannot make up a line of the policy.
        check('five', { why: 'x (the policy has no accept-everything)' }),
      ],
      exceptions: ['accept-sample'],
    })
    expect(lines).toEqual([
      'storage-exposed: not sealed. The policy line "accept-storage-exposed: true" would accept this',
      'isolation-short: weak. The policy line "accept-steps-isolation" would accept this',
      'expired: x (the policy has no accept-everything)',
      expect.stringMatching(/^exception used: accept-sample: no TEE stands behind this run/),
    ])
  })
})
