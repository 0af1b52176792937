import type { Technology } from '../../src/base/technology.ts'
import type { EventFact } from '../../src/tee/facts/log.ts'
import type { TeeVerdict } from '../../src/tee/types.ts'
import { denySteps } from '../../src/verify/checks/deny.ts'
import { eventLogSteps } from '../../src/verify/checks/event-log.ts'
import { exceptionSteps } from '../../src/verify/checks/exceptions.ts'
import { machineSteps } from '../../src/verify/checks/machine.ts'
import { registerSteps } from '../../src/verify/checks/register.ts'
import type { Gate } from '../../src/verify/candidate.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Outcome } from '../../src/verify/step.ts'
import { goodChip, goodPpid, verdictWith, type FactsChange } from '../../testkit/facts.ts'

/** What is amiss with authentic evidence of each technology, on hand-made verdicts of a verifier. */
const job = {
  issuer: 'https://issuer.example',
  jwks: { keys: [{}] },
  'repository-id': '1',
  workflow: 'w',
  refs: ['r'],
  events: ['e'],
}
const chipId = goodChip
const ppid = goodPpid
const verdict = verdictWith

const steps = [...exceptionSteps, ...machineSteps, ...registerSteps, ...eventLogSteps, ...denySteps]

async function run(id: string, tee: TeeVerdict[], policy: Record<string, unknown> = {}): Promise<Outcome> {
  const [first] = tee
  const text = JSON.stringify({ version: 1, technology: first?.technology, job, ...policy })
  const gate = {
    policy: await parsePolicy(text, '/policy.yml'),
    at: new Date('2026-06-01T00:00:00Z'),
    evidence: {
      index: { technology: first?.technology },
      open: { binding: { journal: { count: 1, head: 'sha256:00' }, job: { instance: '00' } } },
      seals: [],
      key: { thumbprint: 'k' },
    },
    found: { tee, reference: null, claims: null, level: null },
    subject: { descriptor: { digest: 'sha256:00' }, image: null, via: [] },
    mine: [],
    key: null,
  } as unknown as Gate
  const step = steps.find((item) => item.id === id)
  if (step === undefined) throw new Error(`there is no step ${id}`)
  return step.run(gate)
}

test.each<[string, Technology[]]>([
  ['hardware.vmpl', ['snp', 'az-snp-vtpm']],
  ['hardware.tcb', ['tdx', 'az-tdx-vtpm']],
  ['hardware.attributes', ['tdx', 'az-tdx-vtpm']],
  ['hardware.revocation', ['snp', 'az-snp-vtpm', 'tdx', 'az-tdx-vtpm']],
  ['hardware.tpm', ['tpm']],
])('%s passes where it applies, and is no question elsewhere', async (id, applies) => {
  for (const technology of ['snp', 'tdx', 'az-snp-vtpm', 'az-tdx-vtpm', 'tpm'] as const) {
    const wanted = applies.includes(technology) ? 'passed' : 'skipped'
    expect({ technology, status: (await run(id, [verdict(technology)])).status }).toEqual({
      technology,
      status: wanted,
    })
  }
})

test.each<[string, string, Technology, FactsChange, Record<string, unknown>, string]>([
  ['another VMPL', 'hardware.vmpl', 'snp', { snp: { vmpl: 1 } }, { tee: { snp: { vmpl: 1 } } }, 'accept-vmpl'],
  [
    'an outdated platform',
    'hardware.tcb',
    'tdx',
    { tcb: { 'tcb-status': 'OutOfDate', advisories: ['INTEL-SA-01'] } },
    { tee: { tdx: { statuses: ['UpToDate', 'OutOfDate'] } } },
    'accept-tcb-status',
  ],
  [
    'an outdated platform',
    'hardware.tcb',
    'az-tdx-vtpm',
    { tcb: { 'tcb-status': 'OutOfDate' } },
    { tee: { tdx: { statuses: ['OutOfDate'] } } },
    'accept-tcb-status',
  ],
  [
    'memory that the host takes',
    'hardware.attributes',
    'az-tdx-vtpm',
    { tdx: { 'sept-ve-disable': false } },
    {},
    'accept-tdx-attributes',
  ],
  ['no revocation list', 'hardware.revocation', 'snp', { snp: { revocationChecked: false } }, {}, 'accept-no-crl'],
  [
    'no revocation list',
    'hardware.revocation',
    'az-snp-vtpm',
    { snp: { revocationChecked: false } },
    {},
    'accept-no-crl',
  ],
  ['a software TPM', 'hardware.tpm', 'tpm', { trust: { softwareTpm: true } }, {}, 'accept-software-tpm'],
])('%s (%s, %s) is refused, or accepted by its line', async (_what, id, technology, change, policy, line) => {
  const tee = [verdict(technology), verdict(technology, change)]
  if (policy['tee'] === undefined)
    expect(await run(id, tee, policy)).toMatchObject({ status: 'failed', acceptance: line })
  expect(await run(id, tee, { ...policy, [line]: true })).toMatchObject({
    status: 'accepted',
    acceptance: line,
    why: expect.stringContaining(`[${technology}]`),
  })
})

