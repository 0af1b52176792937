import { readDer } from '../../encoding/der.ts'
import type { Certificate } from '../../encoding/x509/certificate.ts'
import { DerMembers, readOid, tags } from '../../encoding/x509/der-values.ts'
import { keyUsageOid } from '../../encoding/x509/extensions.ts'
import { extendedKeyUsageOid } from '../../encoding/x509/usage.ts'

const timeStamping = '1.3.6.1.5.5.7.3.8'
const anyPurpose = '2.5.29.37.0'

/** Why a certificate's key is not for time stamps; null where it is: RFC 3161 §2.3 wants the purpose critical and alone. */
export function purposeFault(certificate: Certificate): string | null {
  const purposes = purposesOf(certificate)
  if (purposes === null) return `${certificate.name} has no extended key usage`
  if (certificate.extensions.get(extendedKeyUsageOid)?.critical !== true)
    return `the extended key usage of ${certificate.name} is not critical`
  if (purposes.length !== 1 || purposes[0] !== timeStamping)
    return `${certificate.name} is for ${purposes.join(', ')}, not for time stamps alone`
  return usageFault(certificate)
}

/** Why an authority above may not vouch for time stamps; null where it may. A purpose that it names limits what is below it. */
export function authorityFault(certificate: Certificate): string | null {
  const purposes = purposesOf(certificate)
  return purposes === null || purposes.includes(timeStamping) || purposes.includes(anyPurpose)
    ? null
    : `${certificate.name} vouches for ${purposes.join(', ')}, not for time stamps`
}

/** Key usage, where it is stated, holds digitalSignature or contentCommitment (RFC 5280 §4.2.1.3). */
function usageFault({ name, extensions }: Certificate): string | null {
  const usage = extensions.get(keyUsageOid)
  if (usage === undefined) return null
  const [, bits = 0] = readDer(usage.value, `key usage of ${name}`).content
  return (bits & 0xc0) === 0 ? `the key of ${name} may not sign` : null
}

function purposesOf({ name, extensions }: Certificate): string[] | null {
  const extension = extensions.get(extendedKeyUsageOid)
  if (extension === undefined) return null
  const subject = `the extended key usage of ${name}`
  const list = readDer(extension.value, subject)
  const members = new DerMembers(list, subject)
  const purposes = list.children.map(() => readOid(members.take(tags.oid, 'a purpose'), subject))
  return purposes
}
