import { createHash, verify } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { isWithin, windowText } from '../../base/window.ts'
import { toBase64 } from '../../encoding/base64.ts'
import { jcs } from '../../encoding/jcs.ts'
import { readCheckpoint } from '../../sign/checkpoint.ts'
import { pae } from '../../sign/dsse.ts'
import { parseSignedNote, verifySignedNote } from '../../sign/signed-note.ts'
import type { TrustedLog } from '../../sign/trusted-root.ts'
import { isIncluded, leafHash } from '../merkle.ts'
import { readEntryBody, type EntryBody, type HashName } from './body.ts'
import type { InclusionProof, LogEntry } from './entry.ts'

/** The signature that an entry has to be about. */
export interface LoggedSignature {
  content:
    | { kind: 'artifact'; digest: (hash: HashName) => Buffer | null }
    | { kind: 'envelope'; payloadType: string; payload: Uint8Array }
  signature: Buffer
  /** DER of the signer's certificate, or of its public key (SPKI). */
  verifier: Buffer
}

/** What a verified entry proves. */
export interface LogProof {
  log: TrustedLog
  index: bigint
  kind: string
  version: string
  /** When the log took the entry, signed by the log; null where the log has no time of its own. */
  time: Date | null
  /** `inclusion`: it stands in a tree that the log signed. `promise`: the log signed that it will. */
  proof: 'inclusion' | 'promise'
}

/**
 * Verifies one entry of a transparency log: the log is pinned by the whole id, the entry is over this content, this signature and this signer,
 * and the log signed it, by a checkpoint with an inclusion proof, by a promise (Rekor v1), or by both. What is there must hold: a good promise
 * does not make up for a broken proof.
 *
 * @throws VerificationError `log-invalid`
 */
export function verifyLogEntry(entry: LogEntry, signed: LoggedSignature, logs: readonly TrustedLog[]): LogProof {
  const log = logs.find(({ id }) => id.equals(entry.logId))
  if (log === undefined) {
    throw refuse(entry, `is from a log that is not trusted (id ${toBase64(entry.logId)})`)
  }
  const body = readEntryBody(entry.body)
  const { kind, version } = entry.kindVersion ?? body
  if (kind !== body.kind || version !== body.version)
    throw refuse(entry, `is said to be ${kind} ${version}, but its body is ${body.kind} ${body.version}`)
  const against = unlike(body, signed)
  if (against !== null) throw refuse(entry, against)
  // The second version has no promise and no time; a proof is all that it gives.
  const isTiles = version === '0.0.2' && kind !== 'intoto'
  if (isTiles && (entry.promise !== null || entry.integratedTime !== null))
    throw refuse(entry, 'is of Rekor v2, but has a promise or a time, which that log does not give')
  if (entry.proof !== null) verifyProof(entry, entry.proof, log, isTiles)
  else if (isTiles || entry.promise === null) throw refuse(entry, 'has no inclusion proof')
  if (entry.promise !== null) verifyPromise(entry, entry.promise, log)
  const time = entry.promise === null ? null : entry.integratedTime
  if (time !== null && !isWithin(log.window, time)) {
    throw refuse(entry, `is of ${time.toISOString()}, but the key of the log is trusted ${windowText(log.window)}`)
  }
  return { log, index: entry.index, kind, version, time, proof: entry.proof === null ? 'promise' : 'inclusion' }
}

/** Why an entry is about something else, or null. A log proves nothing for a signature that it did not see (GHSA-whqx-f9j3-ch6m). */
function unlike({ over, signature, verifier }: EntryBody, signed: LoggedSignature): string | null {
  if (!signature.equals(signed.signature)) return 'is about another signature'
  if (!verifier.equals(signed.verifier)) return 'is about another key or certificate than the one of the signer'
  const { content } = signed
  const expected =
    content.kind === 'artifact'
      ? over.of === 'artifact'
        ? content.digest(over.hash)
        : null
      : hashed(over.hash, over.of === 'payload' ? content.payload : pae(content.payloadType, content.payload))
  return expected?.equals(over.digest) === true ? null : 'is about another artifact'
}

function hashed(hash: HashName, bytes: Uint8Array): Buffer {
  return createHash(hash).update(bytes).digest()
}

function verifyProof(entry: LogEntry, proof: InclusionProof, log: TrustedLog, isTiles: boolean): void {
  const { checkpoint: note, index, size, root, hashes } = proof
  if (note === null || note.length === 0) throw refuse(entry, 'has an inclusion proof without a checkpoint')
  if (isTiles && index !== entry.index) throw refuse(entry, 'has two indexes')
  const what = 'the checkpoint of the log entry'
  const checkpoint = readCheckpoint(note, null, what)
  verifySignedNote(
    parseSignedNote(note, what),
    { name: nameOf(entry, checkpoint.origin, log, isTiles), keyId: log.id.subarray(0, 4), object: log.key },
    what,
  )
  if (checkpoint.size !== size || !checkpoint.root.equals(root))
    throw refuse(entry, 'has an inclusion proof for another tree than the one of its checkpoint')
  if (!isIncluded(leafHash(entry.body), index, size, hashes, root))
    throw refuse(entry, 'has an inclusion proof that does not lead to the root of the checkpoint')
}

/** Name in the log's signature line. Rekor v1 writes `NAME - TREE` as the origin, a tiled log its bare host. */
function nameOf(entry: LogEntry, origin: string, log: TrustedLog, isTiles: boolean): string {
  if (!isTiles) return /^(\S+) - \d+$/.exec(origin)?.[1] ?? origin
  if (origin !== log.host && origin !== log.host.replace(/:\d+$/, ''))
    throw refuse(entry, `has a checkpoint of "${origin.slice(0, 128)}", but the log is ${log.host}`)
  return origin
}

/** Rekor v1's signed entry timestamp: a signature over the RFC 8785 form of four members. */
function verifyPromise(entry: LogEntry, promise: Buffer, log: TrustedLog): void {
  const bytes = jcs({
    body: toBase64(entry.body),
    integratedTime: entry.integratedTime === null ? 0 : entry.integratedTime.getTime() / 1000,
    logID: entry.logId.toString('hex'),
    logIndex: Number(entry.index),
  })
  const hash = log.key.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  if (!verify(hash, bytes, log.key, promise)) throw refuse(entry, 'has a promise that the log did not sign')
}

function refuse(entry: LogEntry, why: string): VerificationError {
  return new VerificationError('log-invalid', `the log entry ${entry.index} ${why}`, {
    subject: `log entry ${entry.index}`,
    remedy: 'Sign again with a log that the trusted root names.',
  })
}
