import { X509Certificate } from 'node:crypto'
import { SealwrightError } from '../../base/errors.ts'
import { readVek } from '../verify/snp/vek.ts'
import { parsePckExtension, sgxExtension } from '../verify/tdx/pck.ts'
import { pckFacts } from '../verify/tdx/facts.ts'
import { plain } from '../facts/json.ts'
import { parseCertificate } from '../../encoding/x509/certificate.ts'
import { group, item, type Field } from './field.ts'

/** A certificate by OpenSSL's eyes, with what AMD and Intel put into theirs. */
export function certificateField(name: string, der: Buffer): Field {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(der)
  } catch {
    return item(name, `${der.length} bytes, no certificate`)
  }
  const line = (text: string | undefined): string => (text ?? '').replaceAll('\n', ', ')
  return group(name, [
    item('subject', line(certificate.subject)),
    item('issuer', line(certificate.issuer)),
    item('serial', certificate.serialNumber),
    item('valid', `${certificate.validFrom} to ${certificate.validTo}`),
    item('SHA-256', certificate.fingerprint256.replaceAll(':', '').toLowerCase()),
    ...makerFields(der),
  ])
}

function makerFields(der: Buffer): Field[] {
  try {
    const certificate = parseCertificate(der, 'certificate')
    const sgx = certificate.extensions.get(sgxExtension)
    if (sgx !== undefined)
      return Object.entries(plain(pckFacts(parsePckExtension(sgx.value)))).map(([name, v]) => item(name, v))
    if (!['SEV-VCEK', 'SEV-VLEK'].includes(certificate.subjectName ?? '')) return []
    const { product, tcb, hwid, csp } = readVek(certificate)
    return [
      item('product', product),
      item('TCB', { ...tcb }),
      ...(hwid === null ? [] : [item('HWID', hwid.toString('hex'))]),
      ...(csp === null ? [] : [item('provider', csp)]),
    ]
  } catch (error) {
    if (error instanceof SealwrightError) return [item('maker extensions', error.message)]
    throw error
  }
}
