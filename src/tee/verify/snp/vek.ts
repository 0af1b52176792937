import { VerificationError } from '../../../base/errors.ts'
import { readDer } from '../../../encoding/der.ts'
import type { Certificate } from '../../../encoding/x509/certificate.ts'
import { readSmall, tags } from '../../../encoding/x509/der-values.ts'
import type { SnpLine } from './amd-authorities.ts'
import type { SnpTcb } from './tcb.ts'

/** What a VCEK or VLEK certificate says of the key's platform (AMD's "VCEK Certificate and KDS Interface Specification", §3). */
export interface VekFacts {
  kind: 'vcek' | 'vlek'
  line: SnpLine
  /** As it stands there, e.g. `Milan-B0`. */
  product: string
  tcb: SnpTcb
  /** 64 bytes, Turin 8; a VLEK has none. */
  hwid: Buffer | null
  /** The provider that a VLEK was issued to. */
  csp: string | null
}

const arc = '1.3.6.1.4.1.3704.1'
const lines: readonly SnpLine[] = ['Milan', 'Genoa', 'Turin']

/**
 * Kind by subject, line by issuer; the product name inside must agree.
 *
 * @throws VerificationError `format-invalid` when a member is missing, too much, or says two things
 */
export function readVek(certificate: Certificate): VekFacts {
  const { subjectName, issuerName } = certificate
  const kind = subjectName === 'SEV-VCEK' ? 'vcek' : subjectName === 'SEV-VLEK' ? 'vlek' : null
  if (kind === null) throw refuse(`has subject ${subjectName ?? '(none)'}`)
  const line = lines.find((line) => issuerName === (kind === 'vcek' ? `SEV-${line}` : `SEV-VLEK-${line}`))
  if (line === undefined) throw refuse(`has issuer ${issuerName ?? '(none)'}`)
  const product = text(certificate, '2')
  if (product !== line && !product.startsWith(`${line}-`)) throw refuse(`names product ${product} under ${issuerName}`)
  const structure = number(certificate, '1')
  if (structure !== (line === 'Turin' ? 1 : 0)) throw refuse(`is of structure ${structure} on ${line}`)
  const turin = line === 'Turin'
  if (!turin && certificate.extensions.has(`${arc}.3.9`)) throw refuse(`has an FMC on ${line}`)
  return {
    kind,
    line,
    product,
    tcb: {
      fmc: turin ? number(certificate, '3.9') : null,
      bootloader: number(certificate, '3.1'),
      tee: number(certificate, '3.2'),
      snp: number(certificate, '3.3'),
      microcode: number(certificate, '3.8'),
    },
    hwid: readHwid(certificate, kind, turin ? 8 : 64),
    csp: kind === 'vlek' ? text(certificate, '5') : null,
  }
}

function readHwid(certificate: Certificate, kind: 'vcek' | 'vlek', size: number): Buffer | null {
  const value = certificate.extensions.get(`${arc}.4`)?.value
  if (kind === 'vlek') {
    if (value !== undefined) throw refuse('has a hardware id, which a VLEK cannot have')
    return null
  }
  if (value === undefined) throw refuse('lacks the hardware id')
  // Older certificates have the bytes alone, newer ones an OCTET STRING of them.
  if (value.length === size) return value
  const { tag, content } = readDer(value, 'hardware id')
  if (tag !== tags.octets || content.length !== size) throw refuse(`has a hardware id of ${content.length} bytes`)
  return content
}

function number(certificate: Certificate, member: string): number {
  const element = readDer(extension(certificate, member), `extension ${arc}.${member}`)
  if (element.tag !== tags.integer) throw refuse(`has no integer in ${arc}.${member}`)
  return readSmall(element, 255, `extension ${arc}.${member}`)
}

/** IA5String. */
function text(certificate: Certificate, member: string): string {
  const { tag, content } = readDer(extension(certificate, member), `extension ${arc}.${member}`)
  const value = content.toString('latin1')
  if (tag !== 0x16 || !/^[\x20-\x7e]{1,256}$/.test(value)) throw refuse(`has no text in ${arc}.${member}`)
  return value
}

function extension(certificate: Certificate, member: string): Buffer {
  const found = certificate.extensions.get(`${arc}.${member}`)
  if (found === undefined) throw refuse(`lacks ${arc}.${member}`)
  return found.value
}

function refuse(why: string): VerificationError {
  return new VerificationError('format-invalid', `the certificate of the SNP key ${why}`, { subject: 'VCEK or VLEK' })
}
