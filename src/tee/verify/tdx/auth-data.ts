import { ByteReader } from '../../byte-reader.ts'
import { readPem, writePem } from '../../../encoding/pem.ts'
import { enclaveReportSize, parseEnclaveReport, type EnclaveReport } from './enclave-report.ts'

/** ECDSA authentication data of a quote (Intel TDX DCAP, Appendix A.3.8 and A.3.11): who signed it and how that key is tied to the machine. */
export interface AuthData {
  /** r ‖ s by the attestation key. */
  signature: Buffer
  /** x ‖ y of the attestation key. */
  attestationKey: Buffer
  qeReport: EnclaveReport
  /** r ‖ s by the PCK key over the QE report. */
  qeReportSignature: Buffer
  /** Hashed with the attestation key into the QE report's report data. */
  qeAuthData: Buffer
  /** DER certificates in the order of the quote: PCK, its CA, the root. */
  pckChain: Buffer[]
}

const limits = { qeAuthData: 4096, certification: 24 * 1024, certificates: 8 } as const
const qeReportCertification = 6
const pckChainPem = 5

/**
 * Only the PEM chain (type 5) can be checked without a network; PPID forms and single certificates are refused by name.
 *
 * @param bytes exactly the authentication data
 * @throws VerificationError `format-invalid`
 */
export function readAuthData(bytes: Uint8Array): AuthData {
  const reader = new ByteReader(bytes, 'quote authentication data', 'LE')
  const signature = reader.take(64, 'quote signature')
  const attestationKey = reader.take(64, 'attestation key')
  const outer = reader.u16('certification data type')
  if (outer !== qeReportCertification) throw reader.refuse(`certification data of type ${outer}, not 6`)
  const inner = new ByteReader(
    reader.sized32('certification data', limits.certification),
    'QE report certification data',
    'LE',
  )
  reader.end()
  const qeReport = parseEnclaveReport(inner.take(enclaveReportSize, 'QE report'))
  const qeReportSignature = inner.take(64, 'QE report signature')
  const qeAuthData = inner.sized16('QE authentication data', limits.qeAuthData)
  const type = inner.u16('PCK certification data type')
  if (type !== pckChainPem)
    throw inner.refuse(`certification data of type ${type}: only 5, the PCK chain, is supported`)
  const pckChain = readChain(inner.sized32('PCK chain', limits.certification), inner)
  inner.end()
  return { signature, attestationKey, qeReport, qeReportSignature, qeAuthData, pckChain }
}

function readChain(bytes: Buffer, reader: ByteReader): Buffer[] {
  // The PEM text ends with one NUL in some quotes; a second one, or one inside, is no text.
  const end = bytes.at(-1) === 0 ? bytes.length - 1 : bytes.length
  const text = bytes.toString('latin1', 0, end)
  const blocks = readPem(text, 'PCK chain')
  if (
    blocks.length === 0 ||
    blocks.length > limits.certificates ||
    blocks.some(({ label }) => label !== 'CERTIFICATE')
  ) {
    throw reader.refuse('the PCK chain is not a list of certificates')
  }
  // No signature covers the text, so it must be the only text for its certificates, but for a last line feed.
  const only = blocks.map(({ label, bytes: der }) => writePem(label, der)).join('')
  if (text !== only && `${text}\n` !== only) throw reader.refuse('the PCK chain is not PEM in its plain form')
  return blocks.map((block) => block.bytes)
}
