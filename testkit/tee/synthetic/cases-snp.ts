import { pssAlgorithm, type CertificateOptions } from '../pki/pki.ts'
import { oid, sequence, der } from '../../../src/encoding/der-write.ts'
import { strangerKey, syntheticCrl, turinChip, type SyntheticOptions } from '../pki/snp.ts'
import type { SyntheticCase } from './case.ts'
import { good, put, snpExtensionFaults, snpFaults, snpFormFaults, verdictOf, type More } from './faults-snp.ts'

const past = new Date('2026-05-31T00:00:00Z')
const future = new Date('2026-06-02T00:00:00Z')
const critical = [{ oid: '1.2.3.4', critical: true, value: Buffer.of(5, 0) }]

function snp(name: string, expectedCheck: string, options: Partial<SyntheticOptions>, more: More = {}): SyntheticCase {
  return { name, technology: 'snp', expectedCheck, run: () => verdictOf({ ...good, ...options }, more) }
}

const issuer = (fault: Partial<CertificateOptions>): More => ({ issuer: fault })
const ark = (fault: Partial<CertificateOptions>): More => ({ ark: fault })
const leaf = (fault: Partial<CertificateOptions>): Partial<SyntheticOptions> => ({ certificate: fault })
const milan = { line: 'Milan', version: 3 } as const
const pkcs1 = sequence(oid('1.2.840.113549.1.1.12'), der(0x05))

/** Each in AMD's own structures, with one parameter of RSA-PSS that AMD does not use. */
const algorithms: [what: string, algorithm: Buffer][] = [
  ['20 bytes of salt', pssAlgorithm({ salt: 20 })],
  ['no salt length, which means 20', pssAlgorithm({ salt: null })],
  ['SHA-256', pssAlgorithm({ hash: 'sha256' })],
  ['SHA-256 in the mask', pssAlgorithm({ maskHash: 'sha256' })],
  ['another mask than MGF1', pssAlgorithm({ mask: '1.2.840.113549.1.1.9' })],
  ['trailer 2', pssAlgorithm({ trailer: 2 })],
  ['no parameters', sequence(oid('1.2.840.113549.1.1.10'))],
  ['PKCS #1 1.5 in its place', pkcs1],
]

