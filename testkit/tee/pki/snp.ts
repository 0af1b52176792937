import { createHash, sign } from 'node:crypto'
import type { SnpLine } from '../../../src/tee/verify/snp/amd-authorities.ts'
import type { SnpTrust } from '../../../src/tee/verify/snp/trust.ts'
import { parseCertificate } from '../../../src/encoding/x509/certificate.ts'
import { der, integer, octets } from '../../../src/encoding/der-write.ts'
import {
  makeCertificate,
  makeCrl,
  makeKey,
  type CertificateOptions,
  type CrlOptions,
  type TestExtension,
} from './pki.ts'

/** SYNTHETIC SNP world: authorities with the names of AMD's and keys of our own, for what no real vector shows (Turin, version 5, lists). */
const arkKey = makeKey('rsa')
const issuerKey = makeKey('rsa')
const chipKey = makeKey('P-384')
export const strangerKey = makeKey('P-384')

export const turinChip = Buffer.from('1e550a8ee5cf9f4d', 'hex')
export const milanChip = createHash('sha512').update('synthetic chip').digest()
/** One TCB for both layouts: FMC 1 only on Turin. */
const parts = { fmc: 1, bootloader: 2, tee: 3, snp: 4, microcode: 9 }

export function syntheticAuthorities(
  line: SnpLine,
  kind: 'vcek' | 'vlek' = 'vcek',
  fault: Partial<CertificateOptions> = {},
  root: Partial<CertificateOptions> = {},
) {
  const arkName = `ARK-${line}`
  const ark = makeCertificate({
    subject: arkName,
    issuer: arkName,
    key: arkKey,
    by: arkKey,
    ca: { pathLength: null },
    ...root,
  })
  const subject = kind === 'vcek' ? `SEV-${line}` : `SEV-VLEK-${line}`
  const issuer = makeCertificate({
    subject,
    issuer: arkName,
    key: issuerKey,
    by: arkKey,
    serial: 0x30001,
    ca: { pathLength: 0 },
    usage: 0x04,
    ...fault,
  })
  return { ark, issuer }
}

/** Trust in the synthetic authorities in place of AMD's. */
export function syntheticTrust(
  kind: 'vcek' | 'vlek' = 'vcek',
  fault: Partial<CertificateOptions> = {},
  top: Partial<CertificateOptions> = {},
): SnpTrust {
  return (line) => {
    const { ark, issuer } = syntheticAuthorities(line, kind, fault, top)
    const [root, middle] = [parseCertificate(ark, 'ARK'), parseCertificate(issuer, 'ASK')]
    const pinned = new Set([root.fingerprint, middle.fingerprint])
    return { ark: root, issuers: { vcek: middle, vlek: middle }, pinned }
  }
}

/** A list by the ARK of a line. */
export function syntheticCrl(line: SnpLine, options: Partial<CrlOptions> = {}): Buffer {
  return makeCrl({ issuer: `ARK-${line}`, by: arkKey, ...options })
}

const arc = '1.3.6.1.4.1.3704.1'

/** Extensions of AMD's key certificates. `change` replaces one by its last arcs; null removes it. */
export function keyExtensions(
  line: SnpLine,
  kind: 'vcek' | 'vlek',
  change: Record<string, Uint8Array | null> = {},
): TestExtension[] {
  const turin = line === 'Turin'
  const values: Record<string, Uint8Array | null> = {
    1: integer(turin ? 1 : 0),
    2: der(0x16, Buffer.from(turin || kind === 'vlek' ? line : `${line}-B0`)),
    3.1: integer(parts.bootloader),
    3.2: integer(parts.tee),
    3.3: integer(parts.snp),
    3.8: integer(parts.microcode),
    3.9: turin ? integer(parts.fmc) : null,
    4: kind === 'vlek' ? null : turin ? turinChip : octets(milanChip),
    5: kind === 'vlek' ? der(0x16, Buffer.from('CN=cloud.example')) : null,
    ...change,
  }
  return Object.entries(values).flatMap(([oid, value]) => (value === null ? [] : [{ oid: `${arc}.${oid}`, value }]))
}

export interface SyntheticOptions {
  line: SnpLine
  version?: 2 | 3 | 5 | 6
  kind?: 'vcek' | 'vlek'
  /** Changes the certificate of the key. */
  certificate?: Partial<CertificateOptions>
  extensions?: Record<string, Uint8Array | null>
  /** Changes the report before it is signed. */
  change?: (report: Buffer) => void
  by?: typeof chipKey
}

/** A signed report and the certificate of its key. The report data is 64 bytes of 0x42. */
export function syntheticSnp({
  line,
  version = 3,
  kind = 'vcek',
  certificate,
  extensions,
  change,
  by,
}: SyntheticOptions): {
  report: Buffer
  certificates: Buffer[]
} {
  const report = Buffer.alloc(1184)
  const turin = line === 'Turin'
  const { fmc, bootloader, tee, snp, microcode } = parts
  const tcb = turin ? [fmc, bootloader, tee, snp, 0, 0, 0, microcode] : [bootloader, tee, 0, 0, 0, 0, snp, microcode]
  report.writeUInt32LE(version, 0)
  report.writeBigUInt64LE(0x3001fn, 8)
  report.writeUInt32LE(1, 0x34)
  report.writeBigUInt64LE(0x25n, 0x40)
  report.writeUInt32LE(kind === 'vlek' ? 4 : 0, 0x48)
  report.fill(0x42, 0x50, 0x90)
  report.fill(0x4d, 0x90, 0xc0)
  for (const offset of [0x38, 0x180, 0x1e0, 0x1f0]) report.set(tcb, offset)
  if (version >= 3) report.set(turin ? [0x1a, 0x02, 0] : [0x19, line === 'Genoa' ? 0x11 : 0x01, 1], 0x188)
  if (kind === 'vcek') report.set(turin ? turinChip : milanChip, 0x1a0)
  report.set([40, 55, 1, 0, 40, 55, 1, 0], 0x1e8)
  if (version >= 5) {
    report.writeBigUInt64LE(0b111n, 0x1f8)
    report.writeBigUInt64LE(0b011n, 0x200)
  }
  change?.(report)
  const { privateKey } = by ?? chipKey
  const signature = sign('sha384', report.subarray(0, 0x2a0), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  report.set(Buffer.from(signature.subarray(0, 48)).reverse(), 0x2a0)
  report.set(Buffer.from(signature.subarray(48)).reverse(), 0x2e8)
  const leaf = makeCertificate({
    subject: kind === 'vcek' ? 'SEV-VCEK' : 'SEV-VLEK',
    issuer: kind === 'vcek' ? `SEV-${line}` : `SEV-VLEK-${line}`,
    key: chipKey,
    by: issuerKey,
    serial: 0,
    extensions: keyExtensions(line, kind, extensions),
    ...certificate,
  })
  return { report, certificates: [leaf] }
}
