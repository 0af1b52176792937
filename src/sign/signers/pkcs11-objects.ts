import { createPublicKey, type KeyObject } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { readDer } from '../../encoding/der.ts'
import { bits, oid, sequence } from '../../encoding/der-write.ts'

/** A public key as `pkcs11-tool --list-objects` prints it. */
export interface ListedKey {
  label: string | null
  /** Lower-case hex. */
  id: string | null
  /** Null for RSA, whose modulus is not printed. */
  key: KeyObject | null
}

/** `id-ecPublicKey` (RFC 5480 §2.1.1). */
const ecOid = oid('1.2.840.10045.2.1')
/** `id-Ed25519` (RFC 8410 §3). */
const ed25519Oid = oid('1.3.101.112')

/**
 * Reads the public keys in the output of `pkcs11-tool --list-objects --type pubkey`. OpenSC 0.23 cannot write keys of curves other than P-256 as
 * DER, so elliptic curve keys are put together from the printed point and parameters.
 */
export function parseListedKeys(output: string): ListedKey[] {
  return output
    .split(/^(?=Public Key Object;)/m)
    .filter((block) => block.startsWith('Public Key Object;'))
    .map((block) => {
      const field = (name: string): string | null =>
        new RegExp(`^  ${name}:\\s+(.+)$`, 'm').exec(block)?.[1]?.trim() ?? null
      const kind = /^Public Key Object; (\S+)/.exec(block)?.[1] ?? ''
      return {
        label: field('label'),
        id: field('ID')?.toLowerCase() ?? null,
        key: keyOf(kind, field('EC_POINT'), field('EC_PARAMS')),
      }
    })
}

function keyOf(kind: string, point: string | null, parameters: string | null): KeyObject | null {
  if (point === null || !/^[0-9a-f]+$/i.test(point)) return null
  // PKCS #11 wraps the point into an OCTET STRING; a few modules do not.
  const raw = unwrapped(Buffer.from(point, 'hex'))
  try {
    if (kind === 'EC_EDWARDS') return raw.length === 32 ? spki(sequence(ed25519Oid), raw) : null
    const [hex = ''] = /^[0-9a-f]+/i.exec(parameters ?? '') ?? []
    return spki(sequence(ecOid, Buffer.from(hex, 'hex')), raw)
  } catch {
    return null
  }
}

function unwrapped(bytes: Buffer): Buffer {
  try {
    const { tag, content } = readDer(bytes, 'EC_POINT')
    return tag === 0x04 ? content : bytes
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return bytes
  }
}

/** A public key from its SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). */
function spki(algorithm: Buffer, key: Buffer): KeyObject {
  return createPublicKey({ key: sequence(algorithm, bits(key)), format: 'der', type: 'spki' })
}
