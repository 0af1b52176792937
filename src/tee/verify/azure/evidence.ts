import { z } from 'zod'
import { VerificationError } from '../../../base/errors.ts'
import type { JsonObject } from '../../../base/json.ts'
import { fromBase64 } from '../../../encoding/base64.ts'
import { readPem } from '../../../encoding/pem.ts'
import { pcrList } from '../tpm/coco-quote.ts'

/** CoCo's evidence for Azure, versions 0 to 2 (coco.md §7.2), in one form. */
export interface AzureEvidence {
  version: 0 | 1 | 2
  message: Buffer
  /** Plain RSASSA bytes over SHA-256, without a TPMT_SIGNATURE around them. */
  signature: Buffer
  pcrs: Map<number, Buffer>
  hclReport: Buffer
  /** VCEK certificate as DER of `az-snp-vtpm`, quote of `az-tdx-vtpm`. */
  document: Buffer
}

export type AzureTechnology = 'az-snp-vtpm' | 'az-tdx-vtpm'

const bytes = z.array(z.int().min(0).max(255)).max(16_384)
const text = z.string().max(32_768)
const oldQuote = z.strictObject({ message: bytes, signature: bytes, pcrs: z.array(bytes.length(32)).length(24) })
const quote = z.strictObject({ message: text, signature: text, pcrs: z.array(z.string()).length(24) })
const version = z.union([z.literal(1), z.literal(2)])
const schemas = {
  oldSnp: z.strictObject({ quote: oldQuote, report: bytes, vcek: text }),
  oldTdx: z.strictObject({ tpm_quote: oldQuote, hcl_report: bytes, td_quote: bytes }),
  snp: z.strictObject({ version, tpm_quote: quote, hcl_report: text, vcek: text }),
  tdx: z.strictObject({ version, tpm_quote: quote, hcl_report: text, td_quote: text }),
}

/** @throws VerificationError `evidence-invalid` for a foreign member or version, `format-invalid` for text that is not bytes */
export function parseAzureEvidence(technology: AzureTechnology, value: JsonObject): AzureEvidence {
  const snp = technology === 'az-snp-vtpm'
  if (!('version' in value)) {
    const old = snp ? read(schemas.oldSnp, value, technology) : read(schemas.oldTdx, value, technology)
    const taken = 'quote' in old ? old.quote : old.tpm_quote
    return {
      version: 0,
      message: Buffer.from(taken.message),
      signature: Buffer.from(taken.signature),
      pcrs: new Map(taken.pcrs.map((pcr, index) => [index, Buffer.from(pcr)])),
      hclReport: Buffer.from('report' in old ? old.report : old.hcl_report),
      document: 'vcek' in old ? oneCertificate(old.vcek) : Buffer.from(old.td_quote),
    }
  }
  const taken = snp ? read(schemas.snp, value, technology) : read(schemas.tdx, value, technology)
  return {
    version: taken.version,
    message: hex(taken.tpm_quote.message, 'message'),
    signature: hex(taken.tpm_quote.signature, 'signature'),
    pcrs: pcrList(taken.tpm_quote.pcrs),
    hclReport: urlBase64(taken.hcl_report, 'hcl_report'),
    document: 'vcek' in taken ? urlBase64(taken.vcek, 'vcek') : urlBase64(taken.td_quote, 'td_quote'),
  }
}

function read<T>(schema: z.ZodType<T>, value: JsonObject, subject: string): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new VerificationError('evidence-invalid', `not ${subject} evidence of versions 0 to 2`, {
    subject,
    cause: parsed.error,
  })
}

function oneCertificate(pem: string): Buffer {
  const [block, more] = readPem(pem, 'vcek')
  if (block?.label !== 'CERTIFICATE' || more !== undefined) {
    throw new VerificationError('format-invalid', 'vcek is not one certificate', { subject: 'vcek' })
  }
  return block.bytes
}

/** The URL alphabet, with its padding as CoCo writes it, or without any as az-cvm-vtpm and others do. */
function urlBase64(value: string, subject: string): Buffer {
  const unpadded = value.replace(/={1,2}$/, '')
  const decoded = fromBase64(unpadded, subject, 'base64url')
  if (value !== unpadded && unpadded.padEnd(Math.ceil(unpadded.length / 4) * 4, '=') !== value) {
    throw new VerificationError('format-invalid', `${subject} is not base64url with whole padding or none`, { subject })
  }
  return decoded
}

function hex(value: string, subject: string): Buffer {
  if (!/^([0-9a-f]{2})*$/.test(value)) {
    throw new VerificationError('format-invalid', `${subject} is not lower-case hex`, { subject })
  }
  return Buffer.from(value, 'hex')
}
