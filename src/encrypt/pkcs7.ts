import { constants, createCipheriv, createDecipheriv, privateDecrypt, publicEncrypt, type KeyObject } from 'node:crypto'
import { InputError, messageOf } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { der, integer, octets, oid, sequence, unsigned } from '../encoding/der-write.ts'
import { readDer, type DerElement } from '../encoding/der.ts'
import { certificatesIn } from '../encoding/pem-certificates.ts'
import { readPem } from '../encoding/pem.ts'
import { parseCertificate } from '../encoding/x509/certificate.ts'
import { DerMembers, derRefusal, readOid, readSmall, tags } from '../encoding/x509/der-values.ts'
import { keyIdOf } from './jwe.ts'

/** An RSA certificate that a layer's key is wrapped for. */
export interface Pkcs7Key {
  readonly key: KeyObject
  /** DER of the issuer's name and of the serial number, by which CMS names the certificate. */
  readonly issuer: Buffer
  readonly serial: Buffer
  /** `sha256:<hex>` of the SPKI DER. */
  readonly id: string
}

const envelopedDataOid = '1.2.840.113549.1.7.3'
const dataOid = '1.2.840.113549.1.7.1'
const rsaOid = '1.2.840.113549.1.1.1'
/** AES-GCM by key size (RFC 5084 §3.2). Go's library writes the first one only. */
const ciphers: Readonly<Record<string, { name: 'aes-128-gcm' | 'aes-256-gcm'; bytes: number }>> = {
  '2.16.840.1.101.3.4.1.6': { name: 'aes-128-gcm', bytes: 16 },
  '2.16.840.1.101.3.4.1.46': { name: 'aes-256-gcm', bytes: 32 },
}
const writtenCipher = '2.16.840.1.101.3.4.1.6'
const limits = { recipients: 256, nonce: 12, tag: 16 } as const

/** Reads the certificate (PEM) of a recipient. @throws InputError `file-invalid` for other files and for keys that are not RSA of 2048 bits or more */
export function readPkcs7Certificate(text: string, subject: string): Pkcs7Key {
  const invalid = (why: string, cause?: unknown): InputError =>
    new InputError('file-invalid', `"${subject}" ${why}`, {
      subject,
      cause,
      remedy: 'Give a PEM certificate with an RSA key of 2048 bits or more; for a bare public key write jwe:PATH.',
    })
  if ((text.match(/-----BEGIN CERTIFICATE-----/g) ?? []).length !== 1)
    throw invalid('does not contain exactly one certificate')
  try {
    const { bytes = Buffer.alloc(0) } = readPem(certificatesIn(text).join(''), subject)[0] ?? {}
    const { key, issuer, serial } = parseCertificate(bytes, subject, 'signer')
    if (key.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048)
      throw invalid('does not contain an RSA key of 2048 bits or more')
    return { key, issuer, serial: unsigned(Buffer.from(serial, 'hex')), id: keyIdOf(key) }
  } catch (cause) {
    if (cause instanceof InputError) throw cause
    throw invalid(`is not a certificate that can be read: ${messageOf(cause)}`, cause)
  }
}

/**
 * EnvelopedData over a layer's private options as ocicrypt writes it (coco.md §4.1): RSA PKCS#1 v1.5, AES-128-GCM, the tag behind the ciphertext. The
 * parameter of GCM is one SEQUENCE deeper than RFC 5084 §3.2 says, since Go's library reads no other form.
 */
export function wrapPkcs7(plaintext: Uint8Array, keys: readonly Pkcs7Key[], random: Ports['random']): Buffer {
  const contentKey = random(16)
  const nonce = random(limits.nonce)
  const cipher = createCipheriv('aes-128-gcm', contentKey, nonce)
  const secret = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
  const recipients = keys.map(({ key, issuer, serial }) => {
    const wrapped = publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, contentKey)
    return sequence(integer(0), sequence(issuer, serial), sequence(oid(rsaOid), der(tags.null)), octets(wrapped))
  })
  const parameters = sequence(sequence(der(0x84, nonce), integer(limits.tag)))
  const content = sequence(oid(dataOid), sequence(oid(writtenCipher), parameters), der(0xa0, octets(secret)))
  // X.690 §11.6: the members of a SET OF are in ascending order.
  const set = der(tags.set, ...recipients.sort((a, b) => Buffer.compare(a, b)))
  return sequence(oid(envelopedDataOid), der(0xa0, sequence(integer(0), set, content)))
}

/**
 * Tries RSA private keys on a packet; null where none fits. A wrong key and a changed packet look the same: OpenSSL answers bad padding with random
 * bytes, and the tag of GCM decides.
 *
 * @throws VerificationError `format-invalid` for bytes that are not such a packet
 */
