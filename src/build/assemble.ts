import { jcs } from '../encoding/jcs.ts'
import { sha256 } from '../base/streams.ts'
import type { Image, ImageConfig } from '../image/types.ts'
import { manifestBytes } from '../oci/manifest.ts'
import { mediaTypes, type Descriptor, type Manifest, type Platform, type Store } from '../oci/types.ts'
import type { ImageDraft } from './driver.ts'
import type { NewLayer } from './layer.ts'
import type { BaseImage } from './embedded/stage-fs.ts'

export interface ImageParts {
  /** Its layers come first, as they are. */
  base: BaseImage | null
  layers: readonly NewLayer[]
  config: NonNullable<ImageConfig['config']>
  /** Of the new layers and instructions; the base's own history comes before. */
  history: NonNullable<ImageConfig['history']>
  platform: Platform
  epoch: number
  store: Store
}

/** Seconds as OCI's `created`. */
export function createdAt(epoch: number): string {
  return new Date(epoch * 1000).toISOString().replace('.000Z', 'Z')
}

/** Writes the configuration and makes the manifest: everything in them follows from the parts, nothing from this machine. */
export async function assembleImage(parts: ImageParts): Promise<ImageDraft> {
  const { base, layers, platform, store } = parts
  const baseLayers: Descriptor[] = []
  for (const layer of base?.image.manifest.layers ?? []) {
    if (base !== null && !(await store.hasBlob(layer.digest))) {
      await store.putBlob({ stream: await base.store.openBlob(layer), expect: layer })
    }
    baseLayers.push({ mediaType: ociLayerType(layer.mediaType), digest: layer.digest, size: layer.size })
  }
  const { author } = base?.image.config ?? {}
  const config: ImageConfig = {
    created: createdAt(parts.epoch),
    ...(author === undefined ? {} : { author }),
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    config: tidy(parts.config),
    rootfs: {
      type: 'layers',
      diff_ids: [...(base?.image.config.rootfs.diff_ids ?? []), ...layers.map((layer) => layer.diffId)],
    },
    history: [...baseHistory(base, parts.epoch), ...parts.history],
  }
  const configBytes = jcs(config)
  const blob = await store.putBlob({ bytes: configBytes })
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, ...blob },
    layers: [...baseLayers, ...layers.map((layer) => layer.descriptor)],
  }
  const bytes = manifestBytes(manifest)
  const descriptor = { mediaType: mediaTypes.manifest, digest: sha256(bytes), size: bytes.length }
  const image: Image = { descriptor, manifest, config, configDigest: blob.digest, platform }
  return { image, manifestBytes: bytes, baseLayers: baseLayers.length }
}

/** An image without history gets one line a layer, so that history and layers still match. */
function baseHistory(base: BaseImage | null, epoch: number): NonNullable<ImageConfig['history']> {
  if (base === null) return []
  const { history = [], rootfs } = base.image.config
  const filled = history.filter((entry) => entry.empty_layer !== true).length
  if (filled === rootfs.diff_ids.length) return history
  return rootfs.diff_ids.map(() => ({ created: createdAt(epoch), created_by: 'base image' }))
}

const members = [
  ...(['User', 'ExposedPorts', 'Env', 'Entrypoint', 'Cmd', 'Volumes', 'WorkingDir', 'Labels', 'StopSignal'] as const),
  ...(['Shell', 'Healthcheck', 'OnBuild'] as const),
]

/** Only what instructions can set: engines add host names, ids and empty members of their own. */
function tidy(config: NonNullable<ImageConfig['config']>): NonNullable<ImageConfig['config']> {
  const filled = members
    .map((name) => [name, config[name]] as const)
    .filter(([, value]) => {
      if (value === undefined || value === null || value === '') return false
      return typeof value !== 'object' || Object.keys(value).length > 0
    })
  return Object.fromEntries(filled)
}

function ociLayerType(mediaType: string): string {
  return mediaType === mediaTypes.dockerLayer ? mediaTypes.layerGzip : mediaType
}
