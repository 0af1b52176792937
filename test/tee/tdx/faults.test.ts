import { verifyTdx } from '../../../src/tee/verify/tdx/verify.ts'
import type { TdxPolicy } from '../../../src/tee/verify/tdx/policy.ts'
import { makeCertificate } from '../../../testkit/tee/pki/pki.ts'
import { other, past, tdxFaults } from '../../../testkit/tee/synthetic/faults-tdx.ts'
import { at, level, makeWorld, part, signText, type WorldOptions } from '../../../testkit/tee/tdx/synthetic.ts'
import { factsJson } from '../../../src/tee/facts/json.ts'

/** Names of the failed steps of a synthetic world. */
function failed(options: WorldOptions, policy?: Partial<TdxPolicy>): string[] {
  return verifyTdx({ ...makeWorld(options), policy })
    .checks.filter(({ ok }) => !ok)
    .map(({ name }) => name)
}

test.each<[string, WorldOptions]>([
  ['version 5, TD 1.5', {}],
  ['version 5, TD 1.0', { bodyType: 2 }],
  ['version 4', { version: 4 }],
  ['zero bytes behind', { trailing: Buffer.alloc(70) }],
])('synthetic world: %s verifies', (_what, options) => {
  const verdict = verifyTdx(makeWorld(options))
  expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
  expect(verdict).toMatchObject({
    technology: 'tdx',
    status: 'verified',
    machine: `tdx:${'77'.repeat(16)}`,
  })
  expect(factsJson(verdict)).toMatchObject({
    'tcb-status': 'UpToDate',
    collateral: 'current',
    'mr-td': 'aa'.repeat(48),
    'tdx-module': 'TDX_01',
  })
})

describe('each fault fails at its own step', () => {
  test.each(tdxFaults)('%s', (_what, options, steps) => {
    expect(failed(options)).toEqual(steps)
  })
})

test('a root that is not pinned, and no collateral, are refused', () => {
  const world = makeWorld()
  expect(verifyTdx({ ...world, roots: undefined }).status).toBe('refused')
  const bare = verifyTdx({ ...world, collateral: null })
  expect(bare.status).toBe('refused')
  expect(bare.checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['collateral'])
})

test('a chain with another length or with foreign text is refused', () => {
  const world = makeWorld()
  const self = makeCertificate({ subject: 'x', issuer: 'x', key: other, by: other })
  const { collateral } = world
  if (collateral === null) throw new Error('no collateral')
  const longer = verifyTdx({
    ...world,
    collateral: { ...collateral, tcbInfoChain: [self, ...collateral.tcbInfoChain] },
  })
  expect(longer.status).toBe('refused')
  expect(verifyTdx({ ...world, collateral: { ...collateral, qeIdentityChain: [] } }).status).toBe('refused')
})

test('stale collateral is a result of its own, edges of a window count as inside', () => {
  const state = (options: WorldOptions) => factsJson(verifyTdx(makeWorld(options)))['collateral']
  expect(state({ info: (i) => (i.nextUpdate = '2026-06-10T00:00:00Z') })).toBe('stale')
  expect(state({ pckCrl: { nextUpdate: past } })).toBe('stale')
  expect(state({ pckCrl: { nextUpdate: past, by: other } })).toBe('refused')
  expect(state({ info: (i) => (i.nextUpdate = at.toISOString().replace('.000', '')) })).toBe('current')
  expect(failed({}, { minimumEvaluation: 19 })).toEqual(['tcb-info-evaluation', 'qe-identity-evaluation'])
})

test('exceptions of a policy accept what they name and nothing else', () => {
  expect(failed({ tdAttributes: 0n }, { requireSeptVeDisable: false })).toEqual([])
  expect(failed({ tdAttributes: 1n }, { requireSeptVeDisable: false })).toEqual(['td-debug'])
  expect(failed({ tdAttributes: 3n << 28n }, { acceptMigratable: true })).toEqual([])
  expect(failed({ trailing: Buffer.of(1) }, { acceptTrailingBytes: true })).toEqual([])
  expect(failed({ pckComponents: Array<number>(16).fill(3) }, { statuses: ['UpToDate', 'OutOfDate'] })).toEqual([])
})

