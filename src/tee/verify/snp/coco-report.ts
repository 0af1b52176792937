import { z } from 'zod'
import { VerificationError } from '../../../base/errors.ts'
import { firstIssue } from '../../../base/first-issue.ts'
import { dersOf } from './certificate-table.ts'
import { reportSize } from './report.ts'
import { tcbBytes } from './tcb.ts'

const byte = z.int().min(0).max(255)
const u32 = z.int().min(0).max(0xffff_ffff)
/** JSON numbers above 2^53 are not exact: another writer could mean another value. */
const u64 = z.int().min(0)
const bytes = (length: number) => z.array(byte).length(length)
const tcb = z.strictObject({ fmc: byte.nullable(), bootloader: byte, tee: byte, snp: byte, microcode: byte })
const firmware = z.strictObject({ build: byte, minor: byte, major: byte })

const reportSchema = z.strictObject({
  version: u32,
  guest_svn: u32,
  policy: u64,
  family_id: bytes(16),
  image_id: bytes(16),
  vmpl: u32,
  sig_algo: u32,
  current_tcb: tcb,
  plat_info: u64,
  key_info: u32,
  report_data: bytes(64),
  measurement: bytes(48),
  host_data: bytes(32),
  id_key_digest: bytes(48),
  author_key_digest: bytes(48),
  report_id: bytes(32),
  report_id_ma: bytes(32),
  reported_tcb: tcb,
  cpuid_fam_id: byte.nullable(),
  cpuid_mod_id: byte.nullable(),
  cpuid_step: byte.nullable(),
  chip_id: bytes(64),
  committed_tcb: tcb,
  current: firmware,
  committed: firmware,
  launch_tcb: tcb,
  // Newer versions of the `sev` crate; older ones leave them out.
  launch_mit_vector: u64.nullish(),
  current_mit_vector: u64.nullish(),
  signature: z.strictObject({ r: bytes(72), s: bytes(72) }),
})
/** A kind that the crate does not know is written as `{"OTHER": GUID}`. */
const certificateSchema = z.strictObject({
  cert_type: z.union([
    z.enum(['Empty', 'ARK', 'ASK', 'VCEK', 'VLEK', 'CRL']),
    z.strictObject({ OTHER: z.string().max(64) }),
  ]),
  data: z.array(byte).max(32_768),
})
const evidenceSchema = z.strictObject({
  attestation_report: reportSchema,
  cert_chain: z.array(certificateSchema).max(64).nullish(),
})

/** Trustee's evidence for `snp` (coco.md §7.2) as the bytes it came from. */
export interface CocoSnp {
  /** 1184 bytes, rebuilt: the signature covers them, so a wrong value anywhere breaks it. */
  report: Buffer
  certificates: Buffer[]
  crl: Buffer | null
}

/** @throws VerificationError `format-invalid` naming the first wrong member */
export function readCocoSnp(evidence: unknown): CocoSnp {
  const result = evidenceSchema.safeParse(evidence)
  if (!result.success) {
    const { where, what } = firstIssue(result.error, 'its top')
    throw new VerificationError('format-invalid', `SNP evidence is not as expected at ${where}: ${what}`, {
      subject: 'SNP evidence',
    })
  }
  const { attestation_report: report, cert_chain: chain } = result.data
  const of = (...kinds: unknown[]): Buffer[] =>
    (chain ?? []).filter(({ cert_type: kind }) => kinds.includes(kind)).flatMap(({ data }) => dersOf(Buffer.from(data)))
  const lists = of('CRL')
  if (lists.length > 1) {
    throw new VerificationError('format-invalid', 'SNP evidence has more than one revocation list', {
      subject: 'SNP evidence',
    })
  }
  return {
    report: rebuild(report),
    certificates: of('VCEK', 'VLEK', 'ASK', 'ARK'),
    crl: lists[0] ?? null,
  }
}

/** Offsets: SEV-SNP firmware ABI §7.3. */
function rebuild(report: z.infer<typeof reportSchema>): Buffer {
  const out = Buffer.alloc(reportSize)
  const put = (offset: number, content: readonly number[] | Buffer): void => out.set(content, offset)
  out.writeUInt32LE(report.version, 0)
  out.writeUInt32LE(report.guest_svn, 4)
  out.writeBigUInt64LE(BigInt(report.policy), 8)
  put(0x10, report.family_id)
  put(0x20, report.image_id)
  out.writeUInt32LE(report.vmpl, 0x30)
  out.writeUInt32LE(report.sig_algo, 0x34)
  put(0x38, tcbBytes(report.current_tcb))
  out.writeBigUInt64LE(BigInt(report.plat_info), 0x40)
  out.writeUInt32LE(report.key_info, 0x48)
  put(0x50, report.report_data)
  put(0x90, report.measurement)
  put(0xc0, report.host_data)
  put(0xe0, report.id_key_digest)
  put(0x110, report.author_key_digest)
  put(0x140, report.report_id)
  put(0x160, report.report_id_ma)
  put(0x180, tcbBytes(report.reported_tcb))
  put(0x188, [report.cpuid_fam_id ?? 0, report.cpuid_mod_id ?? 0, report.cpuid_step ?? 0])
  put(0x1a0, report.chip_id)
  put(0x1e0, tcbBytes(report.committed_tcb))
  put(0x1e8, [report.current.build, report.current.minor, report.current.major])
  put(0x1ec, [report.committed.build, report.committed.minor, report.committed.major])
  put(0x1f0, tcbBytes(report.launch_tcb))
  out.writeBigUInt64LE(BigInt(report.launch_mit_vector ?? 0), 0x1f8)
  out.writeBigUInt64LE(BigInt(report.current_mit_vector ?? 0), 0x200)
  put(0x2a0, report.signature.r)
  put(0x2e8, report.signature.s)
  return out
}
