import type { KeyObject } from 'node:crypto'
import { InputError, VerificationError } from '../base/errors.ts'
import { isObject, type JsonValue } from '../base/json.ts'
import { fromEitherBase64, toBase64 } from '../encoding/base64.ts'
import { ProtoMessage } from '../encoding/proto-json.ts'
import { parseBundle } from '../sign/bundle.ts'
import { cosignaturesOf, type Cosignature, type WitnessKey } from '../sign/cosignature.ts'
import { envelopePayload } from '../sign/dsse.ts'
import { noteKeyFor, noteKeyId, rawEd25519 } from '../sign/note-signer.ts'
import { parseNoteKey, parseSignedNote, type NoteKey } from '../sign/signed-note.ts'
import { loadPublicKey } from '../sign/public-key.ts'
import { readLogEntry, type LogEntry } from './rekor/entry.ts'
import { verifyLogEntry } from './rekor/verify.ts'

/** A private log that a reader pins: who it is, and who watches it. */
export interface PinnedLog {
  origin: string
  key: NoteKey
  /** All 32 bytes of its id in bundles. */
  id: Buffer
  witnesses: readonly WitnessKey[]
  /** How many of the witnesses must have cosigned. */
  quorum: number
}

/** What a bundle proves of a log. */
export interface LoggedProof {
  /** Index of the entry. */
  index: number
  /** Cosignatures of pinned witnesses over the checkpoint, which are at least the quorum. */
  cosignatures: Cosignature[]
  /** The signed checkpoint that its inclusion proof leads to. */
  checkpoint: Buffer
}

/**
 * A log by its verifier key `NAME+HASH+BASE64`, or by a public key in PEM with the log's origin.
 *
 * @throws InputError `file-invalid`, `input-missing` (a PEM key without origin), `input-invalid` (one witness twice, or the log as its own witness)
 */
export function pinLog(
  text: string,
  origin: string | null,
  witnesses: { keys: readonly WitnessKey[]; quorum: number } = { keys: [], quorum: 0 },
  subject = 'log key',
): PinnedLog {
  const key = text.trim().startsWith('-----') ? pemKey(text, origin, subject) : parseNoteKey(text, subject)
  const name = key.name ?? ''
  const raw = rawEd25519(key.object)
  if (raw === null || (origin !== null && origin !== name)) {
    throw new InputError('file-invalid', `${subject}: the key belongs to "${name}", expected "${origin}"`, {
      subject,
      remedy: 'Give the verifier key that sealwright log init printed for this log.',
    })
  }
  // By the key alone: a verifier key names its holder as it likes, and one holder under two names is still one witness.
  const holders = new Set(witnesses.keys.map(({ object }) => rawEd25519(object)?.toString('hex')))
  if (holders.size < witnesses.quorum || holders.size < witnesses.keys.length) {
    throw new InputError(
      'input-invalid',
      `${subject}: ${holders.size} different witnesses cannot give ${witnesses.quorum} cosignatures`,
      {
        subject: 'witnesses',
        remedy: 'Name each witness once, and at least as many as the quorum.',
      },
    )
  }
  if (holders.has(raw.toString('hex'))) {
    throw new InputError('input-invalid', `${subject}: the log's own key is named as a witness`, {
      subject: 'witnesses',
      remedy: 'Name witnesses that somebody else runs: a log that watches itself can show everybody another history.',
    })
  }
  return { origin: name, key, id: noteKeyId(name, raw), witnesses: witnesses.keys, quorum: witnesses.quorum }
}

function pemKey(text: string, origin: string | null, subject: string): NoteKey {
  if (origin !== null) return noteKeyFor(origin, loadPublicKey(text, subject).object, subject)
  throw new InputError('input-missing', `${subject}: a public key in PEM does not say which log it belongs to`, {
    subject,
    remedy: 'Give the origin of the log as well, or its verifier key.',
  })
}

/** The signature that an entry has to be about. */
export interface EnvelopeSignature {
  signature: Buffer
  payloadType: string
  payload: Uint8Array
  /** SPKI DER of the key, or DER of the certificate, that made it. */
  signer: Buffer
}

/**
 * Verifies that a pinned log has a bundle's signature by this signer, and that enough witnesses watched the log.
 *
 * @param signer SPKI DER of the key, or DER of the certificate
 * @returns null where the bundle holds no entry of this log
 * @throws VerificationError `log-invalid`, `signature-invalid` (the log's), `unwitnessed`, `format-invalid`
 */
export function verifyLogged(bundle: Uint8Array, signer: Buffer, log: PinnedLog): LoggedProof | null {
  const { envelope, logEntries } = parseBundle(bundle)
  const signature = fromEitherBase64(envelope.signatures[0]?.sig ?? '', 'envelope signature')
  const { payloadType } = envelope
  return verifyLoggedSignature(logEntries, { signature, payloadType, payload: envelopePayload(envelope), signer }, log)
}

/** As {@link verifyLogged}, for the members of `tlogEntries` alone. */
export function verifyLoggedSignature(
  entries: readonly JsonValue[],
  signed: EnvelopeSignature,
  log: PinnedLog,
): LoggedProof | null {
  const found = includedEntry(entries, signed, log)
  if (found === null) return null
  const { index, checkpoint } = found
  const cosignatures = cosignaturesOf(parseSignedNote(checkpoint, 'the checkpoint of the log entry'), log.witnesses)
  if (cosignatures.length < log.quorum) {
    const found = cosignatures.map(({ witness }) => witness).join(', ')
    throw new VerificationError(
      'unwitnessed',
      `${cosignatures.length} of ${log.quorum} required witnesses cosigned the checkpoint of ${log.origin}${found === '' ? '' : ` (${found})`}`,
      {
        subject: log.origin,
        remedy: 'Log the signature again with the witnesses that the policy names.',
      },
    )
  }
  return { index: Number(index), cosignatures, checkpoint }
}

/**
 * The entry of a pinned log over a signature, proven under a checkpoint that the log's key signed. Witnesses are not looked at.
 *
 * @returns null where there is no entry of this log
 * @throws VerificationError `log-invalid`, `signature-invalid` (the log's), `format-invalid`
 */
export function includedEntry(
  entries: readonly JsonValue[],
  { signature, payloadType, payload, signer }: EnvelopeSignature,
  log: Pick<PinnedLog, 'origin' | 'id' | 'key'>,
): { index: bigint; checkpoint: Buffer } | null {
  const entry = entryOf(entries, log)
  if (entry === null) return null
  const signed = { content: { kind: 'envelope', payloadType, payload }, signature, verifier: signer } as const
  const { index } = verifyLogEntry(entry, signed, [asTrusted(log, log.key.object)])
  return { index, checkpoint: entry.proof?.checkpoint ?? Buffer.alloc(0) }
}

/** The first entry of a log; what other logs wrote may be of any form. */
function entryOf(entries: readonly JsonValue[], { id }: Pick<PinnedLog, 'id'>): LogEntry | null {
  const found = entries.find((entry) => {
    const logId = isObject(entry) ? entry['logId'] : undefined
    return isObject(logId) && logId['keyId'] === toBase64(id)
  })
  return found === undefined ? null : readLogEntry(new ProtoMessage(found, 'the log entry'))
}

function asTrusted(
  { origin, id }: Pick<PinnedLog, 'origin' | 'id'>,
  key: KeyObject,
): Parameters<typeof verifyLogEntry>[2][number] {
  return { baseUrl: `https://${origin}`, host: origin, id, key, window: { notBefore: null, notAfter: null } }
}
