import { verifyTdx } from '../../../src/tee/verify/tdx/verify.ts'
import type { TdxPolicy } from '../../../src/tee/verify/tdx/policy.ts'
import { makeCertificate, makeKey } from '../pki/pki.ts'
import { at, keys, level, makeWorld, part, sgxExtension, signText, type WorldOptions } from './synthetic.ts'

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
    facts: { 'tcb-status': 'UpToDate', collateral: 'current', 'mr-td': 'aa'.repeat(48), 'tdx-module': 'TDX_01' },
  })
})

const past = new Date('2026-06-01T00:00:00Z')
const future = new Date('2026-06-30T00:00:00Z')
const other = makeKey('P-256')

describe('each fault fails at its own step', () => {
  test.each<[string, WorldOptions, string[]]>([
    // Quote format
    ['version 3', { quote: (q) => q.writeUInt16LE(3, 0) }, ['quote-format']],
    ['version 6', { quote: (q) => q.writeUInt16LE(6, 0) }, ['quote-format']],
    ['attestation key type 3', { quote: (q) => q.writeUInt16LE(3, 2) }, ['quote-format']],
    ['TEE type SGX', { quote: (q) => q.writeUInt32LE(0, 4) }, ['quote-format']],
    ['TEE type unknown', { quote: (q) => q.writeUInt32LE(0x82, 4) }, ['quote-format']],
    ['reserved header bytes', { quote: (q) => q.writeUInt32LE(1, 8) }, ['quote-format']],
    ['another QE vendor', { quote: (q) => q.fill(0, 12, 28) }, ['quote-format']],
    ['body type SGX', { quote: (q) => q.writeUInt16LE(1, 48) }, ['quote-format']],
    ['body type 4', { quote: (q) => q.writeUInt16LE(4, 48) }, ['quote-format']],
    ['a body size that is not its type’s', { quote: (q) => q.writeUInt32LE(584, 50) }, ['quote-format']],
    ['authentication data longer than the quote', { quote: (q) => q.writeUInt32LE(30000, 702) }, ['quote-format']],
    ['authentication data above the limit', { quote: (q) => q.writeUInt32LE(0xffffffff, 702) }, ['quote-format']],
    ['outer certification type 5', { certificationType: 5 }, ['quote-format']],
    ['PCK data as PPID', { innerType: 3 }, ['quote-format']],
    ['bytes behind that are not zero', { trailing: Buffer.of(0, 1) }, ['trailing-bytes']],
    // PCK chain
    ['PCK expired', { pck: { to: past } }, ['pck-validity']],
    ['PCK not yet valid', { pck: { from: future } }, ['pck-validity']],
    ['CA expired', { ca: { to: past } }, ['pck-validity']],
    ['CA that is no CA', { ca: { ca: undefined as never, usage: 0x06 } }, ['pck-authorities']],
    ['CA that may not sign certificates', { ca: { usage: 0x02 } }, ['pck-authorities']],
    ['PCK that is a CA', { pck: { ca: { pathLength: null } } }, ['pck-leaf']],
    ['PCK signed by another key', { pck: { by: other } }, ['pck-signatures']],
    ['CA signed by another key', { ca: { by: other } }, ['pck-signatures']],
    ['PCK of another name', { pck: { subject: 'Somebody' } }, ['pck-profile']],
    ['PCK of another issuer', { pck: { issuer: 'Somebody' } }, ['pck-names']],
    [
      'a critical extension',
      { pck: { extensions: [{ oid: '1.2.3', critical: true, value: Buffer.of(5, 0) }] } },
      ['pck-critical-extensions'],
    ],
    ['no SGX extension', { sgxExtension: null }, ['pck-extension']],
    ['an SGX extension of another form', { sgxExtension: sgxExtension().subarray(0, 40) }, ['pck-extension']],
    [
      'an SGX extension with 15 components',
      { sgxExtension: sgxExtension(Array<number>(15).fill(5)) },
      ['pck-extension'],
    ],
    // Revocation lists
    ['PCK revoked', { pckCrl: { revoked: [9, 3] } }, ['pck-crl-revoked']],
    ['CA revoked', { rootCrl: { revoked: [2] } }, ['root-crl-revoked']],
    [
      'TCB signer revoked',
      { rootCrl: { revoked: [4] } },
      ['tcb-info-signer-crl-revoked', 'qe-identity-signer-crl-revoked'],
    ],
    ['PCK list signed by another key', { pckCrl: { by: other } }, ['pck-crl-signature']],
    [
      'PCK list of the other CA',
      { pckCrl: { issuer: 'Intel SGX PCK Processor CA' } },
      ['pck-crl-issuer', 'pck-crl-revoked'],
    ],
    ['PCK list too old', { pckCrl: { nextUpdate: past } }, ['pck-crl-window']],
    ['PCK list of the future', { pckCrl: { thisUpdate: future } }, ['pck-crl-window']],
    ['PCK list without an end', { pckCrl: { nextUpdate: null } }, ['pck-crl-format']],
    [
      'a delta list',
      { pckCrl: { extensions: [{ oid: '2.5.29.27', critical: true, value: Buffer.of(2, 1, 1) }] } },
      ['pck-crl-format'],
    ],
    ['PCK list that is garbage', { collateral: (c) => (c.pckCrl = Buffer.from('garbage')) }, ['pck-crl-format']],
    ['PCK list that is empty', { collateral: (c) => (c.pckCrl = Buffer.alloc(0)) }, ['pck-crl-format']],
    ['root list that is garbage', { collateral: (c) => (c.rootCrl = Buffer.from('garbage')) }, ['root-crl-format']],
    // TCB info and QE identity
    ['TCB info changed', { collateral: (c) => c.tcbInfo.bytes.write('x', 40) }, ['tcb-info-signature']],
    [
      'TCB info written anew',
      { collateral: (c) => (c.tcbInfo.bytes = Buffer.concat([c.tcbInfo.bytes, Buffer.from(' ')])) },
      ['tcb-info-signature'],
    ],
    ['QE identity changed', { collateral: (c) => c.qeIdentity.bytes.write('x', 40) }, ['qe-identity-signature']],
    ['QE identity in place of TCB info', { collateral: (c) => (c.tcbInfo = c.qeIdentity) }, ['tcb-info-signature']],
    ['TCB info of SGX', { info: (i) => (i.id = 'SGX') }, ['tcb-info-signature']],
    ['TCB info of version 2', { info: (i) => (i.version = 2) }, ['tcb-info-signature']],
    [
      'a status nobody knows',
      { info: (i) => ((i.tcbLevels[0] as { tcbStatus: string }).tcbStatus = 'Fine') },
      ['tcb-info-signature'],
    ],
    ['15 components', { info: (i) => i.tcbLevels[0]?.tcb.tdxtcbcomponents.pop() }, ['tcb-info-signature']],
    ['no levels', { info: (i) => (i.tcbLevels = []) }, ['tcb-info-signature']],
    ['QE identity of SGX', { identity: (i) => (i.id = 'QE') }, ['qe-identity-signature']],
    ['TCB info too old', { info: (i) => (i.nextUpdate = '2026-06-10T00:00:00Z') }, ['tcb-info-window']],
    ['TCB info of the future', { info: (i) => (i.issueDate = '2026-06-20T00:00:00Z') }, ['tcb-info-window']],
    ['QE identity too old', { identity: (i) => (i.nextUpdate = '2026-06-10T00:00:00Z') }, ['qe-identity-window']],
    ['signer expired', { signer: { to: past } }, ['tcb-info-signer-validity', 'qe-identity-signer-validity']],
    [
      'signer of another name',
      { signer: { subject: 'Intel SGX PCK Certificate' } },
      ['tcb-info-signer-profile', 'qe-identity-signer-profile'],
    ],
    [
      'signer that the PCK CA issued',
      { signer: { issuer: 'Intel SGX PCK Platform CA', by: keys.ca } },
      [
        'tcb-info-signer-names',
        'tcb-info-signer-signatures',
        'qe-identity-signer-names',
        'qe-identity-signer-signatures',
      ],
    ],
    ['another platform family', { info: (i) => (i.fmspc = '90c06f000000') }, ['fmspc']],
    ['another PCE', { info: (i) => (i.pceId = '0001') }, ['fmspc']],
    // Module and quoting enclave
    ['a module version nobody lists', { teeTcbSvn: [6, 2, 3] }, ['tdx-module']],
    [
      'a module identity that stands twice',
      { info: (i) => (i.tdxModuleIdentities = [...i.tdxModuleIdentities, ...i.tdxModuleIdentities]) },
      ['tdx-module'],
    ],
    ['another module signer', { body: (b) => b.fill(1, 64, 112) }, ['tdx-module']],
    ['SEAM attributes', { body: (b) => b.fill(1, 112, 113) }, ['tdx-module']],
    ['a debug quoting enclave', { qeReport: (r) => r.writeUInt8(0x13, 48) }, ['qe-identity']],
    ['a quoting enclave of another signer', { qeReport: (r) => r.fill(0, 128, 160) }, ['qe-identity']],
    ['another enclave product', { qeReport: (r) => r.writeUInt16LE(1, 256) }, ['qe-identity']],
    ['MISCSELECT', { qeReport: (r) => r.writeUInt8(1, 16) }, ['qe-identity']],
    ['another attestation key', { qeReport: (r) => r.fill(0, 320, 352) }, ['qe-report-data']],
    ['a longer hash in the QE report', { qeReport: (r) => r.writeUInt8(1, 383) }, ['qe-report-data']],
    ['QE report changed', { quote: (q) => q.writeUInt8(9, 706 + 134 + 64) }, ['qe-report-signature']],
    ['RTMR changed', { quote: (q) => q.writeUInt8(9, 54 + 330) }, ['quote-signature']],
    ['user data changed', { quote: (q) => q.writeUInt8(9, 30) }, ['quote-signature']],
    ['quote signature changed', { quote: (q) => q.writeUInt8((q[706] ?? 0) ^ 1, 706) }, ['quote-signature']],
    // Levels
    ['SGX components below all levels', { pckComponents: Array<number>(16).fill(2) }, ['tcb-level']],
    ['one SGX component below', { pckComponents: [...Array<number>(15).fill(5), 2] }, ['tcb-level']],
    ['TDX components below all levels', { teeTcbSvn: [6, 1, 1] }, ['tcb-level']],
    ['PCE SVN below', { sgxExtension: sgxExtension(undefined, 12) }, ['tcb-level']],
    ['module below all levels', { teeTcbSvn: [3, 1, 3] }, ['tcb-level']],
    ['quoting enclave below all levels', { qeReport: (r) => r.writeUInt16LE(1, 258) }, ['tcb-level']],
    ['platform out of date', { pckComponents: Array<number>(16).fill(3) }, ['tcb-status']],
    // TD policy
    ['debug TD', { tdAttributes: (1n << 28n) | 1n }, ['td-debug']],
    ['another bit of the debug group', { tdAttributes: (1n << 28n) | 0x20n }, ['td-debug']],
    ['a reserved attribute', { tdAttributes: (1n << 28n) | (1n << 40n) }, ['td-reserved']],
    ['SEPT_VE_DISABLE clear', { tdAttributes: 0n }, ['td-sept-ve-disable']],
    ['a TD that can migrate', { tdAttributes: (1n << 28n) | (1n << 29n) }, ['td-migratable']],
    ['other report data', { body: (b) => b.writeUInt8(0, 520) }, ['report-data']],
    ['report data that is not padded with zeros', { body: (b) => b.writeUInt8(1, 583) }, ['report-data']],
  ])('%s', (_what, options, steps) => {
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
  const state = (options: WorldOptions) => verifyTdx(makeWorld(options)).facts['collateral']
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
    const { facts } = verifyTdx(makeWorld(options))
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
