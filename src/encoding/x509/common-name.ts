import { readDer } from '../der.ts'

/** 2.5.4.3 as the content of an OID. */
const commonName = '550403'

/** The first common name of a Name in DER (RFC 5280 §4.1.2.4), null where it has none. */
export function commonNameOf(name: Buffer): string | null {
  for (const set of readDer(name, 'name').children) {
    for (const { children } of set.children) {
      const [oid, value] = children
      if (oid?.content.toString('hex') === commonName && value !== undefined) return value.content.toString('utf8')
    }
  }
  return null
}
