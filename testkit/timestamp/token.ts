import { createHash, sign, type KeyObject } from 'node:crypto'
import { der, integer, octets, oid, sequence, unsigned } from '../../src/encoding/der-write.ts'
import { readDer } from '../../src/encoding/der.ts'
import { hashOids, type Hash } from '../../src/log/timestamp/algorithms.ts'
import { signedDataOid, tstInfoOid } from '../../src/log/timestamp/signed-data.ts'
import type { TestAuthority } from './authority.ts'

export const testPolicy = '1.3.6.1.4.1.99999.3'
const sha1 = '1.3.14.3.2.26'

export interface StampOptions {
  at?: Date
  /** Text of the time, where a Date cannot say it. */
  timeText?: string
  serial?: number
  policy?: string
  nonce?: Uint8Array
  /** Content of the Accuracy sequence. */
  accuracy?: Uint8Array
  /** Hash of the imprint; `sha1` is a fault. */
  imprint?: Hash | 'sha1'
  /** The digest itself, where a server is asked for one. */
  digest?: Uint8Array
  /** Hash over the content and inside the signature. */
  hash?: Hash
  /** Certificates in the token. Default: the signer's. */
  certificates?: readonly Buffer[]
  /** Certificates that the signed attribute names; null for none. Default: the signer's. */
  named?: readonly Buffer[] | null
  /** ESSCertID of RFC 2634, by SHA-1. */
  oldNames?: boolean
  signers?: number
  unsignedAttribute?: boolean
  contentType?: string
  /** Digest in the signed attributes. */
  messageDigest?: Buffer
  /** Names the signer by its subject key id, which must be an extension of it. */
  authorityName?: Buffer
  extensions?: Buffer
  /** AlgorithmIdentifier of the signature; the signature stays what the key makes. */
  algorithm?: Buffer
  version?: number
  /** Another key than the certificate's. */
  signingKey?: KeyObject
  /** Attributes that follow the usual ones, before they are put in order. */
  attributes?: readonly Buffer[]
  /** Keeps the attributes in the order of writing. */
  unordered?: boolean
}

/** A TimeStampToken in DER (RFC 3161 §2.4.2); most options make one fault. */
export function makeToken(authority: TestAuthority, bytes: Uint8Array, options: StampOptions = {}): Buffer {
  const { hash = 'sha256', certificates = [authority.leaf], signers = 1 } = options
  const content = tstInfo(bytes, options)
  const algorithm = sequence(oid(hashOids[hash]))
  const signer = signerInfo(authority, content, hash, options)
  return sequence(
    oid(signedDataOid),
    der(
      0xa0,
      sequence(
        integer(options.version ?? 3),
        der(0x31, algorithm),
        sequence(oid(tstInfoOid), der(0xa0, octets(content))),
        ...(certificates.length === 0 ? [] : [der(0xa0, ...certificates)]),
        der(0x31, ...Array.from({ length: signers }, () => signer)),
      ),
    ),
  )
}

/** A TimeStampResp around a token. */
export function makeResponse(token: Uint8Array, status = 0): Buffer {
  return sequence(sequence(integer(status)), token)
}

/** A TimeStampResp without a token: status, text and the number of a failure bit. */
export function makeRefusal(status: number, text: string, failure: number): Buffer {
  const bits = Buffer.alloc((failure >> 3) + 1)
  bits[failure >> 3] = 0x80 >> (failure & 7)
  return sequence(
    sequence(
      integer(status),
      sequence(der(0x0c, Buffer.from(text))),
      der(0x03, Buffer.from([7 - (failure & 7)]), bits),
    ),
  )
}

