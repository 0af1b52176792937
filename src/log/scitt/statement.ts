import { VerificationError } from '../../base/errors.ts'
import type { CborValue } from '../../encoding/cbor/types.ts'
import type { Certificate } from '../../encoding/x509/certificate.ts'
import { attributeOids, readName } from '../../encoding/x509/distinguished-name.ts'
import { readClaims } from '../../sign/cose/claims.ts'
import { contentTypeOf, hashEnvelope, readHashEnvelope, type HashEnvelope } from '../../sign/cose/hash-envelope.ts'
import { coseKeyThumbprint } from '../../sign/cose/key.ts'
import { claims, headers } from '../../sign/cose/labels.ts'
import { parseSign1, type Sign1 } from '../../sign/cose/sign1.ts'
import { writeSign1, type CoseSigner } from '../../sign/cose/write.ts'
import { readChain, thumbprintOf } from '../../sign/cose/x509.ts'
import { createHash } from 'node:crypto'

/** Artifact type and layer type of a signed statement, with or without receipts (RFC 9943 §10). */
export const statementMediaType = 'application/scitt-statement+cose'
export const receiptMediaType = 'application/scitt-receipt+cose'
/** Largest statement that is read, in bytes: what ledgers take at most. */
export const statementLimit = 1 << 20

/** A signed statement as it was read (RFC 9943 §6). Nothing of it is believed before its signature is checked. */
export interface SignedStatement {
  readonly message: Sign1
  readonly issuer: string
  /** Null where the statement breaks the rule that it names one. */
  readonly subject: string | null
  readonly issuedAt: Date | null
  /** `nbf`: when it starts to count. */
  readonly notBefore: Date | null
  /** `exp`: when it no longer counts. */
  readonly expires: Date | null
  readonly contentType: string | number | bigint | null
  /** Null where the payload is the content itself. */
  readonly hashEnvelope: HashEnvelope | null
  readonly kid: Buffer | null
  /** Leaf first; empty where it carries none. */
  readonly chain: readonly Certificate[]
}

/** Longest name of an issuer (RFC 9943 §6.1). */
const longestIssuer = 8192

/**
 * Reads a signed statement: it names its issuer, and its key by certificate or key id.
 *
 * @param name what it is, for errors
 * @throws VerificationError `format-invalid`
 */
export function readStatement(bytes: Uint8Array, name: string): SignedStatement {
  const message = parseSign1(bytes, name, { cbor: { limits: { bytes: statementLimit } } })
  const refuse = (why: string): VerificationError =>
    new VerificationError('format-invalid', `${name} ${why}`, { subject: name })
  const read = readClaims(message)
  if (read?.issuer === null || read === null || read.issuer === '' || read.issuer.length > longestIssuer)
    throw refuse('does not name its issuer')
  const envelope = readHashEnvelope(message)
  const { protected: signed } = message
  return {
    message,
    issuer: read.issuer,
    subject: read.subject,
    issuedAt: read.issuedAt,
    notBefore: read.notBefore,
    expires: read.expires,
    contentType: envelope?.contentType ?? contentTypeOf(signed.get(headers.contentType), name),
    hashEnvelope: envelope,
    kid: signed.bytes(headers.kid),
    chain: readChain(message),
  }
}

export interface NewStatement {
  /** What the statement is about. */
  readonly subject: string
  /** The content, or its SHA-256 (32 bytes) where only that is at hand. */
  readonly content: Uint8Array | { readonly sha256: Buffer }
  /** Media type of the content. */
  readonly contentType: string
  readonly issuedAt: Date
  /** Certificates of the key, leaf first; null for a key without. */
  readonly chain: readonly Certificate[] | null
}

/**
 * Signs a statement about content by its SHA-256 (hash envelope), so that a log learns nothing but the digest. The issuer is a did:x509 of the
 * certificates, or the thumbprint URI of the key (RFC 9679 §5).
 */
export async function writeStatement(
  { subject, content, contentType, issuedAt, chain }: NewStatement,
  signer: CoseSigner,
): Promise<Buffer> {
  const digest = 'sha256' in content ? content.sha256 : createHash('sha256').update(content).digest()
  const { payload, parameters } = hashEnvelope(digest, contentType)
  const thumbprint = coseKeyThumbprint(signer.publicKey)
  const [leaf] = chain ?? []
  const named = new Map<CborValue, CborValue>([
    [claims.iss, issuerOf(chain, thumbprint)],
    [claims.sub, subject],
    [claims.iat, Math.floor(issuedAt.getTime() / 1000)],
  ])
  const certificates: [CborValue, CborValue][] =
    chain === null || leaf === undefined
      ? [[headers.kid, thumbprint]]
      : [
          [headers.x5chain, chain.map(({ bytes }) => bytes)],
          [headers.x5t, thumbprintOf(leaf.bytes)],
        ]
  const all = new Map<CborValue, CborValue>([...parameters, [headers.cwtClaims, named], ...certificates])
  return writeSign1({ protected: all, payload }, signer)
}

/** The name that {@link writeStatement} gives an issuer. */
export function issuerOf(chain: readonly Certificate[] | null, thumbprint: Uint8Array): string {
  const root = chain?.at(-1)
  const [leaf] = chain ?? []
  const ckt = `urn:ietf:params:oauth:ckt:sha-256:${Buffer.from(thumbprint).toString('base64url')}`
  // did:x509 pins an authority, so a self-signed certificate has none.
  if (chain === null || leaf === undefined || root === undefined || root === leaf) return ckt
  const named = readName(leaf.subject, leaf.name)
  const known = ['C', 'ST', 'L', 'O', 'OU', 'CN'].flatMap((type) => {
    const values = named.filter(({ oid }) => oid === attributeOids[type])
    return values.length === 1 ? [`${type}:${encode(values[0]?.value ?? '')}`] : []
  })
  const unique = new Set(named.map(({ oid }) => oid)).size === named.length
  if (known.length === 0 || !unique) return ckt
  const pin = createHash('sha256').update(root.bytes).digest('base64url')
  return `did:x509:0:sha256:${pin}::subject:${known.join(':')}`
}

/** Percent-encoding of did:x509: all but letters, digits, `-`, `.` and `_`. */
function encode(text: string): string {
  return [...Buffer.from(text, 'utf8')]
    .map((byte) => {
      const char = String.fromCharCode(byte)
      return /[\w.-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
    })
    .join('')
}
