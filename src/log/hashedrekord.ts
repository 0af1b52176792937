import type { KeyObject } from 'node:crypto'
import { InputError, VerificationError } from '../base/errors.ts'
import { isObject } from '../base/json.ts'
import { fromBase64, toBase64 } from '../encoding/base64.ts'
import { jcs, parseJcs } from '../encoding/jcs.ts'

/** Kind and version of the entries (Rekor v2). */
export const entryKind = { kind: 'hashedrekord', version: '0.0.2' } as const

/** How an entry names its signer: by public key (SPKI DER) or by certificate (DER). */
export interface EntryVerifier {
  kind: 'key' | 'certificate'
  der: Buffer
}

/** What an entry says: a signature over a digest, and whose it is. Nothing of the signed content but its digest is in it. */
export interface HashedRekord {
  /** SHA-256 of what was signed: of a DSSE envelope, of its pre-authentication encoding. */
  digest: Buffer
  signature: Buffer
  verifier: EntryVerifier
  /** Name of the algorithm as Sigstore spells it, such as `PKIX_ECDSA_P256_SHA_256`. */
  keyDetails: string
}

/**
 * Sigstore's name of a key's algorithm where what is signed is hashed with SHA-256.
 *
 * @throws InputError `unsupported` for a key that has no such name
 */
export function keyDetailsOf(key: KeyObject): string {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {}
  const name = namedCurve ?? `${key.asymmetricKeyType}${modulusLength ?? ''}`
  const found = new Map([
    ['prime256v1', 'PKIX_ECDSA_P256_SHA_256'],
    ['secp384r1', 'PKIX_ECDSA_P384_SHA_256'],
    ['secp521r1', 'PKIX_ECDSA_P521_SHA_256'],
    ['rsa2048', 'PKIX_RSA_PKCS1V15_2048_SHA256'],
    ['rsa3072', 'PKIX_RSA_PKCS1V15_3072_SHA256'],
    ['rsa4096', 'PKIX_RSA_PKCS1V15_4096_SHA256'],
    ['ed25519', 'PKIX_ED25519'],
  ]).get(name)
  if (found !== undefined) return found
  throw new InputError('unsupported', `a log has no name for a signature key of the kind ${name}`, {
    subject: 'key',
    remedy: 'Sign with P-256, P-384, P-521, Ed25519, or RSA of 2048, 3072 or 4096 bits.',
  })
}

/** An entry for a signature by a public key. @param digest SHA-256 of what was signed */
export function keyEntry(digest: Buffer, signature: Buffer, key: KeyObject): HashedRekord {
  const der = key.export({ format: 'der', type: 'spki' })
  return { digest, signature, verifier: { kind: 'key', der }, keyDetails: keyDetailsOf(key) }
}

/** An entry for a signature by the key of a certificate. */
export function certificateEntry(
  digest: Buffer,
  signature: Buffer,
  { bytes, key }: { bytes: Buffer; key: KeyObject },
): HashedRekord {
  return { digest, signature, verifier: { kind: 'certificate', der: bytes }, keyDetails: keyDetailsOf(key) }
}

/** Bytes of an entry as the log holds them: RFC 8785 JSON, the same for Rekor v2 (`canonicalizedBody`). */
export function entryBody({ digest, signature, verifier, keyDetails }: HashedRekord): Buffer {
  const named = { rawBytes: toBase64(verifier.der) }
  return jcs({
    apiVersion: entryKind.version,
    kind: entryKind.kind,
    spec: {
      hashedRekordV002: {
        data: { algorithm: 'SHA2_256', digest: toBase64(digest) },
        signature: {
          content: toBase64(signature),
          verifier: {
            keyDetails,
            ...(verifier.kind === 'key' ? { publicKey: named } : { x509Certificate: named }),
          },
        },
      },
    },
  })
}

/**
 * Reads an entry. Its bytes must be the ones that {@link entryBody} gives: there is one form of an entry.
 *
 * @throws VerificationError `format-invalid`
 */
export function parseEntry(body: Uint8Array, subject: string): HashedRekord {
  const root = parseJcs(body, subject)
  const spec = member(member(root, 'spec'), 'hashedRekordV002')
  const signature = member(spec, 'signature')
  const verifier = member(signature, 'verifier')
  const kind = member(verifier, 'publicKey') === undefined ? 'certificate' : 'key'
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  const bytes = (value: unknown): Buffer => fromBase64(text(value), subject)
  const entry: HashedRekord = {
    digest: bytes(member(member(spec, 'data'), 'digest')),
    signature: bytes(member(signature, 'content')),
    verifier: {
      kind,
      der: bytes(member(member(verifier, kind === 'key' ? 'publicKey' : 'x509Certificate'), 'rawBytes')),
    },
    keyDetails: text(member(verifier, 'keyDetails')),
  }
  if (entry.digest.length === 32 && entry.verifier.der.length > 0 && entryBody(entry).equals(body)) return entry
  throw new VerificationError('format-invalid', `${subject} is not an entry ${entryKind.kind} ${entryKind.version}`, {
    subject,
    remedy: 'Expected: a Rekor v2 entry over a SHA-256 digest, as RFC 8785 JSON.',
  })
}

function member(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined
}
