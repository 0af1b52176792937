import { readDer, type DerElement } from '../der.ts'
import type { Certificate } from './certificate.ts'
import { derRefusal, tags } from './der-values.ts'

export const alternativeNameOid = '2.5.29.17'

/** One alternative name (RFC 5280 §4.2.1.6). Kinds that we do not read have no value. */
export interface GeneralName {
  kind: 'email' | 'dns' | 'uri' | 'directory' | 'other'
  value: string
}

/** All alternative names of a certificate; empty where it has none. @throws VerificationError `format-invalid` */
export function readAlternativeNames({ extensions, name }: Certificate): GeneralName[] {
  const extension = extensions.get(alternativeNameOid)
  if (extension === undefined) return []
  const list = readDer(extension.value, `alternative names of ${name}`)
  if (list.tag !== tags.sequence || list.children.length === 0)
    throw derRefusal(name, 0, 'has a malformed list of alternative names')
  return list.children.map((element) => readGeneralName(element, name))
}

/** One GeneralName. @throws VerificationError `format-invalid` for an address that is not printable ASCII */
export function readGeneralName(element: DerElement, subject: string): GeneralName {
  switch (element.tag) {
    case 0x81:
      return { kind: 'email', value: ascii(element, subject) }
    case 0x82:
      return { kind: 'dns', value: ascii(element, subject) }
    case 0x86:
      return { kind: 'uri', value: ascii(element, subject) }
    case 0xa4:
      return { kind: 'directory', value: '' }
    default:
      return { kind: 'other', value: '' }
  }
}

/** IA5String: a control character or a byte of another alphabet could be shown as something else. */
function ascii({ content, offset }: DerElement, subject: string): string {
  const text = content.toString('latin1')
  if (!/^[\x21-\x7e]*$/.test(text)) throw derRefusal(subject, offset, 'has an address that is not printable ASCII')
  return text
}
