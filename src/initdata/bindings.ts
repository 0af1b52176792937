import { createHash } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import type { Technology } from '../base/technology.ts'
import type { InitdataAlgorithm } from './document.ts'

/** Fields of evidence that hold the digest of initdata, with their size in bytes. A vTPM has it extended into PCR 8 of the SHA-256 bank. */
export const initdataFields = {
  snp: { name: 'HOST_DATA', size: 32 },
  tdx: { name: 'MRCONFIGID', size: 48 },
  tpm: { name: 'PCR 8', size: 32 },
} as const
export type InitdataPlatform = keyof typeof initdataFields

/** Where a machine of a technology holds initdata: that of a cloud in its vTPM. */
export function platformOf(technology: Exclude<Technology, 'sample'>): InitdataPlatform {
  return technology === 'snp' || technology === 'tdx' ? technology : 'tpm'
}

/** Digest of the bytes of an initdata document as they are delivered: no reader encodes them again. */
export function initdataDigest(bytes: Uint8Array, algorithm: InitdataAlgorithm): Buffer {
  return createHash(algorithm).update(bytes).digest()
}

/** Whether a platform keeps a digest whole: a processor pads a shorter one with zeros, a vTPM takes 32 bytes only. @param size in bytes */
export function keepsWhole(platform: InitdataPlatform, size: number): boolean {
  const field = initdataFields[platform].size
  return platform === 'tpm' ? size === field : size <= field
}

/** PCR 8 of the SHA-256 bank after one extension by a digest of 32 bytes (TPM 2.0, Part 1, §17.2). */
export function extendedPcr8(digest: Uint8Array): Buffer {
  return createHash('sha256').update(Buffer.alloc(initdataFields.tpm.size)).update(digest).digest()
}

/**
 * The value that evidence of a platform shows for initdata. A digest that is shorter than its field has zeros behind it; a longer one would be cut
 * by the host, and a policy that compares the whole digest never matches, so it is refused. A vTPM takes a digest of exactly 32 bytes:
 * PCR 8 = SHA-256(32 zero bytes ‖ digest).
 *
 * @returns HOST_DATA (32 bytes), MRCONFIGID (48 bytes) or PCR 8 (32 bytes)
 * @throws VerificationError `format-invalid`: the platform doesn't keep the whole digest
 */
export function initdataBinding(digest: Uint8Array, platform: InitdataPlatform): Buffer {
  const { name, size } = initdataFields[platform]
  if (!keepsWhole(platform, digest.length))
    throw new VerificationError(
      'format-invalid',
      `${name} keeps ${size} bytes, not a digest of ${digest.length} bytes of initdata`,
      { subject: name, remedy: 'Use `algorithm = "sha256"`, which each platform keeps whole.' },
    )
  if (platform === 'tpm') return extendedPcr8(digest)
  const field = Buffer.alloc(size)
  field.set(digest)
  return field
}
