import { createHash } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import { sha256 } from '../base/streams.ts'
import type { Window } from '../base/window.ts'
import { ProtoMessage } from '../encoding/proto-json.ts'
import { cosignaturesOf, type WitnessKey } from '../sign/cosignature.ts'
import { loadPublicKey } from '../sign/public-key.ts'
import { parseSignedNote } from '../sign/signed-note.ts'
import type { TrustedLog } from '../sign/trusted-root.ts'
import { includedEntry, type EnvelopeSignature, type PinnedLog } from './pinned-log.ts'
import { readLogEntry } from './rekor/entry.ts'
import { verifyLogEntry } from './rekor/verify.ts'
import { spkiOf } from './timestamp/authority.ts'

/** Both state whole seconds, rounded down. */
const accuracyMs = 1000

/** A time at which a signature was there already, by a log or by witnesses of one. */
export interface EntryTime {
  time: Date
  /** Milliseconds either way. */
  accuracyMs: number
  /** Who states it, as verdicts name it. */
  authority: string
  /** SPKI DER of each key that states it. */
  keys: readonly Buffer[]
  /** SHA-256 of what states it: the signed entry timestamp, or the cosigned note. */
  digest: `sha256:${string}`
}

/** Witnesses of a log whose cosignatures count as time. */
export interface TimeWitnesses {
  log: Pick<PinnedLog, 'origin' | 'id' | 'key'>
  keys: readonly WitnessKey[]
  /** How many of them must have cosigned: the time of the last of these counts. */
  quorum: number
}

/**
 * A log with a time of its own (Rekor v1), by its public key in PEM.
 *
 * @param name for verdicts
 * @throws VerificationError `format-invalid`, `unsupported`
 */
export function timedLog(name: string, pem: string, window: Window): TrustedLog {
  const key = loadPublicKey(`${pem.trim()}\n`, `the key of the log "${name}"`).object
  return { baseUrl: name, host: name, id: createHash('sha256').update(spkiOf(key)).digest(), key, window }
}

/**
 * Times in signed entry timestamps of Rekor v1 (`integratedTime`), by pinned logs over this signature. An entry without such a promise states no
 * time: nobody signed its `integratedTime`.
 */
export function promisedTimes(
  entries: readonly JsonValue[],
  { signature, payloadType, payload, signer }: EnvelopeSignature,
  logs: readonly TrustedLog[],
): EntryTime[] {
  if (logs.length === 0) return []
  const signed = { content: { kind: 'envelope', payloadType, payload }, signature, verifier: signer } as const
  return entries.flatMap((value) =>
    orNone(() => {
      const entry = readLogEntry(new ProtoMessage(value, 'the log entry'))
      const { time, log } = verifyLogEntry(entry, signed, logs)
      if (time === null || entry.promise === null) return []
      return [{ time, accuracyMs, authority: log.baseUrl, keys: [spkiOf(log.key)], digest: sha256(entry.promise) }]
    }),
  )
}

/**
 * When as many witnesses as the quorum had seen an entry of their log over this signature (C2SP tlog-cosignature): each signs the time with the
 * checkpoint that the entry is proven under. The checkpoint itself has no time.
 */
export function witnessedTimes(
  entries: readonly JsonValue[],
  signed: EnvelopeSignature,
  { log, keys, quorum }: TimeWitnesses,
): EntryTime[] {
  return orNone(() => {
    const found = includedEntry(entries, signed, log)
    if (found === null) return []
    const note = parseSignedNote(found.checkpoint, 'the checkpoint of the log entry')
    const times = cosignaturesOf(note, keys).sort((a, b) => a.time.getTime() - b.time.getTime())
    const counted = times.slice(0, quorum)
    const last = counted.at(-1)
    if (last === undefined || counted.length < quorum) return []
    const names = counted.map(({ witness }) => witness)
    const authority = `${names.join(', ')} of the log ${log.origin}`
    const stating = keys.filter(({ name }) => names.includes(name)).map(({ object }) => spkiOf(object))
    return [{ time: last.time, accuracyMs, authority, keys: stating, digest: sha256(found.checkpoint) }]
  })
}

/** What does not hold states no time: anybody can attach copies with other entries. */
function orNone(read: () => EntryTime[]): EntryTime[] {
  try {
    return read()
  } catch (error) {
    if (error instanceof VerificationError) return []
    throw error
  }
}
