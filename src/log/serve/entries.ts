import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { readProtoJson } from '../../encoding/proto-json.ts'
import { parseCertificate } from '../../encoding/x509/certificate.ts'
import { verifySignerPath } from '../../sign/certificate/chain.ts'
import { verifyDigest } from '../../sign/digest-signature.ts'
import type { TrustedAuthority } from '../../sign/trusted-root.ts'
import { entryBody, keyDetailsOf, type HashedRekord } from '../hashedrekord.ts'

/** Whose signatures a served log takes. */
export interface TakenSigners {
  /** SPKI DER. */
  keys: readonly Buffer[]
  /** Authorities whose certificates are taken while they are valid. */
  authorities: readonly TrustedAuthority[]
}

/**
 * Reads a request of Rekor v2 (`POST /api/v2/log/entries`, `hashedRekordRequestV002`), and checks that the signature is over the digest and by a
 * listed key: an entry says that this key signed, and nobody else may say so.
 *
 * @param taken whose signatures are taken
 * @param now when the certificate of a signer has to be valid
 * @returns the entry's bytes
 * @throws VerificationError `format-invalid`, `signature-invalid`, `denied` (not a listed key, or not a certificate of a listed authority)
 */
export function requestedEntry(body: Buffer, taken: TakenSigners, now: Date): Buffer {
  const request = readProtoJson(body, 'the request')
  if (!request.has('hashedRekordRequestV002')) {
    throw request.refuse('has no hashedRekordRequestV002. This log takes no other kind of entry.')
  }
  const record = request.message('hashedRekordRequestV002')
  const signature = record.message('signature')
  const verifier = signature.message('verifier')
  const name = verifier.oneOf(['publicKey', 'x509Certificate'])
  const der = verifier.message(name).bytes('rawBytes')
  const key = keyOf(name, der)
  const entry: HashedRekord = {
    digest: record.bytes('digest'),
    signature: signature.bytes('content'),
    verifier: { kind: name === 'publicKey' ? 'key' : 'certificate', der },
    keyDetails: verifier.text('keyDetails'),
  }
  if (entry.digest.length !== 32) throw record.refuse('has a digest that is not 32 bytes long (SHA-256)')
  if (entry.keyDetails !== keyDetailsOf(key)) {
    throw verifier.refuse(`says "${entry.keyDetails.slice(0, 64)}", but the key is ${keyDetailsOf(key)}`)
  }
  requireTaken(entry, key, taken, now)
  if (verifyDigest(key, 'sha256', entry.digest, entry.signature)) return entryBody(entry)
  throw new VerificationError('signature-invalid', 'the signature is not by this key over this digest', {
    subject: 'signature',
    remedy: 'Send the signature over SHA-256 as ECDSA (DER) or RSA PKCS#1 v1.5. Ed25519 cannot be checked by a digest.',
  })
}

/** A key that is listed, or a certificate that a listed authority issued and that is valid now: keyless signers log as soon as they have signed. */
function requireTaken(
  { verifier }: HashedRekord,
  key: KeyObject,
  { keys, authorities }: TakenSigners,
  now: Date,
): void {
  const spki = key.export({ format: 'der', type: 'spki' })
  if (keys.some((one) => one.equals(spki))) return
  let cause: VerificationError | undefined
  if (verifier.kind === 'certificate' && authorities.length > 0) {
    try {
      verifySignerPath(parseCertificate(verifier.der, 'the certificate', 'signer'), [], authorities, now)
      return
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      cause = error
    }
  }
  const why = cause === undefined ? '' : `: ${cause.message}`
  throw new VerificationError('denied', `the key is not one of the signers that this log takes entries from${why}`, {
    subject: 'verifier',
    cause,
    remedy:
      'Ask the operator of the log to list the key or its authority: sealwright log serve --signer, --signer-authority.',
  })
}

function keyOf(name: string, der: Buffer): KeyObject {
  try {
    return name === 'publicKey'
      ? createPublicKey({ key: der, format: 'der', type: 'spki' })
      : new X509Certificate(der).publicKey
  } catch (cause) {
    throw new VerificationError('format-invalid', 'the verifier is not a public key or certificate in DER', {
      subject: 'verifier',
      cause,
    })
  }
}
