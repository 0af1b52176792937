import { VerificationError, type ReasonCode } from '../../../base/errors.ts'
import { isObject, type JsonValue } from '../../../base/json.ts'
import type { Statement } from '../../../statement/types.ts'
import { omsPredicateType, omsRoot } from './oms.ts'

/** A model as its signer described it. */
export interface SignedModel {
  /** SHA-256 in hex, by path. */
  files: ReadonlyMap<string, string>
  /** Paths that the signer left out, with all below them. */
  ignored: readonly string[]
}

const mostFiles = 1_000_000
const mostIgnored = 4096

/**
 * Reads the statement of a model's signature (OpenSSF Model Signing 1.0, method `files`, SHA-256).
 *
 * @param statement whose signature was verified
 * @throws VerificationError `predicate-mismatch` for another statement, `not-checked` for another method or hash, `format-invalid`
 */
export function readSignedModel({ predicateType, predicate, subject }: Statement): SignedModel {
  if (predicateType !== omsPredicateType)
    throw refuse('predicate-mismatch', `is of the type ${predicateType}, not ${omsPredicateType}`)
  const [only, second] = subject
  if (only === undefined || second !== undefined) throw refuse('format-invalid', 'does not have exactly one subject')
  if (!isObject(predicate)) throw refuse('format-invalid', 'has no predicate')
  const ignored = readSerialization(predicate['serialization'])
  const { resources } = predicate
  if (!Array.isArray(resources) || resources.length > mostFiles)
    throw refuse('format-invalid', `has no list of at most ${mostFiles} resources`)
  const files = new Map<string, string>()
  for (const resource of resources) {
    const { name, digest } = readResource(resource)
    if (files.has(name)) throw refuse('format-invalid', `names "${name.slice(0, 200)}" twice`)
    files.set(name, digest)
  }
  const root = omsRoot([...files.values()].map((digest) => ({ digest })))
  if (only.digest['sha256'] !== root.slice(7))
    throw refuse('format-invalid', `has a subject that is not the digest of its resources (${root})`)
  return { files, ignored }
}

function readResource(value: JsonValue): { name: string; digest: string } {
  const { name, algorithm, digest } = isObject(value) ? value : {}
  if (algorithm !== 'sha256') throw refuse('not-checked', 'has a resource that is not hashed by SHA-256')
  if (typeof name !== 'string' || !isInner(name))
    throw refuse('format-invalid', 'has a resource without a path inside of the model')
  if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest))
    throw refuse('format-invalid', `has no SHA-256 for "${name.slice(0, 200)}"`)
  return { name, digest }
}

function readSerialization(value: JsonValue | undefined): string[] {
  const { method, hash_type: hash, ignore_paths: ignored = [] } = isObject(value) ? value : {}
  if (method !== 'files' || hash !== 'sha256')
    throw refuse(
      'not-checked',
      `is made by the method ${shown(method)} with ${shown(hash)}; files with sha256 is supported`,
    )
  if (!Array.isArray(ignored) || ignored.length > mostIgnored)
    throw refuse('format-invalid', `has no list of at most ${mostIgnored} ignored paths`)
  return ignored.map((path) => {
    const plain = typeof path === 'string' ? path.replace(/\/$/, '') : ''
    // An ignored path is one whose content nobody signed: `.` would leave out everything that is added later.
    if (!isInner(plain)) throw refuse('format-invalid', 'ignores something that is not a path inside of the model')
    return plain
  })
}

/** A relative path in its shortest form. */
function isInner(path: string): boolean {
  return (
    path !== '' && !path.includes('\0') && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  )
}

function shown(value: JsonValue | undefined): string {
  return typeof value === 'string' ? `"${value.slice(0, 40)}"` : 'that is not named'
}

function refuse(code: ReasonCode, why: string): VerificationError {
  return new VerificationError(code, `the statement of the model ${why}`, { subject: 'model signature' })
}
