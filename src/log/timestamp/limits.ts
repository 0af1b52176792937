/** Bounds for bytes that a time stamp authority, or whoever pushes a bundle, wrote. */
export const limits = {
  /** Bytes of a response or token. Known authorities send 500 to 8000. */
  response: 65_536,
  /** Certificates in one token. */
  certificates: 16,
  /** Signatures of a token's certificates that are checked on the way to one pinned chain. Real paths have one to three. */
  pathSignatures: 16,
  /** Signed attributes of the one signer. */
  attributes: 32,
  /** Certificates that one signing-certificate attribute names. */
  named: 16,
  /** Bytes of a serial number or nonce in a token. */
  integer: 40,
  /** Milliseconds. RFC 3161 sets no bound; a stamp that may be an hour off proves nothing about a job. */
  accuracyMs: 3_600_000,
  /** Bytes of a nonce that we send. */
  nonce: 16,
  /** Requests to one authority at once. */
  parallel: 4,
} as const
