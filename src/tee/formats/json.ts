import { createHash } from 'node:crypto'
import { InputError, VerificationError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonObject } from '../../base/json.ts'
import { jcs } from '../../encoding/jcs.ts'
import type { Technology } from '../../base/technology.ts'
import { foreignJson } from './foreign.ts'
import { parseTeeEvidence } from '../evidence.ts'
import type { TeeEvidence } from '../types.ts'

const limit = 16 << 20

export interface JsonEvidence {
  evidence: TeeEvidence
  binding: { json: JsonObject; hash: Buffer } | null
}

/** Evidence in our form: `{binding, evidence}` as `setup-cvm-runner` writes it, or the evidence alone. Members of the binding are not judged. */
export function readOwnJson(bytes: Buffer, subject: string): JsonEvidence {
  const value = parse(bytes, subject)
  if (!('binding' in value)) return { evidence: parseTeeEvidence(jcs(value), subject), binding: null }
  const { binding, evidence, ...more } = value
  const [extra] = Object.keys(more)
  if (!isObject(binding) || !isObject(evidence) || extra !== undefined) {
    throw refuse(subject, extra === undefined ? 'has no binding and evidence' : `has the foreign member ${extra}`)
  }
  const hash = createHash('sha384').update(jcs(binding)).digest()
  return { evidence: parseTeeEvidence(jcs(evidence), subject), binding: { json: binding, hash } }
}

/** Evidence of CoCo's attesters; a message of the RCAR protocol around it is taken off. */
export function readCocoJson(bytes: Buffer, subject: string): JsonEvidence {
  return { evidence: readCocoValue(unwrap(parse(bytes, subject), subject), subject), binding: null }
}

/** The same of a value. @throws InputError `unsupported`, `file-invalid` for JSON that is no evidence known here */
export function readCocoValue(value: JsonObject, subject: string): TeeEvidence {
  const foreign = foreignJson(value)
  if (foreign !== null) throw noVerifier(subject, foreign)
  const fitting = shapes.filter(({ members }) => members.every((name) => name in value))
  const [shape, other] = fitting
  if (shape === undefined) {
    if ('eat_profile' in value || 'submods' in value) throw claims(subject)
    throw unknown(
      subject,
      `is JSON with ${Object.keys(value).slice(0, 6).join(', ') || 'nothing'}: no evidence known here`,
    )
  }
  if (other !== undefined) throw refuse(subject, `could be evidence of ${shape.technology} and of ${other.technology}`)
  return { technology: shape.technology, evidence: value, documents: {} }
}

/** Members that only one technology's evidence has together (coco.md §7.2). The verifier's own schema then judges all of them. */
const shapes: readonly { technology: Technology; members: readonly string[] }[] = [
  { technology: 'snp', members: ['attestation_report'] },
  { technology: 'tdx', members: ['quote', 'cc_eventlog'] },
  { technology: 'az-snp-vtpm', members: ['hcl_report', 'vcek'] },
  { technology: 'az-snp-vtpm', members: ['report', 'quote', 'vcek'] },
  { technology: 'az-tdx-vtpm', members: ['hcl_report', 'td_quote'] },
  { technology: 'tpm', members: ['tpm_quote', 'ak_public'] },
  { technology: 'sample', members: ['svn', 'report_data'] },
]

function unwrap(value: JsonObject, subject: string): JsonObject {
  const message = value['tee-evidence'] ?? value
  if (!isObject(message) || !('primary_evidence' in message)) return value
  const inner = message['primary_evidence']
  if (isObject(inner)) return inner
  throw refuse(subject, 'has primary evidence that is no object')
}

function parse(bytes: Buffer, subject: string): JsonObject {
  if (bytes.length > limit) throw refuse(subject, `is larger than ${limit} bytes`)
  const value = parseJson(bytes.toString('utf8'), subject)
  if (!isObject(value)) throw refuse(subject, 'is not a JSON object')
  return value
}

/** What is known and cannot be judged is named. */
export function noVerifier(subject: string, what: string): InputError {
  return new InputError('unsupported', `${subject} is ${what}, which cannot be verified here`, {
    subject,
    remedy: 'Give evidence of AMD SEV-SNP, Intel TDX, Azure’s confidential VMs or a TPM 2.0.',
  })
}

/** An attestation result is another verifier's word. */
function claims(subject: string): InputError {
  return new InputError('unsupported', `${subject} holds the claims of an EAR, not evidence`, {
    subject,
    remedy: 'Give the evidence itself: an EAR says what another verifier found.',
  })
}

function unknown(subject: string, why: string): InputError {
  return new InputError('file-invalid', `${subject} ${why}`, {
    subject,
    remedy: "Give evidence of setup-cvm-runner or of one of CoCo's attesters.",
  })
}

function refuse(subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} ${why}`, { subject })
}
