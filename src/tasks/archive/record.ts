import type { JsonObject } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { jcs } from '../../encoding/jcs.ts'
import type { Descriptor, Digest, Store } from '../../oci/types.ts'
import { makeStatement } from '../../statement/statement.ts'
import { readNotices, type Notice } from '../../verify/status/read.ts'
import { keepWritten } from '../sign/keep.ts'
import { openWriter, type StatementWriter } from '../sign/writer.ts'
import { openNoticeSigner, requireApart, type NoticeSigner, type NoticeSigning } from '../status/signer.ts'
import { namedTargets } from '../status/targets.ts'

export interface ArchiveRequest {
  image: string
  /** RFC 3339. */
  inProduction: { from: string; to: string }
  /** Where the keys of an encrypted image are kept, and until when (RFC 3339). */
  keys: readonly { uri: string; until: string }[]
  signing: NoticeSigning
}

/** One manifest with the record that stands of it. */
export interface Archived {
  subject: Digest
  manifest: Digest
  state: 'added' | 'present'
}

/**
 * Signs when an image was in production and attaches that to it and to each manifest of an index. What is attached already is not signed again.
 *
 * @throws InputError `input-invalid` for a signer that vouches for the image; TransportError
 */
export async function recordArchive(request: ArchiveRequest, ports: Ports): Promise<Archived[]> {
  const { image, inProduction, keys } = request
  const { store, targets } = await namedTargets(image, false, ports)
  const signer = await openNoticeSigner(request.signing, ports)
  const now = ports.clock.now()
  for (const subject of targets) await requireApart(store, subject, signer, now, 'key')
  const said = { inProduction, ...(keys.length === 0 ? {} : { keys: keys.map((one) => ({ ...one })) }) }
  const writers: StatementWriter[] = []
  const done: Archived[] = []
  for (const subject of targets) {
    const { counted } = await readNotices('archive', store, subject.digest, signer.trust, now)
    const known = counted.find(({ predicate: { archived: _archived, purged: _purged, ...rest } }) =>
      jcs(rest).equals(jcs(said)),
    )
    if (known !== undefined) {
      done.push({ subject: subject.digest, manifest: known.manifest, state: 'present' })
      continue
    }
    const written = await writeRecord({ archived: seconds(now), ...said }, store, subject, signer, ports)
    writers.push(written.writer)
    done.push({ subject: subject.digest, manifest: written.manifest, state: 'added' })
  }
  await keepWritten(store, writers, ports)
  return done
}

/** Attaches one record; the caller waits until it stays listed. */
export async function writeRecord(
  predicate: JsonObject,
  store: Store,
  subject: Descriptor,
  signer: NoticeSigner,
  { log }: Pick<Ports, 'log'>,
): Promise<{ writer: StatementWriter; manifest: Digest }> {
  const writer = await openWriter({ store, descriptor: subject }, { legacy: { att: false, sig: false }, log })
  const payload = makeStatement('archive', { name: store.identity, digest: subject.digest }, predicate)
  await writer.statement('archive', payload, signer.of(subject.digest))
  await writer.finish()
  const [receipt] = writer.receipts
  if (receipt === undefined) throw new TypeError('a record without a receipt')
  return { writer, manifest: receipt.manifest }
}

/** The record of an image that was signed last. */
export function latest(records: readonly Notice<'archive'>[]): Notice<'archive'> | null {
  const [found = null] = records.toSorted((a, b) => Date.parse(b.predicate.archived) - Date.parse(a.predicate.archived))
  return found
}

/** RFC 3339 without fractions. */
export function seconds(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`
}
