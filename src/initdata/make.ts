import { InputError } from '../base/errors.ts'
import { printable } from '../base/printable.ts'
import { toInitdataAnnotation } from './annotation.ts'
import { initdataDigest } from './bindings.ts'
import { initdataVersion, isFileName, readInitdata, type InitdataAlgorithm } from './document.ts'

/** An initdata document with the values that a pod and a policy take from it. */
export interface MadeInitdata {
  readonly algorithm: InitdataAlgorithm
  /** The document: UTF-8, measured as it is. */
  readonly bytes: Buffer
  /** Lower-case hex of the document's digest by `algorithm`. */
  readonly digest: string
  /** Value of the annotation `io.katacontainers.config.hypervisor.cc_init_data`: base64 of gzip. */
  readonly annotation: string
}

/**
 * Makes an initdata document from its files: one order, one way to quote, so the same files give the same digest. It is read again before it
 * is given back: each file must come out as it went in.
 *
 * @param parts - content by name (`aa.toml`, `cdh.toml`, `policy.rego`); their order doesn't count
 * @param algorithm - sha256 is what each platform keeps whole
 * @throws InputError `input-invalid`: no file, a name that is not a plain file name, a text that is not Unicode
 * @throws VerificationError `format-invalid`: too large for an annotation
 */
export function makeInitdata(
  parts: ReadonlyMap<string, string>,
  algorithm: InitdataAlgorithm = 'sha256',
): MadeInitdata {
  if (parts.size === 0) throw new InputError('input-invalid', 'initdata without any file says nothing to a guest')
  const names = [...parts.keys()].sort()
  const lines = names.map((name) => `"${name}" = ${quoted(name, parts.get(name) ?? '')}\n`)
  const head = `version = "${initdataVersion}"\nalgorithm = "${algorithm}"\n\n[data]\n`
  const bytes = Buffer.from(head + lines.join('\n'), 'utf8')
  const again = readInitdata(bytes, 'initdata').files
  if (names.some((name) => again.get(name) !== parts.get(name)))
    throw new Error('initdata changes when it is read again')
  return keptInitdata(bytes)
}

/**
 * Takes a document that somebody else wrote, byte for byte.
 *
 * @throws VerificationError `format-invalid`
 */
export function keptInitdata(bytes: Buffer): MadeInitdata {
  const { algorithm } = readInitdata(bytes, 'initdata')
  const digest = initdataDigest(bytes, algorithm).toString('hex')
  return { algorithm, bytes, digest, annotation: toInitdataAnnotation(bytes) }
}

/** A literal text of several lines (TOML 1.0, "String") keeps every byte but carriage returns and controls; texts with those are escaped. */
function quoted(name: string, content: string): string {
  if (!isFileName(name)) throw new InputError('input-invalid', `"${printable(name)}" is not the plain name of a file`)
  if (!content.isWellFormed()) throw new InputError('input-invalid', `${name}: not Unicode text`, { subject: name })
  // eslint-disable-next-line no-control-regex -- these are what a literal text can't hold
  const isLiteral = !/'''|'$|[\0-\x08\x0b-\x1f\x7f]/.test(content)
  return isLiteral ? `'''\n${content}'''` : JSON.stringify(content).replaceAll('\x7f', '\\u007f')
}