describe('status of the whole machine', () => {
  const oldModule = { teeTcbSvn: [4, 1, 3] }
  const rows: [string, WorldOptions, string, string[]][] = [
    ['module out of date', oldModule, 'OutOfDate', ['INTEL-SA-00001']],
    ['enclave out of date', { qeReport: (r) => r.writeUInt16LE(3, 258) }, 'OutOfDate', ['INTEL-SA-00003']],
    ['platform out of date', { pckComponents: Array<number>(16).fill(4) }, 'OutOfDate', ['INTEL-SA-00002']],
    [
      'configuration and module',
      { ...oldModule, info: (i) => (i.tcbLevels = [level(5, [5, 0, 3], 'ConfigurationNeeded', 'B', 'A')]) },
      'OutOfDateConfigurationNeeded',
      ['A', 'B', 'INTEL-SA-00001'],
    ],
    [
      'hardening and module',
      { ...oldModule, info: (i) => (i.tcbLevels = [level(5, [5, 0, 3], 'SWHardeningNeeded')]) },
      'OutOfDate',
      ['INTEL-SA-00001'],
    ],
    ['platform revoked', { info: (i) => (i.tcbLevels = [level(5, [5, 0, 3], 'Revoked')]) }, 'Revoked', []],
    [
      'SGX level revoked, TDX level not',
      {
        teeTcbSvn: [6, 1, 2],
        info: (i) => (i.tcbLevels = [level(5, [5, 0, 3], 'Revoked'), level(3, [3, 0, 2], 'OutOfDate')]),
      },
      'Revoked',
      [],
    ],
    [
      'module revoked',
      { info: (i) => ((i.tdxModuleIdentities[0] ?? fail()).tcbLevels = [part(6, 'Revoked')]) },
      'Revoked',
      [],
    ],
    ['enclave revoked', { identity: (i) => (i.tcbLevels = [part(4, 'Revoked')]) }, 'Revoked', []],
    ['levels in another order', { info: (i) => i.tcbLevels.reverse() }, 'UpToDate', []],
    ['enclave levels in another order', { identity: (i) => i.tcbLevels.reverse() }, 'UpToDate', []],
    ['module updated under the TD', { ...oldModule, teeTcbSvn2: [6, 1, 3] }, 'TDRelaunchAdvised', ['INTEL-SA-00001']],
    ['module updated, not far enough', { ...oldModule, teeTcbSvn2: [5, 1, 3] }, 'OutOfDate', ['INTEL-SA-00001']],
    ['module updated, microcode old', { ...oldModule, teeTcbSvn2: [6, 1, 2] }, 'OutOfDate', ['INTEL-SA-00001']],
    ['module updated to one unlisted', { ...oldModule, teeTcbSvn2: [6, 9, 3] }, 'OutOfDate', ['INTEL-SA-00001']],
    ['module updated to version 0', { ...oldModule, teeTcbSvn2: [5, 0, 3] }, 'TDRelaunchAdvised', ['INTEL-SA-00001']],
    [
      'module updated, enclave old',
      { ...oldModule, teeTcbSvn2: [6, 1, 3], qeReport: (r) => r.writeUInt16LE(3, 258) },
      'OutOfDate',
      ['INTEL-SA-00001', 'INTEL-SA-00003'],
    ],
    [
      'module updated, machine out of date',
      { ...oldModule, teeTcbSvn2: [6, 1, 3], pckComponents: Array<number>(16).fill(3) },
      'OutOfDate',
      ['INTEL-SA-00001', 'INTEL-SA-00002'],
    ],
    [
      'module updated, configuration needed',
      {
        ...oldModule,
        teeTcbSvn2: [6, 1, 3],
        info: (i) => (i.tcbLevels = [level(5, [5, 0, 3], 'ConfigurationNeeded')]),
      },
      'TDRelaunchAdvisedConfigurationNeeded',
      ['INTEL-SA-00001'],
    ],
  ]
  test.each(rows)('%s', (_what, options, status, advisories) => {
    const facts = factsJson(verifyTdx(makeWorld(options)))
    expect([facts['tcb-status'], facts['advisories']]).toEqual([status, advisories])
  })

  test('the two rules for components differ only below a module with an identity', () => {
    const old = { info: (i) => (i.tcbLevels = [level(5, [9, 0, 3], 'UpToDate')]) } satisfies WorldOptions
    expect(failed(old)).toEqual([])
    expect(failed(old, { componentRule: 'all' })).toEqual(['tcb-level'])
    const zero = { ...old, teeTcbSvn: [6, 0, 3] }
    expect(failed(zero)).toEqual(['tcb-level'])
    expect(failed(zero, { componentRule: 'all' })).toEqual(['tcb-level'])
  })
})

test('text of Intel’s signer that is no JSON is a refusal, not a crash', () => {
  const text = signText('x')
  expect(failed({ collateral: (c) => (c.tcbInfo = text) })).toEqual(['tcb-info-signature'])
})

function fail(): never {
  throw new Error('the synthetic world lacks a module identity')
}