test.each<[string, string, Technology, FactsChange, string]>([
  ['the VMPL', 'hardware.vmpl', 'snp', { snp: null }, 'accept-vmpl'],
  ['the VMPL under Azure', 'hardware.vmpl', 'az-snp-vtpm', { snp: null }, 'accept-vmpl'],
  ['the TCB status', 'hardware.tcb', 'tdx', { tcb: null }, 'accept-tcb-status'],
  ['the TCB status under Azure', 'hardware.tcb', 'az-tdx-vtpm', { tcb: null }, 'accept-tcb-status'],
  ['the attributes', 'hardware.attributes', 'tdx', { tdx: null }, 'accept-tdx-attributes'],
  ['Intel’s lists', 'hardware.revocation', 'tdx', { tcb: null }, 'accept-no-crl'],
  ['AMD’s list', 'hardware.revocation', 'snp', { snp: { revocationChecked: null } }, 'accept-no-crl'],
])(
  '%s: a missing fact fails its rule, and no line accepts that (%s, %s)',
  async (_what, id, technology, change, line) => {
    const outcome = await run(id, [verdict(technology), verdict(technology, change)], {
      ...(line === 'accept-vmpl' ? { tee: { snp: { vmpl: 1 } } } : {}),
      ...(line === 'accept-tcb-status' ? { tee: { tdx: { statuses: ['UpToDate', 'OutOfDate'] } } } : {}),
      [line]: true,
    })
    expect(outcome).toMatchObject({ status: 'failed', reason: 'evidence-invalid' })
    expect(outcome.acceptance).toBeUndefined()
  },
)

test('a missing TPM clock, security version or TPM verdict fails its rule', async () => {
  expect(await run('machine.same', [verdict('tpm'), verdict('tpm', { quote: null })])).toMatchObject({
    status: 'failed',
    why: expect.stringContaining('clock'),
  })
  const svn = (one: TeeVerdict, name: string) => run('deny.svn', [one], { 'minimum-svn': { [name]: 0 } })
  expect((await svn(verdict('snp'), 'tcb.reported.snp')).status).toBe('passed')
  for (const [one, name] of [
    [verdict('snp', { snp: { tcb: null } }), 'tcb.reported.snp'],
    [verdict('snp'), 'tcb.reported.fmc'],
    [verdict('tdx', { platform: null }), 'pce-svn'],
    [verdict('tpm'), 'version'],
    [verdict('snp'), 'no-such-name'],
  ] as const) {
    expect(await svn(one, name)).toMatchObject({ status: 'failed', reason: 'denied' })
  }
  const unread: TeeVerdict = { ...verdict('tpm'), technology: 'tpm', facts: null }
  expect((await run('hardware.tpm', [unread])).status).toBe('failed')
})

test('advisories are told with the status', async () => {
  const tee = [verdict('tdx', { tcb: { 'tcb-status': 'SWHardeningNeeded', advisories: ['INTEL-SA-00615'] } })]
  expect((await run('hardware.tcb', tee)).why).toContain('SWHardeningNeeded, advisories INTEL-SA-00615')
})

test('plain SNP has no runtime register, and the verdict says so', async () => {
  expect(await run('machine.register', [verdict('snp')])).toMatchObject({
    status: 'skipped',
    why: expect.stringContaining('no register'),
  })
  expect(await run('machine.register', [verdict('tdx')])).toMatchObject({
    status: 'failed',
    acceptance: 'accept-no-register',
  })
})

