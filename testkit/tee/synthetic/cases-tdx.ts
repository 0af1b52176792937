import { createHash } from 'node:crypto'
import { verifyTdx } from '../../../src/tee/verify/tdx/verify.ts'
import type { TdxPolicy } from '../../../src/tee/verify/tdx/policy.ts'
import { makeCertificate } from '../pki/pki.ts'
import { keys, level, makeWorld, part, signText, type WorldOptions } from '../tdx/synthetic.ts'
import type { SyntheticCase } from './case.ts'
import { future, other, past, tdxFaults } from './faults-tdx.ts'

type Change = Pick<SyntheticCase, 'echoes' | 'fact'> & { policy?: Partial<TdxPolicy> }

function tdx(
  name: string,
  expectedCheck: string,
  options: WorldOptions,
  { policy, ...more }: Change = {},
): SyntheticCase {
  return { name, technology: 'tdx', expectedCheck, ...more, run: () => verifyTdx({ ...makeWorld(options), policy }) }
}

/** A chain of its own for one of the two documents, with another certificate of the same keys; its root is pinned, too. */
function split(
  name: string,
  expectedCheck: string,
  which: 'tcbInfoChain' | 'qeIdentityChain' | 'pck',
  fault: object,
): SyntheticCase {
  const run = (): ReturnType<SyntheticCase['run']> => {
    const clean = makeWorld()
    const odd = makeWorld(fault)
    const roots = [...(clean.roots ?? []), ...(odd.roots ?? [])]
    if (clean.collateral === null || odd.collateral === null) throw new Error('a world has collateral')
    if (which === 'pck') return verifyTdx({ ...clean, quote: odd.quote, roots })
    return verifyTdx({ ...clean, collateral: { ...clean.collateral, [which]: odd.collateral[which] }, roots })
  }
  return { name, technology: 'tdx', expectedCheck, run }
}

const oldModule = { teeTcbSvn: [4, 1, 3] } satisfies WorldOptions
const updated = { ...oldModule, teeTcbSvn2: [6, 1, 3] } satisfies WorldOptions
const status = (value: string): Change => ({ fact: ['tcb-status', value] })
const signerEchoes = ['tcb-info-signer-crl-window', 'qe-identity-signer-crl-window']

