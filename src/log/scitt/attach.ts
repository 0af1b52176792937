import { VerificationError } from '../../base/errors.ts'
import { collect } from '../../base/streams.ts'
import { putArtifact } from '../../oci/artifact.ts'
import { eachAttached, openRoom, type Room } from '../../oci/each-attached.ts'
import { isIndex } from '../../oci/manifest.ts'
import type { OnBroken } from '../../oci/referrers.ts'
import type { Descriptor, Digest, Store } from '../../oci/types.ts'
import { receiptMediaType, statementLimit, statementMediaType } from './statement.ts'

/** A statement that is attached to a manifest, with the receipts that are attached to the statement. */
export interface AttachedStatement {
  readonly manifest: Descriptor
  readonly bytes: Buffer
  readonly receipts: readonly Buffer[]
}

/** Attaches a signed statement to a manifest as OCI referrer. */
export async function attachStatement(store: Store, subject: Descriptor, statement: Uint8Array): Promise<Descriptor> {
  return attach(store, subject, statement, statementMediaType)
}

/** Attaches a receipt to the manifest of its statement, so that the statement itself never changes. */
export async function attachReceipt(store: Store, statement: Descriptor, receipt: Uint8Array): Promise<Descriptor> {
  return attach(store, statement, receipt, receiptMediaType)
}

async function attach(store: Store, subject: Descriptor, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  return putArtifact(store, { artifactType: mediaType, subject, layers: [{ mediaType, bytes }] })
}

/**
 * The statements that are attached to a manifest, with their receipts, for a list. Whoever decides by them reads {@link eachStatement} and
 * {@link eachReceipt}.
 *
 * @param onBroken hears of a referrer that is not of its type, and (`not-checked`) of each one beyond 64 MiB: strangers may attach what they like
 */
export async function findAttachedStatements(
  store: Store,
  subject: Descriptor,
  onBroken: OnBroken,
): Promise<AttachedStatement[]> {
  const found: AttachedStatement[] = []
  const room = openRoom()
  for await (const { manifest, bytes } of eachOfType(store, subject, statementMediaType, onBroken, room)) {
    const receipts: Buffer[] = []
    for await (const receipt of eachOfType(store, manifest, receiptMediaType, onBroken, room))
      receipts.push(receipt.bytes)
    found.push({ manifest, bytes, receipts })
  }
  return found
}

/** All statements that are attached to a manifest: no number of strangers' hides one that counts (TRUST §5.2). None is kept. */
export function eachStatement(
  store: Store,
  subject: Descriptor,
  onBroken: OnBroken,
): AsyncGenerator<Omit<AttachedStatement, 'receipts'>> {
  return eachOfType(store, subject, statementMediaType, onBroken)
}

/** All receipts that are attached to a statement's manifest. */
export async function* eachReceipt(store: Store, statement: Descriptor, onBroken: OnBroken): AsyncGenerator<Buffer> {
  for await (const { bytes } of eachOfType(store, statement, receiptMediaType, onBroken)) yield bytes
}

function eachOfType(
  store: Store,
  subject: Descriptor,
  mediaType: string,
  onBroken: OnBroken,
  room?: Room,
): AsyncGenerator<Omit<AttachedStatement, 'receipts'>> {
  const read = (digest: Digest): ReturnType<typeof readAttached> =>
    readAttached(store, subject, digest, mediaType, room)
  return eachAttached(store, subject, mediaType, read, onBroken)
}

async function readAttached(
  store: Store,
  subject: Descriptor,
  digest: Digest,
  mediaType: string,
  room?: Room,
): Promise<{ manifest: Descriptor; bytes: Buffer }> {
  const { content, descriptor } = await store.getManifest(digest)
  const [layer, more] = isIndex(content) ? [] : content.layers
  const about = isIndex(content) ? undefined : content.subject?.digest
  if (about !== subject.digest || layer?.mediaType !== mediaType || more !== undefined)
    throw new VerificationError('format-invalid', `${digest} does not hold one ${mediaType}`, { subject: digest })
  room?.take(layer)
  return { manifest: descriptor, bytes: await collect(await store.openBlob(layer), statementLimit, layer.digest) }
}