test.each<[string, Technology, string, FactsChange, boolean]>([
  ['the listed chip', 'snp', chipId, {}, true],
  ['another chip', 'snp', 'ee'.repeat(64), {}, false],
  ['a masked chip', 'snp', '00'.repeat(64), { snp: { chipId: '00'.repeat(64) } }, false],
  [
    'a chip of Turin by its eight bytes',
    'snp',
    'ab'.repeat(8),
    { snp: { line: 'Turin', chipId: 'ab'.repeat(8) + '00'.repeat(56) } },
    true,
  ],
  ['a chip under Azure', 'az-snp-vtpm', chipId, {}, true],
  ['the listed platform', 'tdx', ppid, {}, true],
  ['another platform', 'az-tdx-vtpm', 'ee'.repeat(16), {}, false],
])('chips: %s (%s)', async (_what, technology, listed, change, ok) => {
  const outcome = await run('hardware.chip', [verdict(technology, change)], { tee: { chips: [listed] } })
  expect(outcome).toMatchObject(ok ? { status: 'passed' } : { status: 'failed', reason: 'machine-refused' })
  const denied = await run('deny.list', [verdict(technology, change)], { deny: { 'chip-ids': [listed] } })
  // A host that masks the id of a denied chip gains nothing by it.
  const masked = change.snp?.chipId === '00'.repeat(64)
  expect(denied.status).toBe(ok || masked ? 'failed' : 'passed')
})

test('a denied chip is found in either form, and no list of chips is passed by hiding', async () => {
  const chip = 'ab'.repeat(8) + '00'.repeat(56)
  const turin: FactsChange = { snp: { line: 'Turin', chipId: chip } }
  const hidden: FactsChange = { snp: { chipId: '00'.repeat(64) } }
  const deny = async (of: TeeVerdict, listed: string) => run('deny.list', [of], { deny: { 'chip-ids': [listed] } })
  for (const listed of ['ab'.repeat(8), chip])
    expect(await deny(verdict('snp', turin), listed)).toMatchObject({ status: 'failed', reason: 'denied' })
  for (const technology of ['snp', 'az-snp-vtpm'] as const)
    expect(await deny(verdict(technology, hidden), chipId)).toMatchObject({ status: 'failed', reason: 'denied' })
  expect((await deny(verdict('tpm'), chipId)).status).toBe('passed')
  expect((await run('deny.list', [verdict('snp', hidden)], { deny: { measurements: ['aabb'] } })).status).toBe('passed')
})

test.each([
  ['azure', 'az-snp-vtpm', 'passed'],
  ['azure', 'snp', 'failed'],
  ['gcp', 'az-tdx-vtpm', 'failed'],
  ['gcp', 'tdx', 'skipped'],
  ['aws', 'tdx', 'failed'],
  ['aws', 'snp', 'failed'],
] as const)('platform %s with %s: %s', async (platform, technology, status) => {
  expect((await run('hardware.platform', [verdict(technology)], { platform })).status).toBe(status)
})

test('platform aws is told by the provider of the key', async () => {
  const judge = async (platform: string, csp: string) =>
    (await run('hardware.platform', [verdict('snp', { snp: { csp } })], { platform })).status
  expect(await judge('aws', 'CN=cc-us-east-2.amazonaws.com')).toBe('passed')
  expect(await judge('gcp', 'CN=cc-us-east-2.amazonaws.com')).toBe('failed')
  expect(await judge('aws', 'CN=cc-us-east-2.amazonaws.com.example')).toBe('failed')
})

test('least versions are found by a path of names', async () => {
  const least = (snp: number) => run('deny.svn', [verdict('snp')], { 'minimum-svn': { 'tcb.reported.snp': snp } })
  expect((await least(20)).status).toBe('passed')
  expect(await least(21)).toMatchObject({ status: 'failed', reason: 'denied' })
})

describe('one TD through open and seal', () => {
  const measured = { 'mr-td': '11', rtmr0: '22', rtmr1: '33', rtmr2: '44', rtmr3: '55' }
  const register = { name: 'rtmr3', resettable: false, records: [], foreign: [] }
  const same = (change: Record<string, string>, logged: boolean) => {
    const more = logged ? { register } : {}
    return run('machine.same', [
      verdict('tdx', {}, { measured, ...more }),
      verdict('tdx', {}, { measured: { ...measured, ...change }, ...more }),
    ])
  }
  test('on one host is told from another by what it measured', async () => {
    expect((await same({}, false)).status).toBe('passed')
    for (const name of ['mr-td', 'rtmr0', 'rtmr1', 'rtmr2'])
      expect(await same({ [name]: '99' }, true)).toMatchObject({ status: 'failed', why: expect.stringContaining(name) })
  })
  test('may extend RTMR3 only where its log shows by what', async () => {
    expect((await same({ rtmr3: '66' }, true)).status).toBe('passed')
    expect((await same({ rtmr3: '66' }, false)).status).toBe('failed')
  })
})

