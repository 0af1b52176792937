import { VerificationError, messageOf } from '../base/errors.ts'
import { isObject } from '../base/json.ts'
import { printable } from '../base/printable.ts'
import { sizeInWords } from '../base/size.ts'
import { parseToml } from '../encoding/toml.ts'

/** The one version that Kata's runtime and agent take; other numbers in documentation are refused by them. */
export const initdataVersion = '0.1.0'

/** Names of hash functions in an initdata document. Trustee also takes `sm3`, which no guest computes. */
export const initdataAlgorithms = ['sha256', 'sha384', 'sha512'] as const
export type InitdataAlgorithm = (typeof initdataAlgorithms)[number]

/** Bounds of the reader. */
export const initdataLimits = {
  /** Bytes of a document. */
  document: 4 << 20,
  /** Bytes of the annotation: Kubernetes takes 256 KiB of names and values for all annotations of an object. */
  annotation: 256 << 10,
} as const

/** What an initdata document says: the name of its hash function and its files. */
export interface Initdata {
  readonly algorithm: InitdataAlgorithm
  /** Files by name (`aa.toml`, `cdh.toml`, `policy.rego`), as the guest writes them. */
  readonly files: ReadonlyMap<string, string>
}

/**
 * Reads an initdata document (Confidential Containers, initdata 0.1.0) as strictly as the strictest of its readers: version, algorithm and `data`
 * with texts, nothing else. The bytes themselves are measured, so they are to be kept as they came.
 *
 * @param bytes - UTF-8 text, at most 4 MiB
 * @param subject - what messages call it
 * @throws VerificationError `format-invalid`
 */
export function readInitdata(bytes: Uint8Array, subject: string): Initdata {
  if (bytes.length > initdataLimits.document)
    throw invalid(subject, `has ${sizeInWords(bytes.length)}, more than ${sizeInWords(initdataLimits.document)}`)
  const document = tables(bytes, subject)
  const other = Object.keys(document).find((name) => !['version', 'algorithm', 'data'].includes(name))
  if (other !== undefined) throw invalid(subject, `has the member "${printable(other)}", which no guest reads`)
  if (document['version'] !== initdataVersion)
    throw invalid(subject, `"version" must be the text "${initdataVersion}": guests refuse each other one`)
  const algorithm = initdataAlgorithms.find((name) => name === document['algorithm'])
  if (algorithm === undefined) throw invalid(subject, `"algorithm" must be one of ${initdataAlgorithms.join(', ')}`)
  if (!isObject(document['data'])) throw invalid(subject, 'has no table "data"')
  const files = new Map<string, string>()
  for (const [name, content] of Object.entries(document['data'])) {
    if (!isFileName(name)) throw invalid(subject, `"${printable(name)}" in "data" is not the plain name of a file`)
    if (typeof content !== 'string') throw invalid(subject, `"${name}" in "data" is not a text`)
    files.set(name, content)
  }
  return { algorithm, files }
}

/** A guest writes each member of `data` into one folder, so a name must not lead out of it. */
export function isFileName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(name)
}

function tables(bytes: Uint8Array, subject: string): Record<string, unknown> {
  try {
    const value = parseToml(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    if (isObject(value)) return value
  } catch (cause) {
    throw invalid(subject, `is not TOML: ${messageOf(cause)}`, cause)
  }
  throw invalid(subject, 'is not a TOML document')
}

function invalid(subject: string, what: string, cause?: unknown): VerificationError {
  return new VerificationError('format-invalid', `${subject}: ${what}`, { subject, cause })
}