export function unwrapPkcs7(bytes: Buffer, keys: readonly KeyObject[], subject: string): Buffer | null {
  const { recipients, cipher, nonce, secret } = readEnvelope(bytes, `PKCS#7 packet of ${subject}`)
  for (const key of keys.filter(({ asymmetricKeyType }) => asymmetricKeyType === 'rsa')) {
    for (const wrapped of recipients) {
      try {
        const contentKey = privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, wrapped)
        if (contentKey.length !== cipher.bytes) continue
        const decipher = createDecipheriv(cipher.name, contentKey, nonce, { authTagLength: limits.tag })
        decipher.setAuthTag(secret.subarray(-limits.tag))
        return Buffer.concat([decipher.update(secret.subarray(0, -limits.tag)), decipher.final()])
      } catch {
        // Made for another key: the next one may fit, and the caller says when none does.
      }
    }
  }
  return null
}

interface Envelope {
  /** The content key, wrapped for each recipient. */
  recipients: Buffer[]
  cipher: { name: 'aes-128-gcm' | 'aes-256-gcm'; bytes: number }
  nonce: Buffer
  /** Ciphertext and tag. */
  secret: Buffer
}

/** RFC 5652 §6.1, as far as ocicrypt uses it. */
function readEnvelope(bytes: Buffer, subject: string): Envelope {
  const outer = new DerMembers(readDer(bytes, subject), subject)
  const type = outer.take(tags.oid, 'a content type')
  if (readOid(type, subject) !== envelopedDataOid) throw derRefusal(subject, type.offset, 'is not EnvelopedData')
  const wrapper = new DerMembers(outer.take(0xa0, 'content'), subject, 0xa0)
  const members = new DerMembers(wrapper.take(tags.sequence, 'EnvelopedData'), subject)
  readSmall(members.take(tags.integer, 'a version'), 2, subject)
  const set = members.take(tags.set, 'recipients')
  if (set.children.length > limits.recipients)
    throw derRefusal(subject, set.offset, `has more than ${limits.recipients} recipients`)
  const recipients = set.children.map((child) => readRecipient(child, subject))
  const content = new DerMembers(members.take(tags.sequence, 'encrypted content'), subject)
  content.take(tags.oid, 'a content type')
  const algorithm = new DerMembers(content.take(tags.sequence, 'an algorithm'), subject)
  const name = algorithm.take(tags.oid, 'an algorithm')
  const cipher = ciphers[readOid(name, subject)]
  if (cipher === undefined) throw derRefusal(subject, name.offset, 'uses a cipher other than AES-GCM')
  const nonce = readGcm(algorithm.any('the parameters of AES-GCM'), subject)
  algorithm.end()
  const secret = readContent(content.any('its content'), subject)
  content.end()
  for (const one of [members, wrapper, outer]) one.end()
  return { recipients, cipher, nonce, secret }
}

function readRecipient(element: DerElement, subject: string): Buffer {
  const members = new DerMembers(element, subject)
  readSmall(members.take(tags.integer, 'the version of a recipient'), 2, subject)
  members.any('the name of a recipient')
  const algorithm = new DerMembers(members.take(tags.sequence, 'a key algorithm'), subject)
  const name = algorithm.take(tags.oid, 'a key algorithm')
  if (readOid(name, subject) !== rsaOid) throw derRefusal(subject, name.offset, 'wraps its key without RSA PKCS#1 v1.5')
  const { content } = members.take(tags.octets, 'a wrapped key')
  members.end()
  return content
}

/**
 * Nonce of AES-GCM, in each form that is written: as RFC 5084 §3.2 says; one SEQUENCE deeper with a tag of the context, as Go writes it; and that with the
 * outer SEQUENCE marked primitive, as skopeo does (1.9.3 and 1.22).
 */
function readGcm(element: DerElement, subject: string): Buffer {
  if (element.tag !== tags.sequence && element.tag !== 0x10)
    throw derRefusal(subject, element.offset, 'has no parameters of AES-GCM')
  const deeper = element.content[0] === tags.sequence
  const members = new DerMembers(deeper ? readDer(element.content, subject) : element, subject)
  const nonce = members.any('a nonce')
  const size = members.optional(tags.integer)
  members.end()
  if ((nonce.tag !== tags.octets && nonce.tag !== 0x84) || nonce.content.length !== limits.nonce)
    throw derRefusal(subject, element.offset, `has a nonce that is not ${limits.nonce} bytes`)
  // RFC 5084 §3.2: 12 bytes where none is named, which nobody writes.
  if (size === null || readSmall(size, limits.tag, subject) !== limits.tag)
    throw derRefusal(subject, element.offset, `has a tag that is not ${limits.tag} bytes`)
  return nonce.content
}

/** `[0] IMPLICIT OCTET STRING`, or with the OCTET STRING inside, as Go writes it. */
function readContent({ tag, offset, content, children }: DerElement, subject: string): Buffer {
  const parts = tag === 0xa0 ? children : []
  if ((tag !== 0x80 && tag !== 0xa0) || parts.some((part) => part.tag !== tags.octets))
    throw derRefusal(subject, offset, 'has content of another form')
  const secret = tag === 0x80 ? content : Buffer.concat(parts.map((part) => part.content))
  if (secret.length < limits.tag) throw derRefusal(subject, offset, 'has content shorter than its tag')
  return secret
}
