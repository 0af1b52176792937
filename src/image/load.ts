import { counted } from '../base/counted.ts'
import { table } from '../base/table.ts'
import { InputError, VerificationError } from '../base/errors.ts'
import { isObject } from '../base/json.ts'
import { collect, sha256 } from '../base/streams.ts'
import { checkSpelling, parseDocument } from '../oci/descriptor.ts'
import { isIndex } from '../oci/manifest.ts'
import { mediaTypes, type Digest, type Index, type Manifest, type Platform, type Store } from '../oci/types.ts'
import { fits, formatPlatform, parsePlatform, platformInWords, runnableChildren, type Child } from './platforms.ts'
import type { Image, ImageConfig } from './types.ts'

export { formatPlatform } from './platforms.ts'

/** Largest configuration that we read (registries take 4 MiB manifests). */
const configLimit = 8 * 1024 * 1024
/** Members of a configuration that runtimes read (image-spec 1.1 config.md, and Docker's). */
const configMembers = [
  ...['created', 'author', 'architecture', 'os', 'os.version', 'os.features', 'variant', 'config', 'rootfs', 'history'],
  ...['container', 'container_config', 'docker_version', 'id', 'parent', 'comment', 'throwaway', 'Size'],
]
const runMembers = [
  ...[
    'User',
    'ExposedPorts',
    'Env',
    'Entrypoint',
    'Cmd',
    'Volumes',
    'WorkingDir',
    'Labels',
    'StopSignal',
    'ArgsEscaped',
  ],
  ...['Memory', 'MemorySwap', 'CpuShares', 'Healthcheck', 'OnBuild', 'Shell', 'StopTimeout', 'NetworkDisabled'],
  ...['MacAddress', 'Hostname', 'Domainname', 'AttachStdin', 'AttachStdout', 'AttachStderr', 'Tty', 'OpenStdin'],
  ...['StdinOnce', 'Image'],
]
const architectures: Readonly<Record<string, string>> = table({
  x64: 'amd64',
  arm64: 'arm64',
  ia32: '386',
  ppc64: 'ppc64le',
  s390x: 's390x',
})

/**
 * Loads manifest and configuration of one platform of an image (OCI image-spec 1.1 and Docker v2 schema 2).
 *
 * @param platform `os/architecture[/variant]`; without it the only platform of an index, else this machine's
 * @throws InputError `not-found` (no such platform), `unsupported` (not a container image); VerificationError `format-invalid`,
 *   `missing-blob`, `digest-mismatch`
 */
export async function loadImage(store: Store, digest: Digest, platform?: string): Promise<Image> {
  let stored = await store.getManifest(digest)
  if (isIndex(stored.content))
    stored = await store.getManifest(await pickChild(store, stored.content, platform, digest))
  if (isIndex(stored.content)) {
    throw new VerificationError('format-invalid', `the index ${digest} holds an index that it calls a manifest`, {
      subject: digest,
    })
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
  return { descriptor: stored.descriptor, manifest, config, configDigest: sha256(bytes), platform: found }
}

async function pickChild(store: Store, index: Index, wanted: string | undefined, digest: Digest): Promise<Digest> {
  const children = await runnableChildren(store, digest, index)
  const names = [...new Set(children.map(platformInWords))].join(', ')
  const digests = new Set(children.map(({ descriptor }) => descriptor.digest))
  const [only] = digests
  if (wanted === undefined && digests.size === 1 && only !== undefined) return only
  const want = wanted ?? `linux/${architectures[process.arch] ?? process.arch}`
  const matches = new Set(narrowed(children, parsePlatform(want)).map(({ descriptor }) => descriptor.digest))
  const [found] = matches
  if (found !== undefined && matches.size === 1) return found
  throw new InputError(
    'not-found',
    `the index ${digest} holds ${matches.size === 0 ? 'no' : 'more than one'} image for ${want}`,
    {
      subject: digest,
      remedy: `Name one manifest by its digest; platforms there: ${names || 'none'}.`,
    },
  )
}

/** Children that could be taken for a platform; where a variant is asked for and one child has just that, it alone. */
function narrowed(children: readonly Child[], want: Platform): Child[] {
  const fitting = children.filter((child) => fits(child, want))
  const named = fitting.filter(({ platform }) => platform !== null)
  const all = named.length > 0 ? named : fitting
  const exact = all.filter(({ platform }) => platform !== null && formatPlatform(platform) === formatPlatform(want))
  return want.variant !== undefined && exact.length > 0 ? exact : all
}

function parseConfig(bytes: Buffer, manifest: Manifest): ImageConfig {
  const subject = `configuration ${manifest.config.digest}`
  const bad = (why: string): VerificationError =>
    new VerificationError('format-invalid', `${subject} ${why}`, {
      subject,
      remedy: 'The image is damaged or was made by hand: build it again, or publish it again from its source.',
    })
  const value = parseDocument(bytes.toString('utf8'), subject)
  const { rootfs, config } = value
  checkSpelling(value, configMembers, subject)
  if (isObject(rootfs)) checkSpelling(rootfs, ['type', 'diff_ids'], `${subject}: rootfs`)
  if (isObject(config)) checkSpelling(config, runMembers, `${subject}: config`)
  if (typeof value['os'] !== 'string' || typeof value['architecture'] !== 'string')
    throw bad('names no os or architecture')
  if (!isObject(rootfs) || rootfs['type'] !== 'layers' || !Array.isArray(rootfs['diff_ids']))
    throw bad('lists no layers')
  for (const id of rootfs['diff_ids']) {
    if (typeof id !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(id))
      throw bad('lists a diff id that is not a SHA-256 digest')
  }
  if (rootfs['diff_ids'].length !== manifest.layers.length) {
    throw bad(
      `must list the ${counted(manifest.layers.length, 'layer')} of its manifest, but lists ${rootfs['diff_ids'].length}`,
    )
  }
  return value as unknown as ImageConfig
}
