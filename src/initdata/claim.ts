import type { Technology } from '../base/technology.ts'
import { toBase64 } from '../encoding/base64.ts'
import { initdataBinding } from './bindings.ts'

/**
 * The claim `init_data` that Trustee makes of evidence of a guest with initdata: what the hardware or vTPM shows, in hex. Of a sample the embedded
 * KBS echoes the digest in base64.
 *
 * @throws VerificationError `format-invalid` where the technology doesn't keep the whole digest
 */
export function initdataClaim(digest: Uint8Array, technology: Technology): string {
  if (technology === 'sample') return toBase64(digest)
  const platform = technology === 'snp' || technology === 'tdx' ? technology : 'tpm'
  return initdataBinding(digest, platform).toString('hex')
}
