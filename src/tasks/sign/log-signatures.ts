import { InputError } from '../../base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { toBase64 } from '../../encoding/base64.ts'
import { envelopeEntry } from '../../log/bundle-entry.ts'
import { askOver } from '../../log/collect-cosignatures.ts'
import { checkpointFile } from '../../log/files.ts'
import { checkpointLimit, readHead } from '../../log/open-log.ts'
import { openLogStore } from '../../log/open-store.ts'
import { openRecorder } from '../../log/recorder.ts'
import { requireSafeLog, sendEntry } from '../../log/rekor/send.ts'
import { tlogEntry } from '../../log/tlog-entry.ts'
import { loadNoteSigner } from '../../sign/note-signer.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import { parseNoteKey } from '../../sign/signed-note.ts'
import type { Envelope } from '../../statement/types.ts'

/** Where the signatures of a job are logged. */
export interface LogRequest {
  /** A directory, `oci:…` or `HOST/NAME`, which is written here, or `rekor:URL` of a log that is served. */
  place: string
  /** PEM of the log's key, which signs its checkpoints; null for a served log. */
  key: { pem: string; password: string | null } | null
  /** Addresses of witnesses that must cosign. */
  witnesses: readonly string[]
}

/** Writes signatures to a log. */
export interface SignatureLog {
  /** For messages. */
  name: string
  /** The member of a bundle's `tlogEntries` for an envelope with one signature by a key. */
  record(envelope: Envelope, publicKeyPem: string): Promise<JsonObject>
  /** Whether an entry of a bundle is by this log, over this signature and key. Whether it holds is for the reader's policy to say. */
  has(entries: readonly JsonValue[], envelope: Envelope, publicKeyPem: string): boolean
}

/**
 * Opens the log of a request; null where none was asked for. No public log is ever written unless it is named.
 *
 * @throws InputError `input-missing` (the key of a log that is written here), `not-found`, `reference-invalid` · VerificationError
 * `signature-invalid` (another key)
 */
export async function openSignatureLog(request: LogRequest | null, ports: Ports): Promise<SignatureLog | null> {
  if (request === null) return null
  const url = /^rekor:(.+)$/.exec(request.place)?.[1]
  const body = (envelope: Envelope, pem: string): Buffer => envelopeEntry(envelope, [loadPublicKey(pem)], 'statement')
  if (url !== undefined) {
    requireSafeLog(url)
    return {
      name: url,
      record: (envelope, pem) => sendEntry(url, body(envelope, pem), ports),
      has: (entries, envelope, pem) => isThere(entries, body(envelope, pem), null),
    }
  }
  const store = openLogStore(request.place, ports)
  const note = await store.read(checkpointFile, checkpointLimit)
  if (request.key === null || note === null) {
    const [code, why] =
      note === null ? (['not-found', 'does not hold a log'] as const) : (['input-missing', 'needs its key'] as const)
    throw new InputError(code, `log: ${store.name} ${why}`, {
      subject: note === null ? 'log' : 'log-private-key',
      remedy:
        note === null
          ? 'Make one with sealwright log init, or check the name.'
          : 'Set `log-private-key` to env:NAME or a file, or name a log that is served: rekor:URL.',
    })
  }
  const origin = note.toString('utf8').split('\n', 1)[0] ?? ''
  const signer = await loadNoteSigner(origin, request.key.pem, request.key.password)
  readHead(note, parseNoteKey(signer.vkey, 'the key of the log'), `the checkpoint of ${store.name}`)
  const witnesses = request.witnesses.map((witness) => askOver(witness, ports))
  // The job has no place that outlives it: that a log was rolled back is found by witnesses and readers.
  const recorder = openRecorder(store, signer, null, witnesses, ports)
  return {
    name: store.name,
    record: async (envelope, pem) => tlogEntry(await recorder.record(body(envelope, pem))),
    has: (entries, envelope, pem) => isThere(entries, body(envelope, pem), signer.keyId),
  }
}

function isThere(entries: readonly JsonValue[], body: Buffer, logId: Buffer | null): boolean {
  return entries.some((entry) => {
    if (!isObject(entry) || entry['canonicalizedBody'] !== toBase64(body)) return false
    const id = isObject(entry['logId']) ? entry['logId']['keyId'] : undefined
    return logId === null || id === toBase64(logId)
  })
}
