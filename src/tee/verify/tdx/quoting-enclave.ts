import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto'
import { VerificationError } from '../../../base/errors.ts'
import { toBase64url } from '../../../encoding/base64.ts'
import type { AuthData } from './auth-data.ts'
import type { QeIdentity } from './qe-identity.ts'

/** ECDSA P-256 over SHA-256 with r ‖ s. @throws VerificationError `signature-invalid` */
export function checkEcdsa(bytes: Uint8Array, signature: Uint8Array, key: KeyObject, subject: string): void {
  if (!verify('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }, signature)) {
    throw new VerificationError('signature-invalid', `the signature of ${subject} does not hold`, { subject })
  }
}

/** @param point x ‖ y @throws VerificationError `format-invalid` when the point is not on P-256 */
export function attestationKey(point: Buffer): KeyObject {
  try {
    const [x, y] = [point.subarray(0, 32), point.subarray(32)].map((part) => toBase64url(part))
    return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: x ?? '', y: y ?? '' }, format: 'jwk' })
  } catch (cause) {
    throw new VerificationError('format-invalid', 'the attestation key is not a point on P-256', { cause })
  }
}

/** The enclave's report data is SHA-256 of key and authentication data, then zeros: so the PCK key speaks for that key. @throws VerificationError `key-mismatch` */
export function checkKeyBinding({ attestationKey: key, qeAuthData, qeReport }: AuthData): void {
  const hash = createHash('sha256').update(key).update(qeAuthData).digest()
  if (!qeReport.reportData.equals(Buffer.concat([hash, Buffer.alloc(32)]))) {
    throw new VerificationError('key-mismatch', 'the QE report is not about this attestation key')
  }
}

/**
 * MISCSELECT stands in the identity in the order of the report's bytes (Intel's own sample pair shows it).
 *
 * @throws VerificationError `evidence-invalid` when it is not Intel's quoting enclave (Intel QVL, 4.1.2.9)
 */
export function checkQuotingEnclave({ qeReport }: AuthData, identity: QeIdentity): void {
  const same =
    masked(qeReport.miscSelect, identity.miscselectMask, identity.miscselect) &&
    masked(qeReport.attributes, identity.attributesMask, identity.attributes) &&
    qeReport.mrSigner.equals(identity.mrsigner) &&
    qeReport.isvProdId === identity.isvprodid
  if (!same) throw new VerificationError('evidence-invalid', 'the quoting enclave is not the one that Intel describes')
}

/** Whether a value under a mask is the wanted one. A wanted bit outside the mask can never be met, as in Intel's library. */
export function masked(value: Uint8Array, mask: Uint8Array, wanted: Uint8Array): boolean {
  return value.length === wanted.length && value.every((byte, i) => (byte & (mask[i] ?? 0)) === wanted[i])
}
