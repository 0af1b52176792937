import { InputError } from '../../base/errors.ts'
import { toBase64 } from '../../encoding/base64.ts'
import type { TeeEvidence } from '../types.ts'
import { candidates, type Candidate } from './detect.ts'
import { foreignEvidence } from './foreign.ts'
import { readHeld, severalQuotes } from './held/read.ts'
import { noVerifier, readCocoJson, readOwnJson } from './json.ts'
import { countEvidence } from './marks.ts'
import { readSnpReport } from './snp-report.ts'
import { readKeylime, readTpmQuote } from './tpm-parts.ts'
import { evidenceFormats, type Companions, type EvidenceFormat, type ReadEvidence } from './types.ts'

const limit = 32 << 20

/**
 * Reads evidence in any of the forms of {@link evidenceFormats}. The form is told by content, and where two would fit neither is taken.
 *
 * @param format the one form to accept, or `auto`
 * @param subject what is read, for errors
 * @throws InputError `file-invalid` for what is no evidence, or could be two things; VerificationError `format-invalid` for a broken one
 */
export function readEvidence(
  bytes: Buffer,
  format: EvidenceFormat | 'auto',
  subject: string,
  companions: Companions = {},
): ReadEvidence {
  return read(choose(bytes, format, subject), subject, companions)
}

/** The one thing that bytes are. @throws InputError `file-invalid` */
export function choose(bytes: Buffer, format: EvidenceFormat | 'auto', subject: string): Candidate {
  if (bytes.length > limit) throw refuse(subject, `${subject} is larger than ${limit} bytes`)
  const found = candidates(bytes)
  const fitting = format === 'auto' ? found : found.filter((one) => one.format === format)
  const [first, second] = fitting
  if (first !== undefined && second === undefined) return first
  if (first !== undefined && second !== undefined) {
    const remedy =
      first.format === second.format
        ? undefined
        : `Say which with --format ${first.format} or --format ${second.format}.`
    throw refuse(subject, `${subject} could be ${label(first)} and ${label(second)}`, remedy)
  }
  const foreign = found.length === 0 ? foreignEvidence(bytes) : null
  if (foreign !== null) throw noVerifier(subject, foreign)
  const seen = found.map(label).join(' and ')
  throw refuse(
    subject,
    format === 'auto'
      ? `${subject} is no evidence that is known here`
      : `${subject} is no ${format}${seen === '' ? '' : `, but ${seen}`}`,
    `Known are ${evidenceFormats.join(', ')}, and hex or base64 text of them.`,
  )
}

function read({ format, text, bytes }: Candidate, subject: string, companions: Companions): ReadEvidence {
  const several = format === 'snp-report' || format === 'tdx-quote' ? countEvidence(bytes) : 1
  if (several > 1) throw severalQuotes(subject, Array<string>(several).fill(format))
  const common = { format, text, bytes, notes: [] as string[], trailing: null }
  if (format !== 'tpm-quote' && format !== 'keylime') refuseCompanions(companions, format)
  switch (format) {
    case 'sealwright':
    case 'coco': {
      const { evidence, binding } = (format === 'coco' ? readCocoJson : readOwnJson)(bytes, subject)
      return { ...common, kind: 'evidence', technology: evidence.technology, evidence, binding }
    }
    case 'snp-report': {
      const { evidence, trailing } = readSnpReport(bytes, subject)
      const notes = trailing === null ? [] : [`${trailing.bytes} bytes follow the report; no signature covers them`]
      return { ...common, kind: 'evidence', technology: 'snp', evidence, binding: null, notes, trailing }
    }
    case 'tdx-quote':
      return { ...common, kind: 'evidence', technology: 'tdx', evidence: tdxEvidence(bytes), binding: null }
    case 'tpm-quote':
      return { ...common, kind: 'quote', technology: 'tpm', quote: readTpmQuote(bytes, companions, subject) }
    case 'keylime': {
      const quote = readKeylime(bytes.toString('latin1'), companions, subject)
      return { ...common, kind: 'quote', technology: 'tpm', quote }
    }
    case 'hcl-report':
      return { ...common, kind: 'hcl', technology: null }
    case 'dstack':
    case 'tinfoil':
    case 'configfs-tsm':
    case 'cmw':
    case 'platform-evidence':
    case 'unified-quote': {
      const { technology, evidence, trailing, notes } = readHeld(bytes, format, subject)
      return { ...common, kind: 'evidence', technology, evidence, binding: null, notes, trailing }
    }
  }
}

function tdxEvidence(quote: Buffer): TeeEvidence {
  const text = toBase64(quote)
  return { technology: 'tdx', evidence: { cc_eventlog: null, quote: text }, documents: { 'tsm-outblob': text } }
}

function refuseCompanions(companions: Companions, format: EvidenceFormat): void {
  const given = (['signature', 'pcrs', 'ak'] as const).find((name) => companions[name] !== undefined)
  if (given === undefined) return
  throw new InputError('input-invalid', `--${given} has no meaning with evidence of form ${format}`, {
    subject: given,
    remedy: `Leave --${given} out.`,
  })
}

function label({ format, text }: Candidate): string {
  return text === null ? format : `${text} text of ${format}`
}

function refuse(subject: string, message: string, remedy?: string): InputError {
  return new InputError('file-invalid', message, { subject, remedy })
}
