import type { TdxCollateral } from '../../../src/tee/verify/tdx/collateral.ts'
import { makeKey } from '../../../testkit/tee/pki/pki.ts'
import { keys, level, part, sgxExtension, type WorldOptions } from '../../../testkit/tee/tdx/synthetic.ts'

/** A synthetic world with one thing wrong, signed anew where signatures cover it, and the one check of ours that fails. */
export interface TdxFault {
  check: string
  what: string
  options: WorldOptions
}

const past = new Date('2026-06-01T00:00:00Z')
const future = new Date('2026-06-30T00:00:00Z')
const other = makeKey('P-256')
const critical = { oid: '1.2.3.4', critical: true, value: Buffer.of(5, 0) }
const text = (change: (collateral: TdxCollateral) => void): WorldOptions => ({ collateral: change })

/** In the order of our checks. */
export const tdxFaults: readonly TdxFault[] = [
  { check: 'quote-format', what: 'reserved header bytes, signed', options: { signed: (q) => q.writeUInt32LE(1, 8) } },
  { check: 'quote-format', what: 'another QE vendor, signed', options: { signed: (q) => q.fill(0, 12, 28) } },
  { check: 'quote-format', what: 'attestation key type 3, signed', options: { signed: (q) => q.writeUInt16LE(3, 2) } },
  { check: 'trailing-bytes', what: 'bytes behind the quote that are not zero', options: { trailing: Buffer.of(0, 1) } },
  { check: 'pck-validity', what: 'PCK certificate expired', options: { pck: { to: past } } },
  { check: 'pck-validity', what: 'PCK certificate not yet valid', options: { pck: { from: future } } },
  { check: 'pck-validity', what: 'PCK CA expired', options: { ca: { to: past } } },
  { check: 'pck-profile', what: 'PCK certificate of another name', options: { pck: { subject: 'Somebody' } } },
  {
    check: 'pck-authorities',
    what: 'PCK CA without the CA flag',
    options: { ca: { ca: undefined as never, usage: 0x06 } },
  },
  { check: 'pck-authorities', what: 'PCK CA whose key may not sign certificates', options: { ca: { usage: 0x02 } } },
  { check: 'pck-leaf', what: 'PCK certificate that is a CA', options: { pck: { ca: { pathLength: null } } } },
  { check: 'pck-signatures', what: 'PCK certificate signed by another key', options: { pck: { by: other } } },
  { check: 'pck-signatures', what: 'PCK CA signed by another key', options: { ca: { by: other } } },
  {
    check: 'pck-critical-extensions',
    what: 'PCK CA with an unknown critical extension',
    options: { ca: { extensions: [critical] } },
  },
  { check: 'pck-extension', what: 'PCK certificate without the SGX extension', options: { sgxExtension: null } },
  {
    check: 'root-crl-format',
    what: 'root list that is garbage',
    options: text((c) => (c.rootCrl = Buffer.from('garbage'))),
  },
  {
    check: 'pck-crl-format',
    what: 'PCK list that is garbage',
    options: text((c) => (c.pckCrl = Buffer.from('garbage'))),
  },
  {
    check: 'pck-crl-format',
    what: 'PCK list that is a delta',
    options: { pckCrl: { extensions: [{ oid: '2.5.29.27', critical: true, value: Buffer.of(2, 1, 1) }] } },
  },
  { check: 'root-crl-signature', what: 'root list by another key', options: { rootCrl: { by: other } } },
  { check: 'root-crl-revoked', what: 'PCK CA revoked', options: { rootCrl: { revoked: [2] } } },
  { check: 'root-crl-window', what: 'root list too old', options: { rootCrl: { nextUpdate: past } } },
  { check: 'pck-crl-signature', what: 'PCK list by another key', options: { pckCrl: { by: other } } },
  {
    check: 'pck-crl-issuer',
    what: 'PCK list of another issuer',
    options: { pckCrl: { issuer: 'Intel SGX PCK Processor CA' } },
  },
  { check: 'pck-crl-revoked', what: 'PCK certificate revoked', options: { pckCrl: { revoked: [3] } } },
  { check: 'pck-crl-window', what: 'PCK list too old', options: { pckCrl: { nextUpdate: past } } },
  { check: 'pck-crl-window', what: 'PCK list of the future', options: { pckCrl: { thisUpdate: future } } },
  { check: 'tcb-info-signer-crl-revoked', what: 'TCB signer revoked', options: { rootCrl: { revoked: [4] } } },
  { check: 'tcb-info-signer-validity', what: 'TCB signer expired', options: { signer: { to: past } } },
  {
    check: 'tcb-info-signer-profile',
    what: 'TCB signer of another name',
    options: { signer: { subject: 'Intel SGX PCK Certificate' } },
  },
  {
    check: 'tcb-info-signer-signatures',
    what: 'TCB signer issued by the PCK CA',
    options: { signer: { issuer: 'Intel SGX PCK Platform CA', by: keys.ca } },
  },
  { check: 'tcb-info-signature', what: 'TCB info changed', options: text((c) => c.tcbInfo.bytes.write('x', 40)) },
  { check: 'tcb-info-signature', what: 'TCB info of SGX, signed', options: { info: (i) => (i.id = 'SGX') } },
  { check: 'tcb-info-signature', what: 'TCB info of version 2, signed', options: { info: (i) => (i.version = 2) } },
  {
    check: 'tcb-info-window',
    what: 'TCB info too old',
    options: { info: (i) => (i.nextUpdate = '2026-06-10T00:00:00Z') },
  },
  {
    check: 'tcb-info-window',
    what: 'TCB info of the future',
    options: { info: (i) => (i.issueDate = '2026-06-20T00:00:00Z') },
  },
  {
    check: 'qe-identity-signature',
    what: 'QE identity changed',
    options: text((c) => c.qeIdentity.bytes.write('x', 40)),
  },
  { check: 'qe-identity-signature', what: 'QE identity of SGX, signed', options: { identity: (i) => (i.id = 'QE') } },
  {
    check: 'qe-identity-window',
    what: 'QE identity too old',
    options: { identity: (i) => (i.nextUpdate = '2026-06-10T00:00:00Z') },
  },
  {
    check: 'qe-report-signature',
    what: 'QE report changed',
    options: { quote: (q) => q.writeUInt8(9, 706 + 134 + 64) },
  },
  {
    check: 'qe-report-data',
    what: 'QE report about another attestation key',
    options: { qeReport: (r) => r.fill(0, 320, 352) },
  },
  {
    check: 'qe-report-data',
    what: 'bytes behind the hash in the QE report',
    options: { qeReport: (r) => r.writeUInt8(1, 383) },
  },
  { check: 'qe-identity', what: 'quoting enclave in debug mode', options: { qeReport: (r) => r.writeUInt8(0x13, 48) } },
  {
    check: 'qe-identity',
    what: 'quoting enclave of another signer',
    options: { qeReport: (r) => r.fill(0, 128, 160) },
  },
  {
    check: 'qe-identity',
    what: 'quoting enclave of another product',
    options: { qeReport: (r) => r.writeUInt16LE(1, 256) },
  },
  {
    check: 'qe-identity',
    what: 'quoting enclave with another MISCSELECT',
    options: { qeReport: (r) => r.writeUInt8(1, 16) },
  },
  { check: 'quote-signature', what: 'RTMR changed', options: { quote: (q) => q.writeUInt8(9, 54 + 330) } },
  { check: 'fmspc', what: 'TCB info of another platform family', options: { info: (i) => (i.fmspc = '90c06f000000') } },
  { check: 'fmspc', what: 'TCB info of another PCE', options: { info: (i) => (i.pceId = '0001') } },
  { check: 'tdx-module', what: 'TDX module of a version that nobody lists', options: { teeTcbSvn: [6, 2, 3] } },
  { check: 'tdx-module', what: 'TDX module of another signer', options: { body: (b) => b.fill(1, 64, 112) } },
  { check: 'tdx-module', what: 'SEAM attributes', options: { body: (b) => b.fill(1, 112, 113) } },
  {
    check: 'tcb-level',
    what: 'one SGX component below all levels',
    options: { pckComponents: [...Array<number>(15).fill(5), 2] },
  },
  { check: 'tcb-level', what: 'TDX components below all levels', options: { teeTcbSvn: [6, 1, 1] } },
  { check: 'tcb-level', what: 'PCE SVN below all levels', options: { sgxExtension: sgxExtension(undefined, 12) } },
  { check: 'tcb-level', what: 'TDX module below all levels', options: { teeTcbSvn: [3, 1, 3] } },
  {
    check: 'tcb-level',
    what: 'quoting enclave below all levels',
    options: { qeReport: (r) => r.writeUInt16LE(1, 258) },
  },
  { check: 'tcb-status', what: 'platform out of date', options: { pckComponents: Array<number>(16).fill(3) } },
  { check: 'tcb-status', what: 'TDX module out of date', options: { teeTcbSvn: [4, 1, 3] } },
  { check: 'tcb-status', what: 'quoting enclave out of date', options: { qeReport: (r) => r.writeUInt16LE(3, 258) } },
  {
    check: 'tcb-status',
    what: 'platform revoked',
    options: { info: (i) => (i.tcbLevels = [level(5, [5, 0, 3], 'Revoked')]) },
  },
  {
    check: 'tcb-status',
    what: 'quoting enclave revoked',
    options: { identity: (i) => (i.tcbLevels = [part(4, 'Revoked')]) },
  },
  { check: 'td-debug', what: 'debug TD', options: { tdAttributes: (1n << 28n) | 1n } },
  { check: 'td-debug', what: 'another bit of the debug group', options: { tdAttributes: (1n << 28n) | 0x20n } },
  { check: 'td-reserved', what: 'a reserved TD attribute', options: { tdAttributes: (1n << 28n) | (1n << 40n) } },
  { check: 'td-sept-ve-disable', what: 'SEPT_VE_DISABLE clear', options: { tdAttributes: 0n } },
  { check: 'td-migratable', what: 'a TD that can migrate', options: { tdAttributes: (1n << 28n) | (1n << 29n) } },
  { check: 'report-data', what: 'another report data', options: { body: (b) => b.writeUInt8(0, 520) } },
]

/** No fault, but the place where implementations read Intel's rules in another way. */
export const tdxRules: readonly TdxFault[] = [
  { check: '', what: 'good world', options: {} },
  { check: '', what: 'XFAM zero', options: { body: (b) => b.writeBigUInt64LE(0n, 128) } },
  { check: '', what: 'QE authentication data of another length', options: { qeAuthData: Buffer.from('synthetic') } },
  {
    check: '',
    what: 'TDX component 0 of the level above TEE_TCB_SVN, module of version 1',
    options: { info: (i) => (i.tcbLevels = [level(5, [9, 0, 3], 'UpToDate')]) },
  },
  { check: '', what: 'levels in another order', options: { info: (i) => void i.tcbLevels.reverse() } },
  { check: '', what: '70 zero bytes behind the quote', options: { trailing: Buffer.alloc(70) } },
]
