import { reportSize } from '../verify/snp/report.ts'

const intelVendor = Buffer.from('939a7233f79c4ca9940a0db3957f0607', 'hex')
const quoteHeader = 48

/** Version in 32 bits, also one to come that the verifier then refuses by its number, and the one signature algorithm (SEV-SNP ABI §7.3). */
export function isSnpReport(bytes: Buffer): boolean {
  if (bytes.length < 0x50) return false
  const version = bytes.readUInt32LE(0)
  const newer = version > 5 && version < 32 && bytes.length >= reportSize
  return ((version >= 2 && version <= 5) || newer) && bytes.readUInt32LE(0x34) === 1
}

/** Version 3 to 5 in 16 bits and Intel's vendor id; SGX quotes are found too, so that they are refused by name. */
export function isTdxQuote(bytes: Buffer): boolean {
  if (bytes.length < quoteHeader) return false
  const version = bytes.readUInt16LE(0)
  return version >= 3 && version <= 5 && bytes.subarray(12, 28).equals(intelVendor)
}

/** How many quotes, or reports of 1184 bytes, follow one another: a file of several is no padding. */
export function countEvidence(bytes: Buffer): number {
  if (isTdxQuote(bytes)) {
    let found = 0
    for (let at = bytes.indexOf(intelVendor); at >= 12; at = bytes.indexOf(intelVendor, at + intelVendor.length))
      if (isTdxQuote(bytes.subarray(at - 12))) found++
    return found
  }
  let reports = 0
  while (isSnpReport(bytes.subarray(reports * reportSize))) reports++
  return reports
}
