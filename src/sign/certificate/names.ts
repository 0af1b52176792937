import { VerificationError } from '../../base/errors.ts'
import { readDer, type DerElement } from '../../encoding/der.ts'
import type { Certificate } from '../../encoding/x509/certificate.ts'
import { DerMembers, derRefusal, readOid, tags } from '../../encoding/x509/der-values.ts'
import { alternativeNameOid } from '../../encoding/x509/general-names.ts'

/** Fulcio's kind of other name: the account of an issuer that has no addresses, as in `name!domain`. */
const accountOid = '1.3.6.1.4.1.57264.1.7'
export const utf8Tag = 0x0c

/** The one name that a certificate gives its holder. */
export interface AlternativeName {
  kind: 'uri' | 'email' | 'account'
  value: string
}

/**
 * The subject alternative name (RFC 5280 §4.2.1.6) of a signer's certificate: one URI, address or Fulcio account. Several names are refused,
 * since a reader that looks for one of them may overlook what the others say.
 *
 * @throws VerificationError `certificate-invalid`
 */
export function readAlternativeName({ name, extensions }: Certificate): AlternativeName {
  const refuse = (why: string): VerificationError =>
    new VerificationError('certificate-invalid', `${name} ${why}`, { subject: name })
  const extension = extensions.get(alternativeNameOid)
  if (extension === undefined) throw refuse('names no identity: it has no subject alternative name')
  const list = readDer(extension.value, `subject alternative name of ${name}`)
  const [only, second] = list.children
  if (list.tag !== tags.sequence || only === undefined || second !== undefined)
    throw refuse('does not name exactly one identity')
  if (only.tag === 0x86) return { kind: 'uri', value: ascii(only, name) }
  if (only.tag === 0x81) return { kind: 'email', value: ascii(only, name) }
  if (only.tag === 0xa0) return { kind: 'account', value: readAccount(only, name) }
  throw refuse('names its identity by neither URI, address nor account')
}

function readAccount(element: DerElement, subject: string): string {
  const members = new DerMembers(element, subject, 0xa0)
  const oid = readOid(members.take(tags.oid, 'the kind of its other name'), subject)
  const value = new DerMembers(members.take(0xa0, 'the value of its other name'), subject, 0xa0)
  members.end()
  if (oid !== accountOid) throw derRefusal(subject, element.offset, `has a name of the unknown kind ${oid}`)
  const text = readUtf8(value.take(utf8Tag, 'text'), subject)
  value.end()
  return text
}

/** IA5String: a byte of another alphabet, or a control character, could be shown as something else. */
function ascii({ content, offset }: DerElement, subject: string): string {
  const text = content.toString('latin1')
  if (!/^[\x21-\x7e]+$/.test(text)) throw derRefusal(subject, offset, 'has a name that is not printable ASCII')
  return text
}

/** A UTF8String without control characters. @throws VerificationError `format-invalid` */
export function readUtf8({ content, offset }: DerElement, subject: string): string {
  return decodeText(content, subject, offset)
}

/** @throws VerificationError `format-invalid` for bytes that are not UTF-8, or hold control characters */
export function decodeText(bytes: Uint8Array, subject: string, offset: number): string {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw derRefusal(subject, offset, 'has a text that is not UTF-8')
  }
  if (/\p{Cc}/u.test(text)) throw derRefusal(subject, offset, 'has a text with control characters')
  return text
}
