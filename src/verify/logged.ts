import { createPublicKey } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import { fromEitherBase64 } from '../encoding/base64.ts'
import { verifyLoggedSignature, type PinnedLog } from '../log/pinned-log.ts'
import type { SignedDocument } from '../sign/documents.ts'

/** Bundles of one payload whose log entries are kept: anybody may attach copies. */
const mostKept = 16

/** Log entries of one bundle, none of them read, and the signature that they have to be about. */
export interface Logged {
  entries: readonly JsonValue[]
  signature: Buffer
  payloadType: string
  /** SPKI PEM of the signers for whose signature the log that the policy pins has an entry in it. */
  by: readonly string[]
}

/** The entries of a bundle with one signature; of others no log that we pin takes entries. */
export function loggedOf({ envelope, logEntries }: Pick<SignedDocument, 'envelope' | 'logEntries'>): Logged[] {
  const [signature, ...more] = envelope.signatures
  if (signature === undefined || more.length > 0 || logEntries.length === 0) return []
  const { payloadType } = envelope
  return [
    { entries: logEntries, signature: fromEitherBase64(signature.sig, 'envelope signature'), payloadType, by: [] },
  ]
}

/** The entries of copies together. */
export function joinLogged(one: readonly Logged[], other: readonly Logged[]): Logged[] {
  const all = [...one, ...other]
  // However many copies strangers attach, the first that holds for each signer stays.
  const proven = new Set(all.flatMap(({ by }) => by).flatMap((pem) => all.find(({ by }) => by.includes(pem)) ?? []))
  const rest = all.filter((item) => !proven.has(item))
  return [...proven, ...rest.slice(0, Math.max(0, mostKept - proven.size))]
}

/** Entries of a bundle with the signers for whom the pinned log has one of them that holds. */
export function provenBy(
  logged: readonly Logged[],
  payload: Uint8Array,
  signers: readonly string[],
  log: PinnedLog | null,
): Logged[] {
  if (log === null) return [...logged]
  return logged.map((item) => ({ ...item, by: signers.filter((pem) => isPem(pem) && holds(item, payload, pem, log)) }))
}

function isPem(signer: string): boolean {
  return signer.startsWith('-----BEGIN')
}

function holds({ entries, signature, payloadType }: Logged, payload: Uint8Array, pem: string, log: PinnedLog): boolean {
  const signer = createPublicKey(pem).export({ format: 'der', type: 'spki' })
  try {
    return verifyLoggedSignature(entries, { signature, payloadType, payload, signer }, log) !== null
  } catch (error) {
    if (error instanceof VerificationError) return false
    throw error
  }
}
