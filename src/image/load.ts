import { InputError, VerificationError } from '../base/errors.ts'
import { isObject, parseJson } from '../base/json.ts'
import { collect } from '../base/streams.ts'
import {
  mediaTypes,
  type Descriptor,
  type Digest,
  type Index,
  type Manifest,
  type Platform,
  type Store,
} from '../oci/types.ts'
import type { Image, ImageConfig } from './types.ts'

/** Largest configuration that we read (registries take 4 MiB manifests). */
const configLimit = 8 * 1024 * 1024
const architectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  ia32: '386',
  ppc64: 'ppc64le',
  s390x: 's390x',
}

/**
 * Loads manifest and configuration of one platform of an image (OCI image-spec 1.1 and Docker v2 schema 2).
 *
 * @param platform `os/architecture[/variant]`; without it the only platform of an index, else this machine's
 * @throws InputError `not-found` (no such platform), `unsupported` (not a container image); VerificationError `format-invalid`,
 *   `missing-blob`, `digest-mismatch`
 */
export async function loadImage(store: Store, digest: Digest, platform?: string): Promise<Image> {
  let stored = await store.getManifest(digest)
  if ('manifests' in stored.content) {
    stored = await store.getManifest(pickPlatform(stored.content, platform, digest).digest)
    if ('manifests' in stored.content) {
      throw new VerificationError('format-invalid', `the index ${digest} holds another index`, { subject: digest })
    }
  }
  const manifest: Manifest = stored.content
  if (manifest.config.mediaType !== mediaTypes.config && manifest.config.mediaType !== mediaTypes.dockerConfig) {
    throw new InputError(
      'unsupported',
      `${digest} is not a container image: its configuration is ${manifest.config.mediaType}`,
      {
        subject: digest,
        remedy: 'Name the manifest of a container image.',
      },
    )
  }
  const bytes = await collect(
    await store.openBlob(manifest.config),
    configLimit,
    `configuration ${manifest.config.digest}`,
  )
  const config = parseConfig(bytes, manifest)
  const found: Platform = { os: config.os, architecture: config.architecture }
  if (config.variant !== undefined) found.variant = config.variant
  return { descriptor: stored.descriptor, manifest, config, configDigest: manifest.config.digest, platform: found }
}

/** `os/architecture[/variant]`. */
export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant]
    .filter((part) => part !== undefined && part !== '')
    .join('/')
}

function pickPlatform(index: Index, wanted: string | undefined, digest: Digest): Descriptor {
  // BuildKit keeps its attestations in the index as images of an unknown platform.
  const images = index.manifests.filter(
    (child) =>
      (child.mediaType === mediaTypes.manifest || child.mediaType === mediaTypes.dockerManifest) &&
      child.artifactType === undefined &&
      child.platform?.os !== 'unknown',
  )
  const only = images[0]
  if (wanted === undefined && images.length === 1 && only !== undefined) return only
  const want = wanted ?? `linux/${architectures[process.arch] ?? process.arch}`
  const matches = images.filter((child) => {
    if (child.platform === undefined) return false
    const name = formatPlatform(child.platform)
    return name === want || `${child.platform.os}/${child.platform.architecture}` === want
  })
  const found = matches[0]
  if (found !== undefined && matches.length === 1) return found
  const names = images.map((child) => (child.platform === undefined ? '(none)' : formatPlatform(child.platform)))
  throw new InputError(
    'not-found',
    `the index ${digest} holds ${matches.length === 0 ? 'no' : 'more than one'} image for ${want}`,
    {
      subject: digest,
      remedy: `Name one manifest by its digest; platforms there: ${names.join(', ') || 'none'}.`,
    },
  )
}

function parseConfig(bytes: Buffer, manifest: Manifest): ImageConfig {
  const subject = `configuration ${manifest.config.digest}`
  const bad = (why: string): VerificationError =>
    new VerificationError('format-invalid', `${subject} ${why}`, { subject })
  const value = parseJson(bytes.toString('utf8'), subject)
  if (!isObject(value)) throw bad('is not an object')
  const rootfs = value['rootfs']
  if (typeof value['os'] !== 'string' || typeof value['architecture'] !== 'string')
    throw bad('names no os or architecture')
  if (!isObject(rootfs) || rootfs['type'] !== 'layers' || !Array.isArray(rootfs['diff_ids']))
    throw bad('lists no layers')
  for (const id of rootfs['diff_ids']) {
    if (typeof id !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(id))
      throw bad('lists a diff id that is no SHA-256 digest')
  }
  if (rootfs['diff_ids'].length !== manifest.layers.length) {
    throw bad(`lists ${rootfs['diff_ids'].length} layers where the manifest has ${manifest.layers.length}`)
  }
  return value as unknown as ImageConfig
}
