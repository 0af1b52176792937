import { readDer } from '../der.ts'
import type { Certificate } from './certificate.ts'
import { derRefusal, readOid, tags } from './der-values.ts'
import { keyUsageOid } from './extensions.ts'

export const extendedKeyUsageOid = '2.5.29.37'

/** Purposes of an extended key usage (RFC 5280 §4.2.1.12), as dotted OIDs. */
export const purposes = {
  any: '2.5.29.37.0',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  timeStamping: '1.3.6.1.5.5.7.3.8',
} as const

/** Names of the bits of a key usage, from the first (RFC 5280 §4.2.1.3). */
const usageBits = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const
export type KeyUsage = (typeof usageBits)[number]

/** The uses that a certificate allows its key; null where it says nothing. @throws VerificationError `format-invalid` */
export function readKeyUsage({ extensions, name }: Certificate): Set<KeyUsage> | null {
  const extension = extensions.get(keyUsageOid)
  if (extension === undefined) return null
  const { tag, content } = readDer(extension.value, `key usage of ${name}`)
  const bytes = content.subarray(1)
  if (tag !== tags.bits || bytes.length === 0 || bytes.length > 2)
    throw derRefusal(name, 0, 'has a malformed key usage')
  return new Set(usageBits.filter((_, bit) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0))
}

/** The purposes (OIDs) that a certificate names; null where it names none. @throws VerificationError `format-invalid` */
export function readExtendedKeyUsage({ extensions, name }: Certificate): string[] | null {
  const extension = extensions.get(extendedKeyUsageOid)
  if (extension === undefined) return null
  const list = readDer(extension.value, `extended key usage of ${name}`)
  if (list.tag !== tags.sequence || list.children.length === 0)
    throw derRefusal(name, 0, 'has a malformed extended key usage')
  return list.children.map((child) => {
    if (child.tag !== tags.oid) throw derRefusal(name, child.offset, 'has a malformed extended key usage')
    return readOid(child, name)
  })
}
