import { parseCertificate, type Certificate } from '../../encoding/x509/certificate.ts'
import { writeStatement } from '../../log/scitt/statement.ts'
import type { Digest } from '../../oci/types.ts'
import type { CoseSigner } from '../../sign/cose/write.ts'
import { writeNotation } from '../../sign/notation/write.ts'
import { payloadType } from '../../statement/types.ts'
import type { NotationRequest, SignedStatementRequest } from '../protocol.ts'

/** What envelopes of COSE are made by: a key, and whoever knows what it may sign. */
export interface CoseContext {
  readonly signer: CoseSigner
  readonly now: Date
  /** Refuses what this key may not sign, by the journal (src/agent/rules/signable.ts). @throws VerificationError `role-mismatch` */
  permit(wanted: { subject: Digest; payload: Digest | null }): Promise<void>
}

/**
 * Signs a manifest in an envelope of the Notary Project (COSE). The envelope is made here, so that nothing that is handed in is signed as it is
 * (TRUST §4).
 *
 * @throws VerificationError `role-mismatch` for a manifest that this job neither built nor encrypted; InputError `file-invalid` for certificates of
 *   another key
 */
export async function notationFor(
  { subject, certificates }: NotationRequest,
  { permit, signer, now }: CoseContext,
): Promise<Buffer> {
  await permit({ subject: subject.digest, payload: null })
  return writeNotation({ target: subject, chain: chainOf(certificates), signer, signingTime: now }, 'cose')
}

/**
 * Signs one of the journal's statements as a SCITT signed statement, by its digest.
 *
 * @throws VerificationError `role-mismatch` for a payload that is not a statement of this job about this subject
 */
export async function signedStatementFor(
  { subject, name, payload, certificates }: SignedStatementRequest,
  { permit, signer, now }: CoseContext,
): Promise<Buffer> {
  await permit({ subject, payload })
  const content = { sha256: Buffer.from(payload.slice('sha256:'.length), 'hex') }
  const about = `${name}@${subject}`
  const chain = certificates === null ? null : chainOf(certificates)
  return writeStatement({ subject: about, content, contentType: payloadType, issuedAt: now, chain }, signer)
}

function chainOf(certificates: readonly string[]): Certificate[] {
  return certificates.map((text, n) => parseCertificate(Buffer.from(text, 'base64'), `certificate ${n + 1}`, 'signer'))
}
