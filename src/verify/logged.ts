import type { JsonValue } from '../base/json.ts'
import { fromEitherBase64 } from '../encoding/base64.ts'
import type { SignedDocument } from '../sign/documents.ts'

/** Bundles of one payload whose log entries are kept: anybody may attach copies. */
const mostKept = 16

/** Log entries of one bundle, none of them read, and the signature that they have to be about. */
export interface Logged {
  entries: readonly JsonValue[]
  signature: Buffer
  payloadType: string
}

/** The entries of a bundle with one signature; of others no log that we pin takes entries. */
export function loggedOf({ envelope, logEntries }: Pick<SignedDocument, 'envelope' | 'logEntries'>): Logged[] {
  const [signature, ...more] = envelope.signatures
  if (signature === undefined || more.length > 0 || logEntries.length === 0) return []
  const { payloadType } = envelope
  return [{ entries: logEntries, signature: fromEitherBase64(signature.sig, 'envelope signature'), payloadType }]
}

/** The entries of copies together. */
export function joinLogged(one: readonly Logged[], other: readonly Logged[]): Logged[] {
  return [...one, ...other].slice(0, mostKept)
}
