import { createHash, X509Certificate } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { isObject, parseJson } from '../../base/json.ts'
import { readPem, unescapedPem } from '../../encoding/pem.ts'
import { amdFingerprints } from '../verify/snp/amd-authorities.ts'
import { readVek } from '../verify/snp/vek.ts'
import { parseBundle } from '../verify/tdx/collateral.ts'
import { parseQeIdentity } from '../verify/tdx/qe-identity.ts'
import { cutSigned } from '../verify/tdx/signed-json.ts'
import { parseTcbInfo } from '../verify/tdx/tcb-info.ts'
import { parseCertificate } from '../../encoding/x509/certificate.ts'
import { parseCrl } from '../../encoding/x509/crl.ts'
import { commonNameOf } from '../../encoding/x509/common-name.ts'
import type { ListPiece, Piece } from './pieces.ts'

/**
 * What a file holds: a bundle of dcap-qvl, an answer of Intel's service, a revocation list or certificates (DER, or PEM with several blocks).
 *
 * @throws VerificationError `format-invalid` for anything else, saying why
 */
export function classify(bytes: Buffer, subject: string): Piece[] {
  // All of it is longer than 127 bytes, so its length has the long form; hexadecimal text that begins with 0 has not.
  if (bytes[0] === 0x30 && (bytes[1] ?? 0) > 0x80) return [classifyDer(bytes, subject)]
  if (bytes.includes(0)) throw refuse(subject, 'is neither DER, PEM nor JSON')
  const text = bytes.toString('latin1')
  if (/^\s*\{/.test(text)) return [classifyJson(bytes, subject)]
  const blocks = /-----BEGIN(%20|[ +])/i.test(text) ? readPem(unescapedPem(text, subject), subject) : []
  if (blocks.length === 0) throw refuse(subject, 'is neither DER, PEM nor JSON')
  return blocks.map(({ label, bytes: der }) => {
    if (label === 'CERTIFICATE') return classifyCertificate(der, subject)
    if (label === 'X509 CRL') return classifyList(der, subject)
    throw refuse(subject, `holds a block "${label}"`)
  })
}

function classifyJson(bytes: Buffer, subject: string): Piece {
  const value = parseJson(bytes.toString('utf8'), subject)
  if (!isObject(value)) throw refuse(subject, 'is no object')
  if ('tcb_info' in value) {
    const collateral = parseBundle(bytes, subject)
    // Read here so that a bundle for SGX is refused by its name and not later, as missing.
    parseTcbInfo(collateral.tcbInfo.bytes)
    return { kind: 'intel-bundle', collateral }
  }
  if ('tcbInfo' in value) {
    const text = cutSigned(bytes, 'tcbInfo', subject)
    const { issueDate: issued, nextUpdate: ends, fmspc } = parseTcbInfo(text.bytes)
    return { kind: 'intel-tcb', document: { text, issued, ends }, fmspc: fmspc.toString('hex') }
  }
  if ('enclaveIdentity' in value) {
    const text = cutSigned(bytes, 'enclaveIdentity', subject)
    const { issueDate: issued, nextUpdate: ends } = parseQeIdentity(text.bytes)
    return { kind: 'intel-identity', document: { text, issued, ends } }
  }
  throw refuse(subject, "is neither dcap-qvl's one file nor an answer of Intel's service")
}

/** A certificate's first inner member begins with an explicit version, a list's with an INTEGER. */
function classifyDer(der: Buffer, subject: string): Piece {
  try {
    return classifyCertificate(der, subject)
  } catch (asCertificate) {
    try {
      return classifyList(der, subject)
    } catch (asList) {
      const isList =
        der.subarray(0, 16).includes(Buffer.from([0x02, 0x01, 0x01])) && !der.subarray(0, 16).includes(0xa0)
      throw isList ? asList : asCertificate
    }
  }
}

function classifyList(der: Buffer, subject: string): Piece {
  const crl = parseCrl(der, subject)
  const issuer = commonNameOf(crl.issuer) ?? ''
  const list: ListPiece = { der, issuer, issued: crl.thisUpdate, ends: crl.nextUpdate }
  if (/^(ARK|SEV)-/.test(issuer)) return { kind: 'amd-list', list }
  if (/^Intel SGX (Root|PCK (Platform|Processor)) CA$/.test(issuer)) return { kind: 'intel-list', list }
  throw refuse(subject, `is a revocation list of "${issuer}", who is neither AMD nor Intel`)
}

function classifyCertificate(der: Buffer, subject: string): Piece {
  const { authority, name } = readLoosely(der, subject)
  if (name === 'SEV-VCEK' || name === 'SEV-VLEK') {
    const certificate = parseCertificate(der, subject)
    readVek(certificate)
    return { kind: 'amd-key', certificate }
  }
  if (/^(ARK|SEV|SEV-VLEK)-(Milan|Genoa|Turin)$/.test(name)) {
    const known = Object.values(amdFingerprints).flat()
    if (known.includes(createHash('sha256').update(der).digest('hex'))) return { kind: 'nothing' }
    throw refuse(subject, `is called ${name} and is not AMD's`)
  }
  if (name === 'Intel SGX TCB Signing') return { kind: 'intel-signer', certificate: parseCertificate(der, subject) }
  if (name === 'Intel SGX Root CA') return { kind: 'intel-root', certificate: parseCertificate(der, subject) }
  if (name.startsWith('Intel SGX PCK ')) return { kind: 'nothing' }
  if (authority) return { kind: 'tpm-authority', der }
  throw refuse(subject, `is a certificate of "${name}", which vouches for nothing here`)
}

/** By OpenSSL: makers of TPMs sign in ways that the chains of AMD and Intel do not know. Only the kind is taken from it. */
function readLoosely(der: Buffer, subject: string): { authority: boolean; name: string } {
  try {
    const certificate = new X509Certificate(der)
    if (!certificate.raw.equals(der)) throw new Error('bytes follow the certificate')
    const dates = [certificate.validFromDate, certificate.validToDate]
    if (dates.some((date) => Number.isNaN(date.getTime()))) throw new Error('no valid times')
    const name = /(?:^|\n)CN=([^\n]*)/.exec(certificate.subject ?? '')?.[1] ?? ''
    return { authority: certificate.ca, name }
  } catch (cause) {
    throw new VerificationError('format-invalid', `${subject} is not a certificate in DER`, { subject, cause })
  }
}

function refuse(subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} ${why}`, { subject })
}
