/** What is accepted of a plain TPM. */
export interface TpmTrust {
  /** SHA-256 of the SubjectPublicKeyInfo of each attestation key that is trusted, hex. It says that this is the same TPM again, not what it is. */
  trustedKeys?: readonly string[] | undefined
  /** Certificates (DER) of TPM makers' roots: a key under one of them is in hardware of that maker's. */
  ekRoots?: readonly Buffer[] | undefined
  /** PEM keys of registrars: who saw the attestation key activate a credential of its TPM's endorsement key. */
  registrars?: readonly string[] | undefined
  /** Take a key that nobody vouched for: anybody may have made it in a program (`accept-software-tpm`). */
  acceptSoftwareTpm?: boolean | undefined
}
