import { VerificationError } from '../../../base/errors.ts'
import { sha256 } from '../../../base/streams.ts'
import type { Signable } from '../../../agent/rules/signable.ts'
import { pae } from '../../../sign/dsse.ts'
import { parseSimpleSigning, simpleSigningPayload } from '../../../sign/simple-signing.ts'
import { payloadType } from '../../../statement/types.ts'

/**
 * Reads what a signature is asked for: the pre-authentication encoding of an in-toto statement (DSSE), or a payload of cosign's simple signing. Each
 * is made again from what was read, and has to come out the same: bytes that another reader could take for something else are refused.
 *
 * @throws VerificationError `role-mismatch`, `format-invalid`
 */
export function spokenOf(bytes: Buffer): Signable {
  const [head, length] =
    /^DSSEv1 28 application\/vnd\.in-toto\+json (\d{1,10}) /.exec(bytes.toString('latin1', 0, 64)) ?? []
  if (head !== undefined) {
    const payload = bytes.subarray(head.length)
    if (payload.length !== Number(length) || !pae(payloadType, payload).equals(bytes)) throw unknown()
    return { subject: null, payload: sha256(payload) }
  }
  const image = parseSimpleSigning(bytes)
  if (!simpleSigningPayload(image).equals(bytes)) throw unknown()
  return { subject: image.digest, payload: null }
}

function unknown(): VerificationError {
  return new VerificationError('role-mismatch', 'the bytes to sign are neither a statement nor an image signature', {
    subject: 'payload',
  })
}
