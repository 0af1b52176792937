import { createPublicKey, hash, type KeyObject } from 'node:crypto'
import { VerificationError } from '../../../base/errors.ts'
import { readDer } from '../../../encoding/der.ts'
import { readPem } from '../../../encoding/pem.ts'
import { digestOf } from '../../eventlog/hashes.ts'
import type { Quote } from './attest.ts'
import type { TpmAttribute, TpmPublic } from './public.ts'

/** What an attestation key must be: made in the TPM, never leaving it, signing nothing that the TPM did not make itself. */
export const wantedAttributes: readonly TpmAttribute[] = [
  'fixedTPM',
  'fixedParent',
  'sensitiveDataOrigin',
  'restricted',
  'sign',
]

/** Reads a SubjectPublicKeyInfo, as DER or PEM, of an RSA key from 2,048 bits or a NIST curve. @throws VerificationError `format-invalid` */
export function keyFromSpki(bytes: Uint8Array, subject: string): KeyObject {
  const block = bytes[0] === 0x30 ? null : readPem(Buffer.from(bytes).toString('latin1'), subject)
  if (block !== null && (block.length !== 1 || block[0]?.label !== 'PUBLIC KEY')) throw refuse(subject)
  const der = Buffer.from(block?.[0]?.bytes ?? bytes)
  readDer(der, subject)
  let key: KeyObject
  try {
    key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  } catch (cause) {
    throw refuse(subject, cause)
  }
  // One key, one text: its hash is what policies pin.
  if (!spki(key).equals(der)) throw refuse(subject)
  if (!isStrong(key)) throw new VerificationError('evidence-invalid', `${subject} is a weak key`, { subject })
  return key
}

export function isStrong(key: KeyObject): boolean {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa') return (modulusLength ?? 0) >= 2048
  return ['prime256v1', 'secp384r1', 'secp521r1'].includes(namedCurve ?? '')
}

/** SHA-256 of the SubjectPublicKeyInfo, hex: the identity of an attestation key here. */
export function keyFingerprint(key: KeyObject): string {
  return hash('sha256', spki(key), 'hex')
}

const hierarchies = { owner: 0x40000001, null: 0x40000007, endorsement: 0x4000000b, platform: 0x4000000c } as const

/**
 * Hierarchy under which the quoting key is a primary key: its qualified name hashes the hierarchy's handle and its own Name, so a match
 * proves that the quote was made by a key with just this TPMT_PUBLIC, attributes included. Null for a key below another one.
 */
export function primaryUnder(quote: Quote, { name, nameAlg }: TpmPublic): keyof typeof hierarchies | null {
  for (const [hierarchy, handle] of Object.entries(hierarchies)) {
    const parent = Buffer.alloc(4)
    parent.writeUInt32BE(handle)
    const qualified = Buffer.concat([name.subarray(0, 2), digestOf(nameAlg, parent, name)])
    if (qualified.equals(quote.qualifiedSigner)) return hierarchy as keyof typeof hierarchies
  }
  return null
}

function spki(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' })
}

function refuse(subject: string, cause?: unknown): VerificationError {
  return new VerificationError('format-invalid', `${subject} is not one public key (SPKI)`, { subject, cause })
}
