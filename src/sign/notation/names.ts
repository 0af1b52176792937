/** Artifact type of a signature, and media type of its config for registries that know no artifact types. */
export const notationArtifactType = 'application/vnd.cncf.notary.signature'
export const notationPayloadType = 'application/vnd.cncf.notary.payload.v1+json'
export const notationMediaTypes = { cose: 'application/cose', jws: 'application/jose+json' } as const
export type NotationFormat = keyof typeof notationMediaTypes

/** JSON array of the hex SHA-256 of each certificate. */
export const thumbprintAnnotation = 'io.cncf.notary.x509chain.thumbprint#S256'

/** Attributes of an envelope (Notary Project signature specification). */
export const attributes = {
  scheme: 'io.cncf.notary.signingScheme',
  signingTime: 'io.cncf.notary.signingTime',
  authenticSigningTime: 'io.cncf.notary.authenticSigningTime',
  expiry: 'io.cncf.notary.expiry',
  agent: 'io.cncf.notary.signingAgent',
  timestamp: 'io.cncf.notary.timestampSignature',
} as const

export const schemes = { x509: 'notary.x509', signingAuthority: 'notary.x509.signingAuthority' } as const
export type NotationScheme = (typeof schemes)[keyof typeof schemes]

/** Largest envelope that is read, in bytes (notation-go takes 32 MiB; ours hold a descriptor and certificates). */
export const notationEnvelopeLimit = 4 << 20