function tstInfo(bytes: Uint8Array, options: StampOptions): Buffer {
  const { at = new Date('2026-11-01T12:00:00.250Z'), serial = 7, policy = testPolicy, imprint = 'sha256' } = options
  const digest = options.digest ?? createHash(imprint).update(bytes).digest()
  return sequence(
    integer(1),
    oid(policy),
    sequence(sequence(oid(imprint === 'sha1' ? sha1 : hashOids[imprint]), der(0x05)), octets(digest)),
    integer(serial),
    der(0x18, Buffer.from(options.timeText ?? fineTime(at))),
    ...(options.accuracy === undefined ? [] : [der(0x30, options.accuracy)]),
    ...(options.nonce === undefined ? [] : [unsigned(options.nonce)]),
    ...(options.authorityName === undefined ? [] : [der(0xa0, der(0xa4, options.authorityName))]),
    ...(options.extensions === undefined ? [] : [der(0xa1, options.extensions)]),
  )
}

/** GeneralizedTime as RFC 3161 writes it: a fraction only where there is one, without zeros at its end. */
function fineTime(at: Date): string {
  const [whole = '', fraction = ''] = at
    .toISOString()
    .replaceAll(/[-:TZ]/g, '')
    .split('.')
  const fine = fraction.replace(/0+$/, '')
  return `${whole}${fine === '' ? '' : `.${fine}`}Z`
}

function signerInfo(authority: TestAuthority, content: Buffer, hash: Hash, options: StampOptions): Buffer {
  const [certificate] = authority.chain
  if (certificate === undefined) throw new Error('a test authority has a signer')
  const attributes = signedAttributes(authority, content, hash, options)
  return sequence(
    integer(1),
    sequence(certificate.issuer, unsigned(Buffer.from(certificate.serial, 'hex'))),
    sequence(oid(hashOids[hash])),
    der(0xa0, ...attributes),
    options.algorithm ?? algorithmOf(authority.key.privateKey, hash),
    octets(signed(der(0x31, ...attributes), options.signingKey ?? authority.key.privateKey, hash)),
    ...(options.unsignedAttribute === true
      ? [der(0xa1, sequence(oid('1.2.840.113549.1.9.16.2.14'), der(0x31, octets(Buffer.from('x')))))]
      : []),
  )
}

function signedAttributes(authority: TestAuthority, content: Buffer, hash: Hash, options: StampOptions): Buffer[] {
  const { named = [authority.leaf], oldNames = false, contentType = tstInfoOid } = options
  const digest = options.messageDigest ?? createHash(hash).update(content).digest()
  const ids = (named ?? []).map((one) =>
    sequence(
      octets(
        createHash(oldNames ? 'sha1' : 'sha256')
          .update(one)
          .digest(),
      ),
      issuerSerial(one),
    ),
  )
  const attribute = (id: string, value: Buffer): Buffer => sequence(oid(id), der(0x31, value))
  const all = [
    attribute('1.2.840.113549.1.9.3', oid(contentType)),
    attribute('1.2.840.113549.1.9.4', octets(digest)),
    ...(named === null ? [] : [attribute(`1.2.840.113549.1.9.16.2.${oldNames ? 12 : 47}`, sequence(sequence(...ids)))]),
    ...(options.attributes ?? []),
  ]
  return options.unordered === true ? all.reverse() : all.sort((a, b) => Buffer.compare(a, b))
}

/** IssuerSerial of a certificate: issuer as directory name, serial number. */
function issuerSerial(certificate: Buffer): Buffer {
  const [, serial, , issuer] = readDer(certificate, 'a certificate').children[0]?.children ?? []
  if (serial === undefined || issuer === undefined) throw new Error('a certificate has an issuer and a serial number')
  return sequence(sequence(der(0xa4, issuer.bytes)), serial.bytes)
}

function algorithmOf(key: KeyObject, hash: Hash): Buffer {
  if (key.asymmetricKeyType === 'ed25519') return sequence(oid('1.3.101.112'))
  const number = { sha256: 1, sha384: 2, sha512: 3 }[hash]
  if (key.asymmetricKeyType === 'rsa') return sequence(oid(`1.2.840.113549.1.1.${10 + number}`), der(0x05))
  return sequence(oid(`1.2.840.10045.4.3.${1 + number}`))
}

function signed(bytes: Buffer, key: KeyObject, hash: Hash): Buffer {
  return sign(key.asymmetricKeyType === 'ed25519' ? null : hash, bytes, key)
}
