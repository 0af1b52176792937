import { VerificationError } from '../../base/errors.ts'
import { fromBase64, fromHex } from '../../encoding/base64.ts'
import { readProtoJson, type ProtoMessage } from '../../encoding/proto-json.ts'

/** One entry of a transparency log as it travels with a signature; nothing of it is believed before {@link verifyLogEntry}. */
export interface LogEntry {
  /** Index in the whole log; of a log with several trees, not the one in its tree. */
  index: bigint
  logId: Buffer
  /** Null where the carrier does not name them (cosign's annotation): then the body alone does. */
  kindVersion: { kind: string; version: string } | null
  /** When the log says that it took the entry; null for logs without a time of their own (Rekor v2). */
  integratedTime: Date | null
  /** Signed entry timestamp (Rekor v1). */
  promise: Buffer | null
  proof: InclusionProof | null
  /** Bytes that the log hashes. */
  body: Buffer
}

export interface InclusionProof {
  index: bigint
  size: bigint
  root: Buffer
  hashes: Buffer[]
  /** The signed note; null where it is missing. */
  checkpoint: Buffer | null
}

/** A tree of 2^63 entries has 63 levels. */
const mostHashes = 63
/** An `intoto` entry of Rekor v1 may hold the attestation. */
const mostBody = 32 << 20

/** Reads a `TransparencyLogEntry` of a bundle. @throws VerificationError `format-invalid` */
export function readLogEntry(message: ProtoMessage): LogEntry {
  const kindVersion = message.message('kindVersion')
  const promise = message.optional('inclusionPromise')
  const proof = message.optional('inclusionProof')
  const seconds = message.natural('integratedTime')
  return checked(
    {
      index: message.natural('logIndex'),
      logId: message.message('logId').bytes('keyId'),
      kindVersion: { kind: kindVersion.text('kind'), version: kindVersion.text('version') },
      integratedTime: seconds === 0n ? null : timeOf(seconds, message.what),
      promise: promise === null ? null : promise.bytes('signedEntryTimestamp'),
      proof: proof === null ? null : readProof(proof),
      body: message.bytes('canonicalizedBody'),
    },
    message.what,
  )
}

/**
 * Reads the annotation `dev.sigstore.cosign/bundle` of cosign's tags: an entry of Rekor v1 with its promise and without a proof.
 *
 * @throws VerificationError `format-invalid`
 */
export function readLegacyLogEntry(text: string): LogEntry {
  const what = 'the Rekor bundle of the signature'
  const bundle = readProtoJson(Buffer.from(text), what)
  const payload = bundle.message('Payload')
  const seconds = payload.natural('integratedTime')
  return checked(
    {
      index: payload.natural('logIndex'),
      logId: fromHex(payload.text('logID'), 32, `logID of ${what}`),
      kindVersion: null,
      integratedTime: seconds === 0n ? null : timeOf(seconds, what),
      promise: fromBase64(bundle.text('SignedEntryTimestamp'), `SignedEntryTimestamp of ${what}`),
      proof: null,
      body: fromBase64(payload.text('body'), `body of ${what}`),
    },
    what,
  )
}

function readProof(proof: ProtoMessage): InclusionProof {
  const checkpoint = proof.optional('checkpoint')
  return {
    index: proof.natural('logIndex'),
    size: proof.natural('treeSize'),
    root: proof.bytes('rootHash'),
    hashes: proof.bytesList('hashes', mostHashes),
    checkpoint: checkpoint === null ? null : Buffer.from(checkpoint.text('envelope')),
  }
}

function checked(entry: LogEntry, what: string): LogEntry {
  if (entry.body.length === 0 || entry.body.length > mostBody) {
    const why = entry.body.length === 0 ? 'has no body' : `has a body of more than ${mostBody} bytes`
    throw new VerificationError('format-invalid', `${what} ${why}`, { subject: what })
  }
  return entry
}

function timeOf(seconds: bigint, what: string): Date {
  const time = new Date(Number(seconds) * 1000)
  if (Number.isNaN(time.getTime()))
    throw new VerificationError('format-invalid', `${what} has a time beyond the calendar`, { subject: what })
  return time
}
