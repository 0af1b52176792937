import { join } from 'node:path'
import type { JsonObject } from '../src/base/json.ts'
import { certifiedEntry, envelopeEntry, withLogEntry } from '../src/log/bundle-entry.ts'
import { checkpointFile } from '../src/log/files.ts'
import { checkpointLimit } from '../src/log/open-log.ts'
import { openLogStore } from '../src/log/open-store.ts'
import { proveEntry } from '../src/log/prove.ts'
import { tlogEntry } from '../src/log/tlog-entry.ts'
import { withLines } from '../src/log/witness.ts'
import { createLog, LogWriter } from '../src/log/writer.ts'
import { attachBundle } from '../src/sign/attach.ts'
import type { Descriptor } from '../src/oci/types.ts'
import { leafCertificate, makeBundle } from '../src/sign/bundle.ts'
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
  /** One copy of each bundle is attached for each of them. */
  changes?: readonly ((entry: JsonObject) => JsonObject)[]
  /** Absolute folder of the log, which is made where it is not there; a new one otherwise. */
  folder?: string
  /** When the witnesses cosign. */
  at?: Date
  /** SPKI PEM of the key that signed, where it is not {@link jobKey}. */
  key?: string
}

/** Logs the signatures of an image and attaches its bundles with their entries, as anybody can who may push. */
export async function logAll(
  { store, base }: { store: Made['store']; base: { subject: Descriptor } },
  key: NoteSigner,
  options: LogOptions = {},
): Promise<void> {
  const log = openLogStore(options.folder ?? join(scratch('log'), 'log'), ports)
  if ((await log.read(checkpointFile, checkpointLimit)) === null) await createLog(log, key, null, {})
  const writer = new LogWriter(log, key, null, ports)
  for (const { envelope, predicateType, origin, signer, bundle } of await findStatements(store, base.subject)) {
    if (origin !== 'referrer' || signer === null || options.without?.includes(predicateType)) continue
    const certificate = bundle === null ? null : leafCertificate(bundle)
    const by = loadPublicKey(options.key ?? jobKey.signer.publicKeyPem)
    const body =
      certificate === null
        ? envelopeEntry(envelope, [by], 'statement')
        : certifiedEntry(envelope, certificate, 'statement')
    const { head, places } = await writer.append([body])
    const note = parseSignedNote(head.note, 'log')
    const signatures = await Promise.all(
      (options.witnesses ?? []).map((witness) => cosign(note, witness, options.at ?? now)),
    )
    const lines = signatures.map(({ name, keyId, signature }) => signatureLine(name, keyId, signature))
    const seen = { ...head, note: withLines(head, lines) }
    const entry = tlogEntry(await proveEntry(log, seen, places[0]?.index ?? 0, key.keyId))
    const hint = signer.kind === 'key' ? signer.hint : ''
    for (const change of options.changes ?? [(same: JsonObject) => same]) {
      const logged = change(entry)
      const added = bundle === null ? makeBundle(envelope, hint, [], [logged]) : withLogEntry(bundle, logged)
      await attachBundle(store, base.subject, added, predicateType)
    }
  }
}
