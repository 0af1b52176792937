import { X509Certificate } from 'node:crypto'
import { InputError } from '../../../base/errors.ts'
import { parseJson, isObject } from '../../../base/json.ts'
import { toBase64 } from '../../../encoding/base64.ts'
import type { Technology } from '../../../base/technology.ts'
import type { TeeEvidence } from '../../types.ts'
import { foreignEvidence } from '../foreign.ts'
import { noVerifier, readCocoValue } from '../json.ts'
import { readSnpReport, type RawSnp } from '../snp-report.ts'
import { isSnpReport, isTdxQuote } from '../marks.ts'
import { openCbor } from './cmw.ts'
import { isDstackBytes, isDstackMessagePack, openDstackBytes } from './dstack.ts'
import { heldShape, type HeldFormat } from './open.ts'
import { refuse, type Part } from './part.ts'

export interface Held extends RawSnp {
  technology: Technology
  notes: string[]
}

/** The parts of a file in one of the forms of other programs. @throws VerificationError `format-invalid` */
export function openHeld(bytes: Buffer, format: HeldFormat, subject: string): Part[] {
  if (format === 'dstack' && (isDstackBytes(bytes) || isDstackMessagePack(bytes)))
    return openDstackBytes(bytes, subject)
  const cbor = openCbor(bytes)
  if (cbor?.format === format) return cbor.open(subject)
  const value = parseJson(bytes.toString('utf8'), subject)
  const shape = isObject(value) ? heldShape(value) : null
  if (shape?.format !== format) throw refuse(subject, `is not in the form ${format}`)
  return shape.open(subject)
}

/**
 * The one report or quote in a file of another program.
 *
 * @throws InputError `unsupported` for several; VerificationError `format-invalid`
 */
export function readHeld(bytes: Buffer, format: HeldFormat, subject: string): Held {
  const [part, ...more] = openHeld(bytes, format, subject)
  if (part === undefined) throw refuse(subject, 'holds no report and no quote')
  if (more.length > 0)
    throw severalQuotes(
      subject,
      [part, ...more].map(({ name }) => name),
    )
  return { ...evidenceOf(part, subject), notes: part.notes ?? [] }
}

/** One verdict is about one report. */
export function severalQuotes(subject: string, names: readonly string[]): InputError {
  return new InputError('unsupported', `${subject} holds ${names.length} reports or quotes: ${names.join(', ')}`, {
    subject,
    remedy: 'Give each in a file of its own: a verdict is about one.',
  })
}

function evidenceOf(
  { name, evidence, table, certificates = [], eventLog }: Part,
  subject: string,
): Omit<Held, 'notes'> {
  if (!Buffer.isBuffer(evidence)) {
    const taken = readCocoValue(evidence, subject)
    return { technology: taken.technology, evidence: taken, trailing: null }
  }
  const foreign = foreignEvidence(evidence)
  if (foreign !== null) throw noVerifier(`${name} in ${subject}`, foreign)
  if (isTdxQuote(evidence)) {
    const quote = toBase64(evidence)
    const log = eventLog === undefined || eventLog === null ? null : toBase64(eventLog)
    const taken: TeeEvidence = {
      technology: 'tdx',
      evidence: { cc_eventlog: log, quote },
      documents: { 'tsm-outblob': quote },
    }
    return { technology: 'tdx', evidence: taken, trailing: null }
  }
  if (!isSnpReport(evidence)) throw refuse(`${name} in ${subject}`, 'is neither an SNP report nor a TDX quote')
  const behind = table === undefined || table === null ? Buffer.alloc(0) : table
  const raw = readSnpReport(Buffer.concat([evidence, behind]), `${name} in ${subject}`)
  const chain = raw.evidence.evidence['cert_chain']
  const given = certificates.map((der) => ({ cert_type: kindOf(der), data: [...der] }))
  const all = [...(Array.isArray(chain) ? chain : []), ...given]
  const taken = { ...raw.evidence, evidence: { ...raw.evidence.evidence, cert_chain: all.length === 0 ? null : all } }
  return { technology: 'snp', evidence: taken, trailing: raw.trailing }
}

/** The kind by which Trustee's form lists a certificate; the verifier looks at the certificate itself. */
function kindOf(der: Buffer): string {
  try {
    const name = /CN=([^\n]*)/.exec(new X509Certificate(der).subject)?.[1] ?? ''
    if (name === 'SEV-VLEK') return 'VLEK'
    return name.startsWith('ARK-') ? 'ARK' : name.startsWith('SEV-') && name !== 'SEV-VCEK' ? 'ASK' : 'VCEK'
  } catch {
    return 'VCEK'
  }
}
