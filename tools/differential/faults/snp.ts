import { writePem } from '../../../src/encoding/pem.ts'
import type { SnpTrust } from '../../../src/tee/verify/snp/trust.ts'
import { parseCertificate } from '../../../src/encoding/x509/certificate.ts'
import { der, integer, sequence } from '../../../src/encoding/der-write.ts'
import type { CertificateOptions } from '../../../testkit/tee/pki/pki.ts'
import { strangerKey, syntheticAuthorities, syntheticSnp, type SyntheticOptions } from '../../../testkit/tee/pki/snp.ts'

/** A synthetic report with one thing wrong, signed anew, and the one check of ours that fails. */
export interface SnpFault {
  check: string
  what: string
  options?: Partial<SyntheticOptions>
  issuer?: Partial<CertificateOptions>
  /** Asks for other report data than the report has. */
  reportData?: Buffer
}

const put =
  (offset: number, ...bytes: number[]) =>
  (report: Buffer): void =>
    report.set(bytes, offset)

/** In the order of our checks; Milan, version 3. */
export const snpFaults: readonly SnpFault[] = [
  { check: 'form', what: 'version 4', options: { change: put(0, 4) } },
  { check: 'form', what: 'a reserved bit of the guest policy', options: { change: put(0x0b, 0x04) } },
  { check: 'form', what: 'bit 17 of the guest policy clear', options: { change: put(0x0a, 0x01) } },
  { check: 'form', what: 'VMPL 4', options: { change: put(0x30, 4) } },
  { check: 'form', what: 'another signature algorithm', options: { change: put(0x34, 2) } },
  { check: 'form', what: 'a reserved bit of the platform information', options: { change: put(0x41, 0x01) } },
  { check: 'form', what: 'reserved key information', options: { change: put(0x48, 0x20) } },
  { check: 'form', what: 'a reserved word', options: { change: put(0x4c, 1) } },
  { check: 'form', what: 'a byte behind the CPUID', options: { change: put(0x18b, 1) } },
  { check: 'form', what: 'a reserved byte of the reported TCB', options: { change: put(0x184, 1) } },
  { check: 'form', what: 'a byte behind the launch TCB', options: { change: put(0x208, 1) } },
  { check: 'form', what: 'key certificate without the hardware id', options: { extensions: { ...spare(), 4: null } } },
  {
    check: 'form',
    what: 'a TCB part above a byte in the key certificate',
    options: { extensions: { ...spare(), 3.8: integer(256) } },
  },
  { check: 'key-certificate', what: 'a report that no key signs', options: { change: put(0x48, 0x1c) } },
  { check: 'line', what: 'CPUID of Genoa under a Milan certificate', options: { change: put(0x188, 0x19, 0x11) } },
  { check: 'line', what: 'CPUID of an unknown processor', options: { change: put(0x188, 0x1b, 0x01) } },
  { check: 'chain-signatures', what: 'key certificate by another key', options: { certificate: { by: strangerKey } } },
  { check: 'chain-authorities', what: 'ASK without the CA flag', issuer: { ca: undefined as never } },
  { check: 'chain-leaf', what: 'key certificate that is a CA', options: { certificate: { ca: { pathLength: null } } } },
  {
    check: 'chain-validity',
    what: 'key certificate expired',
    options: { certificate: { to: new Date('2026-05-31T00:00:00Z') } },
  },
  { check: 'chain-validity', what: 'ASK expired', issuer: { to: new Date('2026-05-31T00:00:00Z') } },
  {
    check: 'chain-validity',
    what: 'key certificate not yet valid',
    options: { certificate: { from: new Date('2035-01-01T00:00:00Z') } },
  },
  { check: 'chip', what: 'chip id of another machine', options: { change: put(0x1a0, 0xff) } },
  {
    check: 'tcb-certificate',
    what: 'reported microcode other than in the certificate',
    options: { change: put(0x187, 8) },
  },
  {
    check: 'tcb-certificate',
    what: 'reported boot loader other than in the certificate',
    options: { change: put(0x180, 1) },
  },
  { check: 'tcb-order', what: 'current TCB below the reported', options: { change: put(0x3f, 8) } },
  { check: 'tcb-order', what: 'committed TCB above the current', options: { change: put(0x1e7, 10) } },
  { check: 'report-signature', what: 'report signed by another key', options: { by: strangerKey } },
  { check: 'report-data', what: 'other report data than asked for', reportData: Buffer.alloc(64, 0x43) },
  { check: 'policy-debug', what: 'debugging allowed', options: { change: put(0x0a, 0x0b) } },
  { check: 'policy-migration-agent', what: 'a migration agent allowed', options: { change: put(0x0a, 0x07) } },
  { check: 'vmpl', what: 'VMPL 1', options: { change: put(0x30, 1) } },
]

/** No fault: what a peer cannot read, or reads in another way. */
export const snpRules: readonly SnpFault[] = [
  { check: '', what: 'good report (Milan, version 3)' },
  { check: '', what: 'good report (Genoa, version 3)', options: { line: 'Genoa' } },
  { check: '', what: 'good report (Genoa, version 5, mitigation vectors)', options: { line: 'Genoa', version: 5 } },
  { check: '', what: 'good report (Turin, version 3)', options: { line: 'Turin' } },
  { check: '', what: 'masked chip id', options: { change: (report) => report.fill(0, 0x1a0, 0x1e0) } },
]

/** Reserved SPLs that AMD's certificates of the older lines have and go-sev-guest asks for. */
function spare(): Record<string, Uint8Array | null> {
  return { 3.4: integer(0), 3.5: integer(0), 3.6: integer(0), 3.7: integer(0) }
}

const place = [
  ['2.5.4.11', 'Engineering'],
  ['2.5.4.6', 'US'],
  ['2.5.4.7', 'Santa Clara'],
  ['2.5.4.8', 'CA'],
  ['2.5.4.10', 'Advanced Micro Devices'],
] as const

export interface SnpWorld {
  report: Buffer
  key: Buffer
  ask: Buffer
  ark: Buffer
  /** ASK and ARK as `-product_key_path` wants them. */
  pem: string
  trust: SnpTrust
  product: string
}

/** The world of a fault, in the shape of AMD's own certificates. */
export function snpWorld({ options = {}, issuer = {} }: SnpFault): SnpWorld {
  const line = options.line ?? 'Milan'
  const list = der(0x86, Buffer.from(`https://kdsintf.amd.com/vcek/v1/${line}/crl`))
  const points = { oid: '2.5.29.31', value: sequence(sequence(der(0xa0, der(0xa0, list)))) }
  const authority = { place, extensions: [points] }
  const { report, certificates } = syntheticSnp({
    line,
    ...options,
    extensions: { ...(line === 'Turin' ? {} : spare()), ...options.extensions },
    certificate: { place, ...options.certificate },
  })
  const { ark, issuer: ask } = syntheticAuthorities(line, 'vcek', { ...authority, ...issuer }, authority)
  const [root, middle] = [parseCertificate(ark, 'ARK'), parseCertificate(ask, 'ASK')]
  const pinned = new Set([root.fingerprint, middle.fingerprint])
  return {
    report,
    key: certificates[0] ?? Buffer.alloc(0),
    ask,
    ark,
    pem: writePem('CERTIFICATE', ask) + writePem('CERTIFICATE', ark),
    trust: () => ({ ark: root, issuers: { vcek: middle, vlek: middle }, pinned }),
    // As the CPUID of the synthetic reports has it.
    product: `${line}-B${line === 'Turin' ? 0 : 1}`,
  }
}
