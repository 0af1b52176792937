import { InputError } from '../../base/errors.ts'
import { fromBase64, toBase64 } from '../../encoding/base64.ts'
import { jcs } from '../../encoding/jcs.ts'
import { writePem } from '../../encoding/pem.ts'
import type { TeeEvidence } from '../types.ts'
import { readCocoSnp } from '../verify/snp/coco-report.ts'
import { readTdxEvidence } from '../verify/tdx/evidence.ts'
import { parseTpmEvidence } from '../verify/tpm/coco-quote.ts'
import { writeToolPcrs } from '../tpm/tool-pcrs.ts'
import type { QuoteParts } from './types.ts'

/** Forms that evidence is written in. */
export const outputForms = ['sealwright', 'coco', 'snp-report', 'tdx-quote', 'tpm-quote', 'keylime'] as const
export type OutputForm = (typeof outputForms)[number]

/** One file, by what stands behind the name that the user gave: nothing, or `.sig`, `.pcrs`, `.pem` beside a quote. */
export interface OutputFile {
  suffix: string
  bytes: Buffer
}

/**
 * The same evidence in another form. Signed bytes stay as they are; what a form has no place for is left out and named.
 *
 * @throws InputError `unsupported` for a form that this technology has not
 */
export function writeEvidence(taken: TeeEvidence, form: OutputForm): { files: OutputFile[]; lost: string[] } {
  const { technology, evidence, documents } = taken
  const one = (bytes: Buffer, lost: string[] = []) => ({ files: [{ suffix: '', bytes }], lost })
  const others = Object.keys(documents)
  switch (form) {
    case 'sealwright':
      return one(jcs({ ...taken }))
    case 'coco':
      return one(Buffer.from(JSON.stringify(evidence)), others)
    case 'snp-report': {
      if (technology !== 'snp') throw unfit(technology, form)
      const { report, certificates } = readCocoSnp(evidence)
      const table = documents['tsm-auxblob']
      // As go-sev-guest has it: the host's table behind the report.
      const behind = table === undefined ? Buffer.alloc(0) : fromBase64(table, 'tsm-auxblob')
      const lost = others.filter((name) => !['tsm-outblob', 'tsm-auxblob'].includes(name))
      const chain = certificates.length > 0 && table === undefined ? ['cert_chain'] : []
      return one(Buffer.concat([report, behind]), [...chain, ...lost])
    }
    case 'tdx-quote': {
      if (technology !== 'tdx') throw unfit(technology, form)
      const { quote, eventLog } = readTdxEvidence(taken)
      const log = eventLog === null ? [] : ['cc_eventlog']
      return one(quote, [...log, ...others.filter((name) => name !== 'tsm-outblob')])
    }
    case 'tpm-quote':
    case 'keylime': {
      if (technology !== 'tpm') throw unfit(technology, form)
      return { files: writeQuote(partsOf(taken), form), lost: others }
    }
  }
}

/** Files of a quote: TPMS_ATTEST, TPMT_SIGNATURE, PCR values and key as tpm2-tools write them, or Keylime's line and the key. */
export function writeQuote(
  { message, signature, key, values }: SignedQuote,
  form: 'tpm-quote' | 'keylime',
): OutputFile[] {
  const pcrs = writeToolPcrs(values)
  const pem = {
    suffix: '.pem',
    bytes: Buffer.from(writePem('PUBLIC KEY', key.export({ format: 'der', type: 'spki' }))),
  }
  if (form === 'keylime') {
    const text = `r${[message, signature, pcrs].map((part) => toBase64(part)).join(':')}`
    return [{ suffix: '', bytes: Buffer.from(text) }, pem]
  }
  return [{ suffix: '', bytes: message }, { suffix: '.sig', bytes: signature }, { suffix: '.pcrs', bytes: pcrs }, pem]
}

type SignedQuote = Pick<QuoteParts, 'message' | 'signature' | 'key' | 'values'>

function partsOf({ evidence }: TeeEvidence): SignedQuote {
  const { message, signature, key, pcrs } = parseTpmEvidence(evidence)
  return { message, signature, key, values: new Map([['sha256', pcrs]]) }
}

function unfit(technology: string, form: OutputForm): InputError {
  return new InputError('unsupported', `evidence of ${technology} has no form ${form}`, {
    subject: 'to',
    remedy: 'Take sealwright or coco, which every technology has.',
  })
}
