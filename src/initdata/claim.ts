import type { Technology } from '../base/technology.ts'
import { toBase64 } from '../encoding/base64.ts'
import { initdataBinding, platformOf } from './bindings.ts'

/**
 * The claim `init_data` that Trustee makes of evidence of a guest with initdata: what the hardware or vTPM shows, in hex. Of a sample the embedded
 * KBS echoes the digest in base64.
 *
 * @throws VerificationError `format-invalid` where the technology doesn't keep the whole digest
 */
export function initdataClaim(digest: Uint8Array, technology: Technology): string {
  if (technology === 'sample') return toBase64(digest)
  return initdataBinding(digest, platformOf(technology)).toString('hex')
}
