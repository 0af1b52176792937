import { VerificationError } from '../../base/errors.ts'
import type { JsonObject, JsonValue } from '../../base/json.ts'

/**
 * The 1184 bytes of an attestation report as the `sev` crate serialises them, which is what Trustee takes (coco.md §7.2; offsets: tee.md §2).
 *
 * @throws VerificationError `evidence-invalid` for a number that JSON cannot hold exactly
 */
export function snpReportJson(report: Buffer): JsonObject {
  const u32 = (offset: number): number => report.readUInt32LE(offset)
  const u64 = (offset: number): number => {
    const value = report.readBigUInt64LE(offset)
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new VerificationError('evidence-invalid', `the report's 64 bits at ${offset} do not fit a JSON number`, {
        subject: 'snp',
      })
    }
    return Number(value)
  }
  const bytes = (offset: number, length: number): JsonValue => [...report.subarray(offset, offset + length)]
  const version = u32(0)
  const identified = version >= 3
  const cpu = (offset: number): JsonValue => (identified ? (report[offset] ?? 0) : null)
  const turin = identified && report[0x188] === 0x1a
  const build = (offset: number): JsonObject => ({
    build: report[offset] ?? 0,
    minor: report[offset + 1] ?? 0,
    major: report[offset + 2] ?? 0,
  })
  return {
    version,
    guest_svn: u32(4),
    policy: u64(8),
    family_id: bytes(0x10, 16),
    image_id: bytes(0x20, 16),
    vmpl: u32(0x30),
    sig_algo: u32(0x34),
    current_tcb: tcb(report, 0x38, turin),
    plat_info: u64(0x40),
    key_info: u32(0x48),
    report_data: bytes(0x50, 64),
    measurement: bytes(0x90, 48),
    host_data: bytes(0xc0, 32),
    id_key_digest: bytes(0xe0, 48),
    author_key_digest: bytes(0x110, 48),
    report_id: bytes(0x140, 32),
    report_id_ma: bytes(0x160, 32),
    reported_tcb: tcb(report, 0x180, turin),
    cpuid_fam_id: cpu(0x188),
    cpuid_mod_id: cpu(0x189),
    cpuid_step: cpu(0x18a),
    chip_id: bytes(0x1a0, 64),
    committed_tcb: tcb(report, 0x1e0, turin),
    current: build(0x1e8),
    committed: build(0x1ec),
    launch_tcb: tcb(report, 0x1f0, turin),
    launch_mit_vector: version >= 5 ? u64(0x1f8) : null,
    current_mit_vector: version >= 5 ? u64(0x200) : null,
    signature: { r: bytes(0x2a0, 72), s: bytes(0x2e8, 72) },
  }
}

function tcb(report: Buffer, offset: number, turin: boolean): JsonObject {
  const at = (i: number): number => report[offset + i] ?? 0
  return turin
    ? { fmc: at(0), bootloader: at(1), tee: at(2), snp: at(3), microcode: at(7) }
    : { fmc: null, bootloader: at(0), tee: at(1), snp: at(6), microcode: at(7) }
}
