import { createPublicKey } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import { fromEitherBase64 } from '../encoding/base64.ts'
import { verifyLoggedSignature, type EnvelopeSignature, type PinnedLog } from '../log/pinned-log.ts'
import { leafCertificate } from '../sign/bundle.ts'
import type { SignedDocument } from '../sign/documents.ts'

/** Bundles of one payload whose log entries are kept: anybody may attach copies. */
const mostKept = 16

/** Log entries of one bundle, none of them read, and the signature that they have to be about. */
export interface Logged {
  entries: readonly JsonValue[]
  signature: Buffer
  payloadType: string
  /** DER of the certificate that the bundle names as its signer; null where it names a key. */
  certificate: Buffer | null
  /** Who made this signature, as in `signers` of a claim. */
  signers: readonly string[]
  /** Those of the signers for whose signature the log that the policy pins has an entry in it. */
  by: readonly string[]
}

/**
 * The entries of a bundle with one signature; of others no log that we pin takes entries.
 *
 * @param signers of the signature, as in `signers` of a claim
 */
export function loggedOf(
  { envelope, logEntries, bundle }: Pick<SignedDocument, 'envelope' | 'logEntries' | 'bundle'>,
  signers: readonly string[],
): Logged[] {
  const [first, ...more] = envelope.signatures
  if (first === undefined || more.length > 0 || logEntries.length === 0) return []
  const { payloadType } = envelope
  const signature = fromEitherBase64(first.sig, 'envelope signature')
  return [{ entries: logEntries, signature, payloadType, certificate: certificateIn(bundle), signers, by: [] }]
}

/** A certificate that cannot be read signed nothing, and no log can have an entry with it. */
function certificateIn(bundle: Uint8Array | null): Buffer | null {
  try {
    return bundle === null ? null : leafCertificate(bundle)
  } catch (error) {
    if (error instanceof VerificationError) return null
    throw error
  }
}

/**
 * What a log entry must be about, for a signer: an entry names a key as SPKI, and an identity by the certificate that signed.
 *
 * @param signer as in `signers` of a claim
 * @returns null for an identity where a key signed
 */
export function entrySigned(
  { signature, payloadType, certificate }: Logged,
  payload: Uint8Array,
  signer: string,
): EnvelopeSignature | null {
  const verifier = isPem(signer) ? createPublicKey(signer).export({ format: 'der', type: 'spki' }) : certificate
  return verifier === null ? null : { signature, payloadType, payload, signer: verifier }
}

/** The entries of copies together. */
export function joinLogged(one: readonly Logged[], other: readonly Logged[]): Logged[] {
  const all = [...one, ...other]
  // However many copies strangers attach, the first that holds for each signer stays.
  const proven = new Set(all.flatMap(({ by }) => by).flatMap((id) => all.find(({ by }) => by.includes(id)) ?? []))
  const rest = all.filter((item) => !proven.has(item))
  return [...proven, ...rest.slice(0, Math.max(0, mostKept - proven.size))]
}

/** Entries of a bundle with the signers for whom the pinned log has one of them that holds. */
export function provenBy(logged: readonly Logged[], payload: Uint8Array, log: PinnedLog | null): Logged[] {
  if (log === null) return [...logged]
  return logged.map((item) => ({ ...item, by: item.signers.filter((id) => holds(item, payload, id, log)) }))
}

function isPem(signer: string): boolean {
  return signer.startsWith('-----BEGIN')
}

function holds(item: Logged, payload: Uint8Array, signer: string, log: PinnedLog): boolean {
  const signed = entrySigned(item, payload, signer)
  try {
    return signed !== null && verifyLoggedSignature(item.entries, signed, log) !== null
  } catch (error) {
    if (error instanceof VerificationError) return false
    throw error
  }
}
