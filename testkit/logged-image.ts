import { join } from 'node:path'
import type { JsonObject } from '../src/base/json.ts'
import { envelopeEntry } from '../src/log/bundle-entry.ts'
import { openLogStore } from '../src/log/open-store.ts'
import { proveEntry } from '../src/log/prove.ts'
import { tlogEntry } from '../src/log/tlog-entry.ts'
import { withLines } from '../src/log/witness.ts'
import { createLog, LogWriter } from '../src/log/writer.ts'
import { attachBundle } from '../src/sign/attach.ts'
import { makeBundle } from '../src/sign/bundle.ts'
import { cosign } from '../src/sign/cosignature.ts'
import { findStatements } from '../src/sign/find.ts'
import { signatureLine, type NoteSigner } from '../src/sign/note-signer.ts'
import { loadPublicKey } from '../src/sign/public-key.ts'
import { parseSignedNote } from '../src/sign/signed-note.ts'
import { makeKey } from './chain.ts'
import { now, type Made } from './judged.ts'
import { scratch, testPorts } from './ports.ts'

const ports = testPorts()
/** Key of the jobs whose images are logged. */
export const jobKey = makeKey()

export interface LogOptions {
  witnesses?: readonly NoteSigner[]
  /** Predicate types of statements that are not logged. */
  without?: readonly string[]
  change?: (entry: JsonObject) => JsonObject
}

/** Logs the signatures of an image and attaches its bundles with their entries, as anybody can who may push. */
export async function logAll({ store, base }: Made, key: NoteSigner, options: LogOptions = {}): Promise<void> {
  const log = openLogStore(join(scratch('log'), 'log'), ports)
  await createLog(log, key, null, {})
  const writer = new LogWriter(log, key, null, ports)
  for (const { envelope, predicateType, origin, signer } of await findStatements(store, base.subject)) {
    if (origin !== 'referrer' || signer?.kind !== 'key' || options.without?.includes(predicateType)) continue
    const body = envelopeEntry(envelope, [loadPublicKey(jobKey.signer.publicKeyPem)], 'statement')
    const { head, places } = await writer.append([body])
    const note = parseSignedNote(head.note, 'log')
    const signatures = await Promise.all((options.witnesses ?? []).map((witness) => cosign(note, witness, now)))
    const lines = signatures.map(({ name, keyId, signature }) => signatureLine(name, keyId, signature))
    const seen = { ...head, note: withLines(head, lines) }
    const entry = tlogEntry(await proveEntry(log, seen, places[0]?.index ?? 0, key.keyId))
    const logged = options.change?.(entry) ?? entry
    await attachBundle(store, base.subject, makeBundle(envelope, signer.hint, [], [logged]), predicateType)
  }
}
