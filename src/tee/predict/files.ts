import { hash } from 'node:crypto'
import { InternalError } from '../../base/errors.ts'
import type { Bank } from '../measure/pe.ts'
import type { ReferenceValues } from '../reference/values.ts'

/** A file whose content a prediction reads: firmware, a kernel, a key or an event log. */
export interface NamedFile {
  /** Path as the user wrote it. Errors show it whole, a document records its last part. */
  readonly name: string
  readonly bytes: Buffer
}

/** A file of which a prediction needs only size and digests, so that a large one is hashed as a stream. */
export interface HashedFile {
  /** Path as the user wrote it. */
  readonly name: string
  /** Number of bytes. */
  readonly size: number
  /** Digest of the content for each hash that the prediction needs; a document always needs SHA-256. */
  readonly digests: ReadonlyMap<Bank, Buffer>
}

/** Inputs of a prediction as a document records them, by their role. */
export type RecordedInputs = ReferenceValues['inputs']
type RecordedInput = RecordedInputs[string]

const nameLimit = 256

/**
 * Digest of a file in one bank.
 *
 * @throws InternalError where the caller did not compute this digest, or where it has the length of another hash
 */
export function digestOf({ name, digests }: HashedFile, bank: Bank): Buffer {
  const digest = digests.get(bank)
  if (digest?.length === hash(bank, '', 'buffer').length) return digest
  throw new InternalError(`the ${bank} digest of ${name} is missing or has the wrong length`)
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/**
 * An input as a document records it: its name, cut after 256 characters, and its SHA-256.
 *
 * @param sha256 null where only a value derived from the input is known
 */
export function recorded(name: string, sha256: Buffer | null): RecordedInput {
  return { name: name.slice(0, nameLimit), digest: sha256 === null ? null : `sha256:${sha256.toString('hex')}` }
}

/** A file as a document records it: the last part of its path and its SHA-256. @throws InternalError as {@link digestOf} */
export function recordedFile(file: NamedFile | HashedFile): RecordedInput {
  return recorded(baseName(file.name), 'bytes' in file ? sha256(file.bytes) : digestOf(file, 'sha256'))
}

/** A text as a document records it: itself as the name, and its SHA-256. */
export function recordedText(text: string): RecordedInput {
  return recorded(text, sha256(text))
}

function sha256(content: Buffer | string): Buffer {
  return hash('sha256', content, 'buffer')
}
