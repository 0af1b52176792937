import { constants, createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { bits, der, integer, octets, oid, sequence, time } from '../../../src/encoding/der-write.ts'

/**
 * SYNTHETIC test PKI: keys are made anew in each test and belong to nobody. It makes what no vendor gives: revoked, expired or
 * wrongly built certificates and lists, each with one fault.
 */
export interface KeyPair {
  publicKey: KeyObject
  privateKey: KeyObject
}

/** RSA keys sign RSA-PSS SHA-384 as AMD's do, EC keys ECDSA (P-256: SHA-256 as Intel's; P-384: SHA-384). */
export function makeKey(kind: 'rsa' | 'P-256' | 'P-384'): KeyPair {
  return kind === 'rsa'
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ec', { namedCurve: kind })
}

export interface TestExtension {
  oid: string
  critical?: boolean
  value: Uint8Array
}

export interface CertificateOptions {
  subject: string
  issuer: string
  key: KeyPair
  /** Key that signs. */
  by: KeyPair
  serial?: number
  from?: Date
  to?: Date
  /** Absent for a leaf; `pathLength` null for no limit. */
  ca?: { pathLength: number | null }
  /** Bits of key usage: 0x04 certificates, 0x02 lists. Default for a CA: both. */
  usage?: number | null
  extensions?: readonly TestExtension[]
  /** Bytes of salt; another than 48 is a fault. */
  salt?: number
  /** What the certificate says of its signature, in both places, whatever it was made with. */
  algorithm?: Buffer
  /** Parts of both names before the common name, OID and text: other programs ask for the whole name of a maker. */
  place?: readonly (readonly [oid: string, text: string])[]
}

const from = new Date('2020-01-01T00:00:00Z')
const to = new Date('2040-01-01T00:00:00Z')

/** One certificate of version 3 in DER. */
export function makeCertificate(options: CertificateOptions): Buffer {
  const { subject, issuer, key, by, ca, usage = ca ? 0x06 : null, extensions = [], salt = 48, place = [] } = options
  const algorithm = options.algorithm ?? algorithmOf(by, salt)
  const all = [
    ...(ca ? [extension({ oid: '2.5.29.19', critical: true, value: constraints(ca.pathLength) })] : []),
    ...(usage === null
      ? []
      : [extension({ oid: '2.5.29.15', critical: true, value: der(0x03, Buffer.from([1, usage])) })]),
    ...extensions.map(extension),
  ]
  const signed = sequence(
    der(0xa0, integer(2)),
    integer(options.serial ?? 1),
    algorithm,
    name(issuer, place),
    sequence(time(options.from ?? from), time(options.to ?? to)),
    name(subject, place),
    key.publicKey.export({ type: 'spki', format: 'der' }),
    ...(all.length === 0 ? [] : [der(0xa3, sequence(...all))]),
  )
  return sequence(signed, algorithm, bits(signBytes(signed, by, salt)))
}

export interface CrlOptions {
  issuer: string
  by: KeyPair
  /** As in {@link CertificateOptions}. */
  place?: CertificateOptions['place']
  revoked?: readonly number[]
  thisUpdate?: Date
  /** Null leaves it out, which is a fault. */
  nextUpdate?: Date | null
  extensions?: readonly TestExtension[]
}

/** One revocation list of version 2 in DER. */
export function makeCrl(options: CrlOptions): Buffer {
  const { issuer, by, revoked = [], thisUpdate = from, nextUpdate = to, extensions = [], place = [] } = options
  const algorithm = algorithmOf(by, 48)
  const signed = sequence(
    integer(1),
    algorithm,
    name(issuer, place),
    time(thisUpdate),
    ...(nextUpdate === null ? [] : [time(nextUpdate)]),
    ...(revoked.length === 0
      ? []
      : [sequence(...revoked.map((serial) => sequence(integer(serial), time(thisUpdate))))]),
    der(0xa0, sequence(...[{ oid: '2.5.29.20', value: integer(1) }, ...extensions].map(extension))),
  )
  return sequence(signed, algorithm, bits(signBytes(signed, by, 48)))
}

function name(common: string, place: CertificateOptions['place'] = []): Buffer {
  return sequence(
    ...[...place, ['2.5.4.3', common] as const].map(([id, text]) =>
      der(0x31, sequence(oid(id), der(0x0c, Buffer.from(text)))),
    ),
  )
}

function constraints(pathLength: number | null): Buffer {
  return sequence(der(0x01, Buffer.from([0xff])), ...(pathLength === null ? [] : [integer(pathLength)]))
}

/** Identifiers of the own key and of the issuer's (RFC 5280 §4.2.1.1, §4.2.1.2), which Python's verifier asks for. */
export function keyIds(own: KeyPair, issuer: KeyPair): TestExtension[] {
  const idOf = ({ publicKey }: KeyPair): Buffer =>
    createHash('sha1')
      .update(publicKey.export({ format: 'der', type: 'spki' }))
      .digest()
  return [
    { oid: '2.5.29.14', value: octets(idOf(own)) },
    { oid: '2.5.29.35', value: sequence(der(0x80, idOf(issuer))) },
  ]
}

function extension({ oid: id, critical = false, value }: TestExtension): Buffer {
  return sequence(oid(id), ...(critical ? [der(0x01, Buffer.from([0xff]))] : []), octets(value))
}

function algorithmOf({ privateKey }: KeyPair, salt: number): Buffer {
  if (privateKey.asymmetricKeyType === 'ec') return sequence(oid(`1.2.840.10045.4.3.${isP256(privateKey) ? 2 : 3}`))
  return pssAlgorithm({ salt })
}

const hashes = { sha256: '2.16.840.1.101.3.4.2.1', sha384: '2.16.840.1.101.3.4.2.2' } as const

/** RSA-PSS with its parameters (RFC 4055 §3.1); each of them another than the default here is a fault. */
export function pssAlgorithm({
  hash = 'sha384',
  maskHash = 'sha384',
  mask = '1.2.840.113549.1.1.8',
  salt = 48,
  trailer = null,
}: {
  hash?: keyof typeof hashes
  maskHash?: keyof typeof hashes
  mask?: string
  salt?: number | null
  trailer?: number | null
} = {}): Buffer {
  const named = (which: keyof typeof hashes): Buffer => sequence(oid(hashes[which]), der(0x05))
  return sequence(
    oid('1.2.840.113549.1.1.10'),
    sequence(
      der(0xa0, named(hash)),
      der(0xa1, sequence(oid(mask), named(maskHash))),
      ...(salt === null ? [] : [der(0xa2, integer(salt))]),
      ...(trailer === null ? [] : [der(0xa3, integer(trailer))]),
    ),
  )
}

function signBytes(bytes: Buffer, { privateKey: key }: KeyPair, saltLength: number): Buffer {
  if (key.asymmetricKeyType === 'ec') return sign(isP256(key) ? 'sha256' : 'sha384', bytes, key)
  return sign('sha384', bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength })
}

function isP256(key: KeyObject): boolean {
  return key.asymmetricKeyDetails?.namedCurve === 'prime256v1'
}
