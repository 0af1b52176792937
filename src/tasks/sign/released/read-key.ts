import { InputError, TransportError, VerificationError } from '../../../base/errors.ts'
import { openPem } from '../../../sign/signers/open.ts'
import type { OpenedSigner } from '../../../sign/signers/types.ts'

/** What a KBS gave, as a signer. Its bytes are shown in no message. @throws InputError `file-invalid` */
export async function readReleasedKey(uri: string, bytes: Buffer): Promise<OpenedSigner> {
  try {
    return await openPem(new TextDecoder('utf-8', { fatal: true }).decode(bytes), [])
  } catch (cause) {
    const why =
      cause instanceof InputError && cause.code === 'input-missing'
        ? 'it is encrypted, but a KBS releases keys as they are'
        : cause instanceof InputError
          ? cause.message
          : 'it is not text'
    throw new InputError('file-invalid', `signer: ${uri} is not a private key that can sign: ${why}`, {
      subject: uri,
      remedy:
        'Publish one unencrypted private key: PEM (PKCS#8, SEC1, PKCS#1) or a JWK; EC P-256, P-384 or P-521, RSA of 2048 bits or more, or Ed25519.',
    })
  }
}

/**
 * Why a KBS did not release a signing key, in words for who signs. Trustee answers nearly everything with 401 and a name.
 *
 * @returns the error of the KBS client with the key and what to do
 */
export function notReleased(uri: string, error: unknown): unknown {
  if (error instanceof VerificationError && error.code === 'denied')
    return new VerificationError('denied', `signer: the KBS does not release ${uri} to this job: ${error.message}`, {
      subject: uri,
      cause: error,
      remedy:
        'Its resource policy has to name this job (repository id, workflow, commit of the workflow, event, ref) and the measurement of this machine: compare them with the summary of setup-cvm-runner (docs/kbs-signing.md).',
    })
  if (error instanceof TransportError && error.code === 'kbs-error')
    return new TransportError('kbs-error', `signer: ${uri} was not read: ${error.message}`, {
      subject: uri,
      cause: error,
      remedy: error.remedy,
    })
  if (error instanceof VerificationError && error.code === 'decryption-failed')
    return new VerificationError('decryption-failed', `signer: ${uri} was released to another job: ${error.message}`, {
      subject: uri,
      cause: error,
      remedy: 'The token of the Attestation Service is over the evidence of another job: check `trustee-url`.',
    })
  return error
}
