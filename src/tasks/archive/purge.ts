import { InputError } from '../../base/errors.ts'
import { parseJson, isObject, type JsonObject } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { removeBlob } from '../../oci/layout-files.ts'
import { indexReader } from '../../oci/layout-index.ts'
import { isIndex } from '../../oci/manifest.ts'
import { parseReference } from '../../oci/reference.ts'
import { referencedBlobs } from '../../oci/referrers.ts'
import type { Descriptor, Digest, Store } from '../../oci/types.ts'
import { readNotices, type Notice } from '../../verify/status/read.ts'
import { openNoticeSigner, type NoticeSigning } from '../status/signer.ts'
import { namedTargets } from '../status/targets.ts'
import { latest, seconds, writeRecord } from './record.ts'

export interface PurgeRequest {
  image: string
  signing: NoticeSigning
}

export interface Purged {
  /** Layers that were deleted, or were gone already. */
  layers: Digest[]
  /** Layers that another image of the layout has too, so that they stay. */
  shared: Digest[]
  /** Bytes that were freed. */
  bytes: number
}

/**
 * Deletes the layers of an archived image from an OCI layout. Manifests, configurations, statements and evidence stay, and a signed record says which
 * layers were deleted and when. The record is written first: a run that is killed leaves no layer missing without a record, and running it again
 * finishes.
 *
 * @throws InputError `unsupported` for a registry, `not-found` for an image without a record of this signer
 */
export async function purgeArchive({ image, signing }: PurgeRequest, ports: Ports): Promise<Purged> {
  const { directory } = parseReference(image, ports.roots.cwd)
  if (directory === undefined)
    throw new InputError('unsupported', `${image}: layers are purged from an OCI layout only`, {
      subject: 'image',
      remedy:
        'Promote the image to a layout (sealwright promote --to oci:DIR) and purge it there. A registry deletes blobs by its own retention rules.',
    })
  const { store, targets } = await namedTargets(image, false, ports)
  const signer = await openNoticeSigner(signing, ports)
  const now = ports.clock.now()
  const records = new Map<Digest, Notice<'archive'>>()
  for (const { digest } of targets) {
    const { counted } = await readNotices('archive', store, digest, signer.trust, now)
    const record = latest(counted)
    if (record === null) throw noRecord(digest)
    records.set(digest, latest(counted.filter(({ predicate }) => predicate.purged !== undefined)) ?? record)
  }
  const own = new Set(targets.map(({ digest }) => digest))
  const needed = await neededBlobs(store, directory, own)
  const result: Purged = { layers: [], shared: [], bytes: 0 }
  for (const subject of targets) {
    const { content } = await store.getManifest(subject.digest)
    if (isIndex(content)) continue
    const layers = [...new Map(content.layers.map((layer) => [layer.digest, layer])).values()]
    const goes = layers.filter(({ digest }) => !needed.has(digest))
    result.shared.push(...layers.filter(({ digest }) => needed.has(digest)).map(({ digest }) => digest))
    const record = records.get(subject.digest)
    if (goes.length === 0 || record === undefined) continue
    const told = record.predicate.purged?.layers ?? []
    if (!goes.every(({ digest }) => told.includes(digest))) {
      const purged = { time: seconds(now), layers: [...new Set([...told, ...goes.map(({ digest }) => digest)])] }
      await writeRecord({ ...written(record), purged }, store, subject, signer, ports)
    }
    for (const { digest } of goes) result.bytes += await removeBlob(directory, digest)
    result.layers.push(...goes.map(({ digest }) => digest))
  }
  return result
}

/** The members of a record that a new one repeats: those that we write. */
function written({ predicate }: Notice<'archive'>): JsonObject {
  const { archived, inProduction, keys } = predicate
  const copy = parseJson(JSON.stringify({ archived, inProduction, keys }), 'an archive record')
  return isObject(copy) ? copy : {}
}

/**
 * Every blob that a manifest of the layout needs, without the layers of the images that are purged. A manifest that cannot be read ends the run: what
 * it needs is not known.
 */
async function neededBlobs(store: Store, directory: string, purged: ReadonlySet<Digest>): Promise<Set<Digest>> {
  const { entries, bad } = await indexReader(directory)()
  if (bad !== null) throw bad
  const needed = new Set<Digest>()
  const seen = new Set<Digest>()
  const walk = async ({ digest }: Pick<Descriptor, 'digest'>): Promise<void> => {
    if (seen.has(digest)) return
    seen.add(digest)
    const { content } = await store.getManifest(digest)
    if (isIndex(content)) for (const child of content.manifests) await walk(child)
    else for (const blob of purged.has(digest) ? [content.config] : referencedBlobs(content)) needed.add(blob.digest)
  }
  for (const entry of entries) await walk(entry)
  for (const digest of purged) await walk({ digest })
  return needed
}

function noRecord(digest: Digest): InputError {
  return new InputError('not-found', `no archive record of this signer is attached to ${digest}`, {
    subject: 'image',
    remedy: 'Say first when the image was in production: sealwright archive record IMAGE --in-production FROM..TO.',
  })
}
