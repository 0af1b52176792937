import { InputError, VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { inOrder } from '../base/in-order.ts'
import { collect } from '../base/streams.ts'
import { emptyConfig } from '../oci/artifact.ts'
import { isIndex, manifestBytes } from '../oci/manifest.ts'
import { moveTag } from '../oci/move-tag.ts'
import { openStore } from '../oci/open.ts'
import { mediaTypes, type Descriptor, type Digest, type Manifest, type Reference, type Store } from '../oci/types.ts'
import { checkpointFile, type LogFiles, type LogStore, type NamedFiles, type Publication } from './files.ts'
import { tilePath, tileWidth, type TileId } from './tiles.ts'

/** Artifact type of a log. */
export const logArtifactType = 'application/vnd.sealwright.log.v1'
const fileType = 'application/vnd.sealwright.log.file.v1'
const title = 'org.opencontainers.image.title'

/** A manifest has at most 4,096 layers, of which some are no tiles. */
const mostTiles = 4080
/** Tiles that are uploaded at a time. */
const parallel = 4

interface Snapshot {
  digest: Digest
  layers: ReadonlyMap<string, Descriptor>
}

/**
 * A log as an OCI artifact: each file of it is a layer, named by its title. Full tiles never change, so each publication uploads some small blobs
 * and a manifest; the tag is moved last. A reader keeps the manifest that he read first, so what he reads belongs together.
 *
 * @param ref with a tag
 */
export function openOciStore(ref: Reference & { tag: string }, ports: Ports): LogStore {
  const store = openStore(ref, ports)
  const name = `${store.name}:${ref.tag}`
  let snapshot: Promise<Snapshot | null> | null = null
  const current = (): Promise<Snapshot | null> => (snapshot ??= readSnapshot(store, ref.tag, name))

  const files: LogFiles = {
    name,
    read: async (path, limit) => {
      const found = (await current())?.layers.get(path)
      if (found === undefined) return null
      return collect(await store.openBlob(found), limit, `${name}: ${path}`)
    },
  }
  const put = async ({ path, bytes }: { path: string; bytes: Uint8Array }): Promise<Descriptor> => {
    const { digest, size } = await store.putBlob({ bytes })
    return { mediaType: fileType, digest, size, annotations: { [title]: path } }
  }
  const write = async (
    base: Snapshot | null,
    kept: readonly Descriptor[],
    added: readonly { path: string; bytes: Uint8Array }[],
  ): Promise<boolean> => {
    await store.putBlob({ bytes: Buffer.from('{}') })
    const layers = [...kept]
    for await (const layer of inOrder(added, parallel, put)) layers.push(layer)
    const byPath = (layer: Descriptor): string => layer.annotations?.[title] ?? ''
    layers.sort((a, b) => (byPath(a) < byPath(b) ? -1 : 1))
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      artifactType: logArtifactType,
      config: emptyConfig,
      layers,
    }
    const moved = await moveTag(ref, base?.digest ?? null, manifestBytes(manifest), mediaTypes.manifest, ports)
    snapshot = null
    return moved === 'moved'
  }
  return {
    ...files,
    locks: false,
    exclusive: (fn) => {
      snapshot = null
      return fn()
    },
    create: async (checkpoint, named: NamedFiles) => {
      if ((await store.resolve({ tag: ref.tag }).catch(noLayoutYet)) !== null) throw taken(name)
      const added = Object.entries(named).map(([path, bytes]) => ({ path, bytes }))
      if (!(await write(null, [], [...added, { path: checkpointFile, bytes: checkpoint }]))) throw taken(name)
    },
    publish: async ({ tiles, size, checkpoint, base, beforeCheckpoint }: Publication) => {
      const from = await current()
      const seen = await files.read(checkpointFile, 1 << 16)
      if (from === null || seen === null || base === null || !seen.equals(base)) return false
      await beforeCheckpoint?.()
      const added = [
        ...tiles.map(({ id, bytes }) => ({ path: tilePath(id), bytes })),
        { path: checkpointFile, bytes: checkpoint },
      ]
      const kept = keptLayers(
        from,
        added,
        tiles.map(({ id }) => id),
      )
      if (kept.length + added.length > mostTiles) throw tooLarge(name, size)
      return write(from, kept, added)
    },
  }
}

/** Layers of the log before that still stand: not those that are written anew, and no partial tile that a larger one replaces. */
function keptLayers(from: Snapshot, added: readonly { path: string }[], ids: readonly TileId[]): Descriptor[] {
  const written = new Set(added.map(({ path }) => path))
  const places = new Set(ids.map((id) => tilePath({ ...id, width: tileWidth })))
  return [...from.layers]
    .filter(([path]) => !written.has(path) && !places.has(path.replace(/\.p\/\d+$/, '')))
    .map(([, layer]) => layer)
}

async function readSnapshot(store: Store, tag: string, name: string): Promise<Snapshot | null> {
  const found = await store.resolve({ tag })
  if (found === null) return null
  const { content } = await store.getManifest(found.digest)
  if (isIndex(content) || content.artifactType !== logArtifactType) {
    throw new InputError('reference-invalid', `${name} is not a log`, {
      subject: name,
      remedy: `Name an artifact of the type ${logArtifactType}, as sealwright log init makes it.`,
    })
  }
  const layers = new Map<string, Descriptor>()
  for (const layer of content.layers) {
    const path = layer.annotations?.[title] ?? ''
    if (layers.has(path)) {
      throw new VerificationError('format-invalid', `${name} has the file "${path}" twice`, { subject: name })
    }
    layers.set(path, layer)
  }
  return { digest: found.digest, layers }
}

/** A directory that is no layout yet becomes one. */
function noLayoutYet(error: unknown): null {
  if (error instanceof InputError && error.code === 'not-found') return null
  throw error
}

function taken(name: string): InputError {
  return new InputError('exists', `${name} exists already`, { subject: name, remedy: 'Name a new tag or repository.' })
}

function tooLarge(name: string, size: number): InputError {
  return new InputError('unsupported', `${name}: a log of ${size} entries does not fit into one OCI manifest`, {
    subject: name,
    remedy: 'Make a new log under a new origin and go on there; keep the old one, and its key in the policy.',
  })
}