describe('wanted events', () => {
  const variable = (sha256: string, guid = '8be4df61-93ca-11d2-aa0d-00e098032b8c'): EventFact => ({
    index: 1,
    register: 7,
    type: 'EV_EFI_VARIABLE_DRIVER_CONFIG',
    digest: '01'.repeat(32),
    extended: true,
    covers: 'data',
    measured: { kind: 'variable', name: 'SecureBoot', guid, value: { size: 1, sha256 } },
  })
  const end: EventFact = {
    index: 2,
    register: 7,
    type: 'EV_SEPARATOR',
    digest: '03'.repeat(32),
    extended: true,
    covers: 'data',
    measured: { kind: 'separator', separator: '00000000' },
  }
  const on = '4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a'
  const off = '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'
  const text: EventFact = {
    index: 2,
    register: 5,
    type: 'EV_EFI_ACTION',
    digest: '02'.repeat(32),
    extended: true,
    covers: 'data',
    measured: { kind: 'text', text: 'Exit Boot Services Invocation' },
  }
  const judge = (events: EventFact[], tee: object, findings: string[] = []) =>
    run('machine.events', [verdict('tpm', { log: { events, findings } })], { tee })
  const secure = { 'secure-boot': 'require' }

  test.each<[string, EventFact[], object, string[], boolean]>([
    ['Secure Boot on', [variable(on), end], secure, [], true],
    ['Secure Boot off', [variable(off), end], secure, [], false],
    ['Secure Boot on and off', [variable(on), variable(off), end], secure, [], false],
    ['Secure Boot on, and off when the firmware was done', [variable(on), end, variable(off)], secure, [], false],
    ['Secure Boot on only when the firmware was done', [end, variable(on)], secure, [], false],
    ['Secure Boot on without the end of the firmware', [variable(on)], secure, [], false],
    [
      'a variable of that name elsewhere',
      [variable(on, '00000000-0000-0000-0000-000000000000'), end],
      secure,
      [],
      false,
    ],
    ['an event that was not extended', [{ ...variable(on), extended: false }, end], secure, [], false],
    ['a label that no digest covers', [{ ...variable(on), measured: null }, end], secure, [], false],
    ['an ambiguous log', [variable(on), end], secure, ['a separator under another type'], false],
    ['a text', [text], { 'event-log': [{ register: 'pcr5', text: 'Exit Boot Services Invocation' }] }, [], true],
    ['another text', [text], { 'event-log': [{ register: 'pcr5', text: 'Exit' }] }, [], false],
    [
      'a text in another register',
      [text],
      { 'event-log': [{ register: 'pcr4', text: 'Exit Boot Services Invocation' }] },
      [],
      false,
    ],
    ['a digest', [text], { 'event-log': [{ register: 'pcr5', digest: '02'.repeat(32) }] }, [], true],
    [
      'a digest of another type',
      [text],
      { 'event-log': [{ register: 'pcr5', type: 'EV_IPL', digest: '02'.repeat(32) }] },
      [],
      false,
    ],
    [
      'a variable',
      [variable(off)],
      { 'event-log': [{ register: 'pcr7', variable: { name: 'SecureBoot', sha256: off } }] },
      [],
      true,
    ],
    [
      'a variable with another value',
      [variable(off)],
      { 'event-log': [{ register: 'pcr7', variable: { name: 'SecureBoot', sha256: on } }] },
      [],
      false,
    ],
  ])('%s', async (_what, events, tee, findings, ok) => {
    expect(await judge(events, tee, findings)).toMatchObject(
      ok ? { status: 'passed' } : { status: 'failed', reason: 'evidence-invalid' },
    )
  })

  test('without any log are not met', async () => {
    expect(await run('machine.events', [verdict('tpm')], { tee: secure })).toMatchObject({ status: 'failed' })
  })

  test('of a TD stand in RTMRs, whose log counts from one', async () => {
    const event: EventFact = { ...variable(on), register: 1 }
    const outcome = (register: string) =>
      run('machine.events', [verdict('tdx', { log: { events: [event, { ...end, register: 1 }], findings: [] } })], {
        tee: { ...secure, 'event-log': [{ register, variable: { name: 'SecureBoot', sha256: on } }] },
      })
    expect((await outcome('rtmr0')).status).toBe('passed')
    expect((await outcome('rtmr1')).status).toBe('failed')
  })
})
