import { createPublicKey, type KeyObject } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { readDer } from '../../encoding/der.ts'

/** A public key as `pkcs11-tool --list-objects` prints it. */
export interface ListedKey {
  label: string | null
  /** Lower-case hex. */
  id: string | null
  /** Null for RSA, whose modulus is not printed. */
  key: KeyObject | null
}

/** DER of the algorithm identifier `id-ecPublicKey` without its parameters (RFC 5480 §2.1.1). */
const ecOid = Buffer.from('06072a8648ce3d0201', 'hex')
/** SubjectPublicKeyInfo of Ed25519 up to the key (RFC 8410 §4). */
const ed25519Prefix = Buffer.from('302a300506032b6570032100', 'hex')

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
    if (kind === 'EC_EDWARDS') return raw.length === 32 ? spki(Buffer.concat([ed25519Prefix, raw])) : null
    const [hex = ''] = /^[0-9a-f]+/i.exec(parameters ?? '') ?? []
    return spki(element(0x30, element(0x30, ecOid, Buffer.from(hex, 'hex')), element(0x03, Buffer.from([0]), raw)))
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

function spki(der: Buffer): KeyObject {
  return createPublicKey({ key: der, format: 'der', type: 'spki' })
}

/** One DER element of less than 65,536 bytes. */
function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const header =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(header), content])
}
