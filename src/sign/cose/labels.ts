/** Header parameters (IANA registry "COSE Header Parameters"). */
export const headers = {
  alg: 1,
  crit: 2,
  contentType: 3,
  kid: 4,
  /** RFC 9597. */
  cwtClaims: 15,
  /** RFC 9596. */
  typ: 16,
  /** RFC 9360. */
  x5chain: 33,
  x5t: 34,
  /** Hash envelope: algorithm, content type and place of what the payload is the digest of. */
  payloadHashAlg: 258,
  preimageContentType: 259,
  payloadLocation: 260,
  /** RFC 9921: a timestamp token over the payload (protected), and one over the signature (unprotected). */
  timestampThenSign: 269,
  signThenTimestamp: 270,
  /** RFC 9942: receipts; kind of the log's tree; proofs. */
  receipts: 394,
  vds: 395,
  vdp: 396,
} as const

/** Claims of a CWT (RFC 8392 §4, RFC 8747 for `cnf`). */
export const claims = { iss: 1, sub: 2, aud: 3, exp: 4, nbf: 5, iat: 6, cnf: 8 } as const

/** Tag of COSE_Sign1 (RFC 9052 §2). */
export const sign1Tag = 18
