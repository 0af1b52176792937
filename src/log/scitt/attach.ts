import { VerificationError } from '../../base/errors.ts'
import { collect } from '../../base/streams.ts'
import { putArtifact } from '../../oci/artifact.ts'
import { isIndex } from '../../oci/manifest.ts'
import type { Descriptor, Digest, Store } from '../../oci/types.ts'
import { receiptMediaType, statementLimit, statementMediaType } from './statement.ts'

/** A statement that is attached to a manifest, with the receipts that are attached to the statement. */
export interface AttachedStatement {
  readonly manifest: Descriptor
  readonly bytes: Buffer
  readonly receipts: readonly Buffer[]
}

/** Referrers of one kind that are read at most. */
const mostReferrers = 100

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
 * The statements that are attached to a manifest, with their receipts.
 *
 * @param onBroken hears of a referrer that is not of its type: strangers may attach what they like
 */
export async function findAttachedStatements(
  store: Store,
  subject: Descriptor,
  onBroken: (broken: { manifest: Digest; error: VerificationError }) => void,
): Promise<AttachedStatement[]> {
  const statements = await findOf(store, subject, statementMediaType, onBroken)
  const found: AttachedStatement[] = []
  for (const { manifest, bytes } of statements) {
    const receipts = await findOf(store, manifest, receiptMediaType, onBroken)
    found.push({ manifest, bytes, receipts: receipts.map((receipt) => receipt.bytes) })
  }
  return found
}

async function findOf(
  store: Store,
  subject: Descriptor,
  mediaType: string,
  onBroken: (broken: { manifest: Digest; error: VerificationError }) => void,
): Promise<{ manifest: Descriptor; bytes: Buffer }[]> {
  const found: { manifest: Descriptor; bytes: Buffer }[] = []
  for (const { digest } of (await store.referrers(subject.digest, mediaType)).slice(0, mostReferrers)) {
    try {
      found.push(await readAttached(store, subject, digest, mediaType))
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      onBroken({ manifest: digest, error })
    }
  }
  return found
}

async function readAttached(
  store: Store,
  subject: Descriptor,
  digest: Digest,
  mediaType: string,
): Promise<{ manifest: Descriptor; bytes: Buffer }> {
  const { content, descriptor } = await store.getManifest(digest)
  const [layer, more] = isIndex(content) ? [] : content.layers
  const about = isIndex(content) ? undefined : content.subject?.digest
  if (about !== subject.digest || layer?.mediaType !== mediaType || more !== undefined)
    throw new VerificationError('format-invalid', `${digest} does not hold one ${mediaType}`, { subject: digest })
  return { manifest: descriptor, bytes: await collect(await store.openBlob(layer), statementLimit, layer.digest) }
}