/** What no real vector shows: expired links one by one, relaunch, the module's identity, version 5 with type 3, lists. */
const gaps: SyntheticCase[] = [
  // Each link at its end.
  split('root of the PCK chain expired', 'pck-validity', 'pck', { root: { to: past } }),
  split('root of the PCK chain not yet valid', 'pck-validity', 'pck', { root: { from: future } }),
  split('root above the TCB info signer expired', 'tcb-info-signer-validity', 'tcbInfoChain', { root: { to: past } }),
  split('root above the QE identity signer expired', 'qe-identity-signer-validity', 'qeIdentityChain', {
    root: { to: past },
  }),
  split('TCB info signer expired', 'tcb-info-signer-validity', 'tcbInfoChain', { signer: { to: past } }),
  split('QE identity signer expired', 'qe-identity-signer-validity', 'qeIdentityChain', { signer: { to: past } }),
  split('TCB info signer not yet valid', 'tcb-info-signer-validity', 'tcbInfoChain', { signer: { from: future } }),
  tdx('PCK CA not yet valid', 'pck-validity', { ca: { from: future } }),
  tdx('QE identity of the future', 'qe-identity-window', { identity: (i) => (i.issueDate = '2026-06-20T00:00:00Z') }),
  tdx('root list too old', 'root-crl-window', { rootCrl: { nextUpdate: past } }, { echoes: signerEchoes }),
  tdx('root list of the future', 'root-crl-window', { rootCrl: { thisUpdate: future } }, { echoes: signerEchoes }),
  tdx('root list without an end', 'root-crl-format', { rootCrl: { nextUpdate: null } }),
  tdx(
    'root list signed by another key',
    'root-crl-signature',
    { rootCrl: { by: other } },
    { echoes: ['tcb-info-signer-crl-signature', 'qe-identity-signer-crl-signature'] },
  ),
  // Authorities.
  split('TCB info signer that is an authority', 'tcb-info-signer-leaf', 'tcbInfoChain', {
    signer: { ca: { pathLength: null } },
  }),
  split('TCB info signer by another key', 'tcb-info-signer-signatures', 'tcbInfoChain', { signer: { by: other } }),
  split('QE identity signer of another name', 'qe-identity-signer-profile', 'qeIdentityChain', {
    signer: { subject: 'Intel SGX PCK Certificate' },
  }),
  split('root that may not sign certificates', 'pck-authorities', 'pck', { root: { usage: 0x02 } }),
  split('root that is no authority', 'pck-authorities', 'pck', { root: { ca: undefined, usage: 0x06 } }),
  split('root that allows no authority below', 'pck-path-length', 'pck', { root: { ca: { pathLength: 0 } } }),
  tdx('a PCK CA of an unknown kind', 'pck-profile', {
    ca: { subject: 'Intel SGX PCK Cloud CA' },
    pck: { issuer: 'Intel SGX PCK Cloud CA' },
  }),
  tdx('PCK revoked among thousands', 'pck-crl-revoked', {
    pckCrl: { revoked: [...Array.from({ length: 2000 }, (_, i) => i + 100), 3] },
  }),
  {
    name: 'a root of Intel’s name and another key',
    technology: 'tdx',
    expectedCheck: 'pck-root-pinned',
    echoes: ['tcb-info-signer-root-pinned', 'qe-identity-signer-root-pinned'],
    run: () => {
      const stranger = makeCertificate({
        subject: 'Intel SGX Root CA',
        issuer: 'Intel SGX Root CA',
        key: other,
        by: other,
        ca: { pathLength: 1 },
      })
      return verifyTdx({ ...makeWorld(), roots: [createHash('sha256').update(stranger).digest('hex')] })
    },
  },
  // Documents.
  tdx('TCB info signed by the QE’s issuer alone', 'tcb-info-signature', {
    collateral: (c) => (c.tcbInfo = { bytes: c.tcbInfo.bytes, signature: c.qeIdentity.signature }),
  }),
  tdx('QE identity with one bit of its signature changed', 'qe-identity-signature', {
    collateral: (c) => c.qeIdentity.signature.writeUInt8((c.qeIdentity.signature[5] ?? 0) ^ 1, 5),
  }),
  tdx('QE identity of version 1', 'qe-identity-signature', { identity: (i) => (i.version = 1) }),
  tdx('TCB info in place of QE identity', 'qe-identity-signature', { collateral: (c) => (c.qeIdentity = c.tcbInfo) }),
  tdx('QE identity that is an array', 'qe-identity-signature', { collateral: (c) => (c.qeIdentity = signText([])) }),
  tdx(
    'TCB info of too low an evaluation',
    'tcb-info-evaluation',
    { info: (i) => (i.tcbEvaluationDataNumber = 17) },
    { policy: { minimumEvaluation: 18 } },
  ),
  tdx(
    'QE identity of too low an evaluation',
    'qe-identity-evaluation',
    { identity: (i) => (i.tcbEvaluationDataNumber = 17) },
    { policy: { minimumEvaluation: 18 } },
  ),
  // The module.
  tdx('a module whose signer Intel’s identity does not name', 'tdx-module', {
    info: (i) => ((i.tdxModuleIdentities[0] as { mrsigner: string }).mrsigner = 'AB'.repeat(48)),
  }),
  tdx('module attributes outside the identity’s mask', 'tdx-module', {
    info: (i) => ((i.tdxModuleIdentities[0] as { attributes: string }).attributes = '0100000000000000'),
  }),
  tdx('module attributes that a narrow mask leaves out', 'tdx-module', {
    body: (b) => b.writeUInt8(1, 112),
    info: (i) => ((i.tdxModuleIdentities[0] as { attributesMask: string }).attributesMask = '00'.repeat(8)),
  }),
  tdx('a module of version 0 with another signer', 'tdx-module', {
    teeTcbSvn: [5, 0, 3],
    info: (i) => (i.tdxModule.mrsigner = 'AB'.repeat(48)),
  }),
  tdx('a module that the policy does not name', 'mr-seam', {}, { policy: { mrSeams: ['ab'.repeat(48)] } }),
  tdx('features that the policy does not name', 'xfam', {}, { policy: { xfam: '00000000000000e7' } }),
  // A TD to be started anew.
  tdx('module updated under the TD', 'tcb-status', updated, status('TDRelaunchAdvised')),
  tdx(
    'module updated, configuration needed',
    'tcb-status',
    { ...updated, info: (i) => (i.tcbLevels = [level(5, [5, 0, 3], 'ConfigurationNeeded')]) },
    status('TDRelaunchAdvisedConfigurationNeeded'),
  ),
  tdx('module updated, not far enough', 'tcb-status', { ...oldModule, teeTcbSvn2: [5, 1, 3] }, status('OutOfDate')),
  tdx('module updated, microcode old', 'tcb-status', { ...oldModule, teeTcbSvn2: [6, 1, 2] }, status('OutOfDate')),
  tdx(
    'module updated to one that is not listed',
    'tcb-status',
    { ...oldModule, teeTcbSvn2: [6, 9, 3] },
    status('OutOfDate'),
  ),
  tdx(
    'old module in a report of type 2, which cannot tell',
    'tcb-status',
    { ...oldModule, bodyType: 2 },
    status('OutOfDate'),
  ),
  tdx(
    'module revoked',
    'tcb-status',
    { info: (i) => ((i.tdxModuleIdentities[0] as { tcbLevels: unknown }).tcbLevels = [part(6, 'Revoked')]) },
    status('Revoked'),
  ),
  tdx(
    'quoting enclave revoked',
    'tcb-status',
    { identity: (i) => (i.tcbLevels = [part(4, 'Revoked')]) },
    status('Revoked'),
  ),
  tdx(
    'platform revoked',
    'tcb-status',
    { info: (i) => (i.tcbLevels = [level(5, [5, 0, 3], 'Revoked')]) },
    status('Revoked'),
  ),
  tdx(
    'hardening needed',
    'tcb-status',
    { info: (i) => (i.tcbLevels = [level(5, [5, 0, 3], 'SWHardeningNeeded')]) },
    status('SWHardeningNeeded'),
  ),
  tdx(
    'configuration needed',
    'tcb-status',
    { info: (i) => (i.tcbLevels = [level(5, [5, 0, 3], 'ConfigurationNeeded')]) },
    status('ConfigurationNeeded'),
  ),
  // Version 5, type 3.
  tdx('type 3 with the size of type 2', 'quote-format', { quote: (q) => q.writeUInt32LE(584, 50) }),
  tdx('type 2 with the size of type 3', 'quote-format', { bodyType: 2, quote: (q) => q.writeUInt32LE(648, 50) }),
  tdx('SVNs of the running module changed', 'quote-signature', { quote: (q) => q.writeUInt8(9, 54 + 584) }),
  tdx('measurement of a service TD changed', 'quote-signature', { quote: (q) => q.writeUInt8(9, 54 + 600) }),
  tdx('type of the body under another version', 'quote-format', { version: 4, quote: (q) => q.writeUInt16LE(5, 0) }),
  tdx('signed by the PCK instead of the attestation key', 'qe-report-data', { qeReport: (r) => r.fill(7, 320, 352) }),
  tdx('PCK signature over another QE report', 'qe-report-signature', { pck: { key: keys.ca } }),
]

export const tdxCases: readonly SyntheticCase[] = [
  ...tdxFaults.map(([name, options, [check = '', ...echoes]]) => tdx(name, check, options, { echoes })),
  ...gaps,
]