/** What no real vector shows: Turin, version 5, lists, expired links, wrong authorities, tricks with RSA-PSS, VMPL. */
const gaps: SyntheticCase[] = [
  // Each link of the chain at its end, and before its beginning.
  snp('ARK expired', 'chain-validity', {}, ark({ to: past })),
  snp('ARK not yet valid', 'chain-validity', {}, ark({ from: future })),
  snp('ASK not yet valid', 'chain-validity', {}, issuer({ from: future })),
  snp('ASVK expired', 'chain-validity', { kind: 'vlek' }, issuer({ to: past })),
  snp('VLEK expired', 'chain-validity', { kind: 'vlek', ...leaf({ to: past }) }),
  // Authorities.
  snp('ARK that is no authority', 'chain-authorities', {}, ark({ ca: undefined as never, usage: 0x06 })),
  snp('ARK whose key may sign lists only', 'chain-authorities', {}, ark({ usage: 0x02 })),
  snp('ASK whose key may sign lists only', 'chain-authorities', {}, issuer({ usage: 0x02 })),
  snp('ARK that allows no authority below', 'chain-path-length', {}, ark({ ca: { pathLength: 0 } })),
  snp('VCEK that is an authority', 'chain-leaf', leaf({ ca: { pathLength: null } })),
  snp('a critical extension of the VCEK', 'form', leaf({ extensions: critical })),
  snp('a critical extension of the ASK', 'chain-critical-extensions', {}, issuer({ extensions: critical })),
  snp('a critical extension of the ARK', 'chain-critical-extensions', {}, ark({ extensions: critical })),
  snp('ASK signed by another key', 'chain-signatures', {}, issuer({ by: strangerKey })),
  snp('VCEK with more salt than it says', 'chain-signatures', leaf({ salt: 47, algorithm: pssAlgorithm() })),
  snp('VCEK with less salt than it says', 'chain-signatures', leaf({ salt: 0, algorithm: pssAlgorithm() })),
  ...algorithms.map(([what, algorithm]) => snp(`VCEK with ${what}`, 'form', leaf({ algorithm }))),
  ...algorithms.map(([what, algorithm]) => snp(`ASK with ${what}`, 'form', {}, issuer({ algorithm }))),
  // Lists.
  snp('revoked ASVK', 'crl-revoked', { kind: 'vlek' }, { crl: syntheticCrl('Turin', { revoked: [7, 0x30001] }) }),
  snp('revoked ASK of Milan', 'crl-revoked', milan, { crl: syntheticCrl('Milan', { revoked: [0x30001] }) }),
  snp('a list of the future', 'crl-window', {}, { crl: syntheticCrl('Turin', { thisUpdate: future }) }),
  snp('a list without an end', 'form', {}, { crl: syntheticCrl('Turin', { nextUpdate: null }) }),
  snp(
    'a delta list',
    'form',
    {},
    {
      crl: syntheticCrl('Turin', { extensions: [{ oid: '2.5.29.27', critical: true, value: Buffer.of(2, 1, 1) }] }),
    },
  ),
  snp('a list that names a serial number twice', 'form', {}, { crl: syntheticCrl('Turin', { revoked: [5, 5] }) }),
  snp('an ARK that may sign no lists', 'crl-issuer', {}, { crl: syntheticCrl('Turin'), ark: { usage: 0x04 } }),
  // Turin.
  snp('a chip id of Turin with one bit changed', 'chip', { change: put(0x1a0, (turinChip[0] ?? 0) ^ 1) }),
  snp('a report of version 2 with a long chip id under Turin', 'line', {
    version: 2,
    change: put(0x1df, 1),
    kind: 'vlek',
  }),
  snp('FMC above that of the certificate', 'tcb-certificate', {
    change: (r) => [0x38, 0x180, 0x1e0].forEach((at) => put(at, 2)(r)),
  }),
  snp('current FMC below the committed one', 'tcb-order', { change: put(0x1e0, 2) }),
  snp('reserved byte 5 of the launch TCB', 'form', { change: put(0x1f5, 1) }),
  // Version 5.
  snp(
    'a mitigation that was off at launch',
    'mitigations',
    { change: put(0x1f8, 0b010) },
    { policy: { mitigations: 0b011n } },
  ),
  snp(
    'a mitigation switched off since launch',
    'mitigations',
    { change: put(0x200, 0b010) },
    { policy: { mitigations: 0b011n } },
  ),
  snp('version 4', 'form', { change: put(0, 4) }),
  snp('version 7', 'form', { change: put(0, 7) }),
  snp('an extended TCB in version 5', 'form', { change: put(0x220, 1) }),
  snp('an extended TCB on Turin', 'form', { version: 6, change: put(0x26d, 1) }),
  snp('a byte between mitigations and extended TCB', 'form', { version: 6, change: put(0x21f, 1) }),
  snp('a byte behind the extended TCB', 'form', { version: 6, change: put(0x280, 1) }),
  snp('Venice', 'line', { change: put(0x188, 0x1a, 0x50) }),
  snp('Venice with its extended TCB', 'form', {
    version: 6,
    change: (r) => [put(0x188, 0x1a, 0xa0), put(0x220, 1)].forEach((change) => change(r)),
  }),
  // VMPL and what an SVSM does.
  snp('VMPL 2', 'vmpl', { change: put(0x30, 2) }),
  snp('VMPL 3', 'vmpl', { change: put(0x30, 3) }),
  snp('VMPL 2 where 1 is wanted', 'vmpl', { change: put(0x30, 2) }, { policy: { vmpl: 1 } }),
  snp('report data of an SVSM: a hash over the nonce and a manifest', 'report-data', {
    change: (report) => report.fill(0x77, 0x50, 0x90),
  }),
  snp('report data with a byte behind', 'report-data', { change: put(0x8f, 0) }),
]

export const snpCases: readonly SyntheticCase[] = [
  ...snpFaults.map(([name, [check = '', ...echoes], options, more]) => ({
    ...snp(name, check, options, more),
    echoes,
  })),
  ...snpFormFaults.map(([name, offset, bytes]) => snp(name, 'form', { change: put(offset, ...bytes) })),
  ...snpExtensionFaults.map(([name, line, kind, extensions]) =>
    snp(`a key certificate with ${name}`, 'form', { line, kind, version: 3, extensions }),
  ),
  ...gaps,
]
