import { InputError, SealwrightError } from '../../base/errors.ts'
import type { TeeEvidence } from '../types.ts'
import { parseAzureEvidence } from '../verify/azure/evidence.ts'
import { parseHcl } from '../verify/azure/hcl.ts'
import type { SnpLine } from '../verify/snp/amd-authorities.ts'
import { readCocoSnp } from '../verify/snp/coco-report.ts'
import { lineByCpuid, unknownProcessor } from '../verify/snp/product.ts'
import { parseSnpReport } from '../verify/snp/report.ts'
import { readTcb, type SnpTcb } from '../verify/snp/tcb.ts'
import { readVek } from '../verify/snp/vek.ts'
import { readTdxEvidence } from '../verify/tdx/evidence.ts'
import { parsePckExtension, sgxExtension } from '../verify/tdx/pck.ts'
import { parseTdxQuote } from '../verify/tdx/quote.ts'
import { parseCertificate } from '../../encoding/x509/certificate.ts'

/** What is wanted of AMD: revocation list and authorities of a line for one kind of key, and the VCEK of a chip at a TCB where there is one. */
export interface AmdWish {
  maker: 'amd'
  line: SnpLine
  /** Each kind has addresses of its own. A VLEK itself cannot be fetched: AMD gives it to the cloud provider alone. */
  endorser: 'vcek' | 'vlek'
  vcek: { hwid: Buffer; tcb: SnpTcb } | null
}

/** What is wanted of Intel: the collateral of a family of platforms, with the list of one PCK CA. */
export interface IntelWish {
  maker: 'intel'
  /** 12 hex digits, lower case. */
  fmspc: string
  ca: 'platform' | 'processor'
}

export type Wish = AmdWish | IntelWish

/**
 * The collateral that evidence needs. What it says of its machine is not checked here: a wrong chip id gets no certificate, or one that
 * does not fit.
 *
 * @param line of an SNP report of version 2, which does not name its processor
 * @throws InputError `unsupported` for technologies without a service, `input-missing` where the line must be said
 */
export function wishesOf(taken: TeeEvidence, line: SnpLine | null): Wish[] {
  const { technology, evidence } = taken
  switch (technology) {
    case 'snp': {
      const { report, certificates } = readCocoSnp(evidence)
      return [amdWish(report, line ?? lineOf(certificates))]
    }
    case 'az-snp-vtpm': {
      const { hclReport, document } = parseAzureEvidence(technology, evidence)
      return [amdWish(parseHcl(hclReport).hardware, line ?? lineOf([document]))]
    }
    case 'tdx':
      return [intelWish(readTdxEvidence(taken).quote)]
    case 'az-tdx-vtpm':
      return [intelWish(parseAzureEvidence(technology, evidence).document)]
    case 'tpm':
    case 'sample':
      throw new InputError('unsupported', `there is no service with collateral for ${technology}`, {
        subject: technology,
        remedy:
          technology === 'tpm'
            ? "Put the certificates of your TPM's maker into the folder yourself."
            : 'Sample evidence needs none.',
      })
  }
}

function amdWish(bytes: Buffer, given: SnpLine | null): AmdWish {
  const report = parseSnpReport(bytes)
  const unknown = unknownProcessor(report)
  if (unknown !== null) {
    throw new InputError('unsupported', unknown, {
      subject: 'evidence',
      remedy: 'Update sealwright to a version that knows the line.',
    })
  }
  const line = lineByCpuid(report) ?? given
  if (line === null) {
    throw new InputError('input-missing', 'this report does not name its processor', {
      subject: 'line',
      remedy: 'Say it with --line Milan, Genoa or Turin.',
    })
  }
  if (report.signer !== 'vcek')
    return { maker: 'amd', line, endorser: report.signer === 'vlek' ? 'vlek' : 'vcek', vcek: null }
  const hwid = report.chipId.subarray(0, line === 'Turin' ? 8 : 64)
  if (hwid.every((byte) => byte === 0)) {
    throw new InputError('unsupported', 'the chip id in this report is masked: its certificate cannot be asked for', {
      subject: 'chip id',
      remedy: 'Take the certificate along with the evidence: the host has it in its certificate table.',
    })
  }
  return {
    maker: 'amd',
    line,
    endorser: 'vcek',
    vcek: { hwid, tcb: readTcb(report.tcb.reported, line, 'reported TCB') },
  }
}

/** Line of a key certificate that came along. */
function lineOf(certificates: readonly Buffer[]): SnpLine | null {
  for (const der of certificates) {
    try {
      return readVek(parseCertificate(der, 'certificate')).line
    } catch (error) {
      if (!(error instanceof SealwrightError)) throw error
    }
  }
  return null
}

function intelWish(bytes: Buffer): IntelWish {
  const [der] = parseTdxQuote(bytes).auth.pckChain
  const certificate = parseCertificate(der ?? Buffer.alloc(0), 'PCK certificate')
  const extension = certificate.extensions.get(sgxExtension)
  const ca = /^Intel SGX PCK (Platform|Processor) CA$/.exec(certificate.issuerName ?? '')?.[1]
  if (extension === undefined || ca === undefined) {
    throw new InputError('file-invalid', "the quote's PCK certificate does not name its platform", {
      subject: 'evidence',
    })
  }
  return {
    maker: 'intel',
    fmspc: parsePckExtension(extension.value).fmspc.toString('hex'),
    ca: ca === 'Platform' ? 'platform' : 'processor',
  }
}
