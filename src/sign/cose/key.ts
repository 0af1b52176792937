import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { LabelMap } from '../../encoding/cbor/label-map.ts'
import { readCbor } from '../../encoding/cbor/read.ts'
import type { CborItem, CborValue } from '../../encoding/cbor/types.ts'
import { encodeCbor } from '../../encoding/cbor/write.ts'
import { describeKey } from '../public-key.ts'

/** A public key of COSE (RFC 9052 §7), with its name if it has one. */
export interface CoseKey {
  readonly key: KeyObject
  readonly kid: Buffer | null
}

const labels = { kty: 1, kid: 2, crv: -1, x: -2, y: -3, n: -1, e: -2 } as const
const keyTypes = { okp: 1, ec: 2, rsa: 3 } as const
/** Curves (IANA registry "COSE Elliptic Curves"), with the length of a coordinate in bytes. */
const curves = [
  { id: 1, name: 'P-256', size: 32 },
  { id: 2, name: 'P-384', size: 48 },
  { id: 3, name: 'P-521', size: 66 },
] as const
const ed25519 = 6

/** Keys that one set may hold. */
const mostKeys = 256

/**
 * Reads a COSE_Key: EC2 on P-256, P-384, P-521; OKP with Ed25519; RSA. A private part is refused: it does not belong where keys are published.
 *
 * @throws VerificationError `format-invalid`
 */
export function readCoseKey(item: CborItem, subject: string): CoseKey {
  const map = new LabelMap(item, subject)
  const type = map.integer(labels.kty)
  const read = jwkReaders.get(Number(type))
  if (type === null || read === undefined) throw refuse(subject, `has the key type ${type}, which is not supported`)
  const jwk = read(map, subject)
  try {
    return {
      key: describeKey(createPublicKey({ key: jwk, format: 'jwk' }), subject).object,
      kid: map.bytes(labels.kid),
    }
  } catch (cause) {
    if (cause instanceof VerificationError) throw cause
    throw new VerificationError('format-invalid', `${subject} is not a valid public key`, { subject, cause })
  }
}

type Jwk = Record<string, string>

const jwkReaders: ReadonlyMap<number, (map: LabelMap, subject: string) => Jwk> = new Map([
  [keyTypes.okp, readOkp],
  [keyTypes.ec, readEc],
  [keyTypes.rsa, readRsa],
])

function readOkp(map: LabelMap, subject: string): Jwk {
  if (map.integer(labels.crv) !== ed25519) throw refuse(subject, 'is on a curve other than Ed25519')
  if (map.has(-4)) throw refuse(subject, 'contains a private key')
  return { kty: 'OKP', crv: 'Ed25519', x: part(map, labels.x, subject, 32) }
}

function readEc(map: LabelMap, subject: string): Jwk {
  const curve = curves.find(({ id }) => id === map.integer(labels.crv))
  if (curve === undefined) throw refuse(subject, 'is on a curve other than P-256, P-384 and P-521')
  if (map.has(-4)) throw refuse(subject, 'contains a private key')
  return {
    kty: 'EC',
    crv: curve.name,
    x: part(map, labels.x, subject, curve.size),
    y: part(map, labels.y, subject, curve.size),
  }
}

function readRsa(map: LabelMap, subject: string): Jwk {
  if (map.has(-3)) throw refuse(subject, 'contains a private key')
  return { kty: 'RSA', n: part(map, labels.n, subject, null), e: part(map, labels.e, subject, null) }
}

function part(map: LabelMap, label: number, subject: string, size: number | null): string {
  const bytes = map.bytes(label)
  if (bytes === null || (size !== null && bytes.length !== size))
    throw refuse(subject, `has a part ${label} that is missing or has a wrong length`)
  return bytes.toString('base64url')
}

/**
 * The public keys of a COSE_KeySet. A key that cannot be read is left out (RFC 9052 §7): services add new kinds.
 *
 * @throws VerificationError `format-invalid` where it is not an array, or has too many members
 */
export function readCoseKeySet(bytes: Uint8Array, subject: string): CoseKey[] {
  const item = readCbor(bytes, subject)
  if (item.kind !== 'array' || item.items.length > mostKeys)
    throw refuse(subject, `is not an array of at most ${mostKeys} keys`)
  return item.items.flatMap((member, n) => {
    try {
      return [readCoseKey(member, `key ${n} of ${subject}`)]
    } catch (error) {
      if (error instanceof VerificationError) return []
      throw error
    }
  })
}

/** The parameters of a public key that every COSE_Key has (RFC 9679 §4): EC2, OKP or RSA. */
export function coseKeyOf(key: KeyObject): Map<CborValue, CborValue> {
  const jwk = key.export({ format: 'jwk' })
  const bytes = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64url')
  if (jwk.kty === 'RSA')
    return new Map<CborValue, CborValue>([
      [labels.kty, keyTypes.rsa],
      [labels.n, bytes(jwk.n)],
      [labels.e, bytes(jwk.e)],
    ])
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519')
    return new Map<CborValue, CborValue>([
      [labels.kty, keyTypes.okp],
      [labels.crv, ed25519],
      [labels.x, bytes(jwk.x)],
    ])
  const curve = curves.find(({ name }) => name === jwk.crv)
  if (curve === undefined) throw refuse('key', 'is of a kind that COSE has no form for')
  return new Map<CborValue, CborValue>([
    [labels.kty, keyTypes.ec],
    [labels.crv, curve.id],
    [labels.x, bytes(jwk.x)],
    [labels.y, bytes(jwk.y)],
  ])
}

/** SHA-256 thumbprint of a public key (RFC 9679 §3), 32 bytes. */
export function coseKeyThumbprint(key: KeyObject): Buffer {
  return createHash('sha256')
    .update(encodeCbor(coseKeyOf(key)))
    .digest()
}

function refuse(subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} ${why}`, { subject })
}
