import { ByteReader } from '../../byte-reader.ts'

/** SGX REPORTBODY of the quoting enclave (Intel SDM Vol. 3D, REPORT structure). Members are views of the input. */
export interface EnclaveReport {
  /** All 384 bytes, as the PCK key signed them. */
  bytes: Buffer
  cpuSvn: Buffer
  miscSelect: Buffer
  attributes: Buffer
  mrEnclave: Buffer
  mrSigner: Buffer
  isvProdId: number
  isvSvn: number
  reportData: Buffer
}

export const enclaveReportSize = 384

/**
 * Reserved members are not compared with zero: Intel names parts of them anew (CONFIGID, ISVFAMILYID) and the signature covers them.
 *
 * @throws VerificationError `format-invalid`
 */
export function parseEnclaveReport(bytes: Uint8Array): EnclaveReport {
  const reader = new ByteReader(bytes, 'QE report', 'LE')
  const whole = reader.rest
  const cpuSvn = reader.take(16, 'CPUSVN')
  const miscSelect = reader.take(4, 'MISCSELECT')
  reader.take(28, 'reserved')
  const attributes = reader.take(16, 'ATTRIBUTES')
  const mrEnclave = reader.take(32, 'MRENCLAVE')
  reader.take(32, 'reserved')
  const mrSigner = reader.take(32, 'MRSIGNER')
  reader.take(96, 'reserved')
  const isvProdId = reader.u16('ISVPRODID')
  const isvSvn = reader.u16('ISVSVN')
  reader.take(60, 'reserved')
  const reportData = reader.take(64, 'REPORTDATA')
  reader.end()
  return { bytes: whole, cpuSvn, miscSelect, attributes, mrEnclave, mrSigner, isvProdId, isvSvn, reportData }
}
