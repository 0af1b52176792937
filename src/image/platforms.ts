import { table } from '../base/table.ts'
import { InputError, VerificationError } from '../base/errors.ts'
import { isIndex } from '../oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest, type Index, type Platform, type Store } from '../oci/types.ts'

/** What is walked of one index: real ones have some tens of children on one level. */
const limits = { depth: 4, manifests: 256 } as const

/** A manifest that a runtime could take from an index. */
export interface Child {
  descriptor: Descriptor
  /** As the index says; a child without one is taken for every platform. */
  platform: Platform | null
  /** Indexes on the way, the named one first. */
  via: Digest[]
}

/**
 * The manifests that a runtime could take from an index. Runtimes select by nothing but `platform` (OCI image-spec 1.1 image-index.md;
 * containerd, Docker, Podman), so artifact types and annotations exclude none here. Nested indexes are walked; attestation manifests of
 * BuildKit (`unknown/unknown`) run nowhere.
 *
 * @throws VerificationError `index-unattested` for an index of too many manifests or levels; `missing-blob`, `format-invalid` for a nested one
 *   that cannot be read
 */
export async function runnableChildren(store: Store, digest: Digest, index: Index): Promise<Child[]> {
  const found: Child[] = []
  const seen = new Set<string>()
  let left: number = limits.manifests
  const walk = async (content: Index, via: Digest[]): Promise<void> => {
    if (via.length > limits.depth) throw tooLarge(digest, `nests deeper than ${limits.depth} levels`)
    for (const descriptor of content.manifests) {
      if (--left < 0) throw tooLarge(digest, `lists more than ${limits.manifests} manifests`)
      const platform = normalised(descriptor.platform)
      const key = `${descriptor.digest} ${platform === null ? '' : formatPlatform(platform)}`
      if (seen.has(key)) continue
      seen.add(key)
      if (descriptor.mediaType === mediaTypes.index || descriptor.mediaType === mediaTypes.dockerManifestList) {
        const nested = await store.getManifest(descriptor.digest)
        // A runtime that goes by what it gets would run it.
        if (!isIndex(nested.content)) throw notWhatItSays(digest, descriptor)
        await walk(nested.content, [...via, descriptor.digest])
      } else if (platform?.os !== 'unknown' || platform.architecture !== 'unknown') {
        // Not every runtime looks at the media type before it takes a child.
        found.push({ descriptor, platform, via })
      }
    }
  }
  await walk(index, [digest])
  return found
}

/** Whether a runtime that wants a platform could take a child. Variants of one architecture count as one. */
export function fits(child: Child, wanted: Platform): boolean {
  return overlap(child.platform, normalised(wanted) ?? null)
}

/** Whether a configuration is for the platform that was asked for. Names of one architecture and its variants count as one; '' fits nothing. */
export function samePlatform(found: Platform, wanted: Platform): boolean {
  const [one, other] = [normalised(found), normalised(wanted)]
  return one?.os === other?.os && one?.architecture === other?.architecture
}

/** Two different manifests of one platform: which of them a runtime takes depends on the runtime. Null where there are none. */
export function ambiguous(children: readonly Child[]): [Child, Child] | null {
  for (const [i, one] of children.entries()) {
    for (const other of children.slice(i + 1)) {
      if (one.descriptor.digest !== other.descriptor.digest && overlap(one.platform, other.platform))
        return [one, other]
    }
  }
  return null
}

/** `os/architecture[/variant]`. */
export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant]
    .filter((part) => part !== undefined && part !== '')
    .join('/')
}

/** @throws InputError `input-invalid` for a text that is not `os/architecture[/variant]` */
export function parsePlatform(text: string): Platform {
  const [os = '', architecture = '', variant, ...rest] = text.split('/')
  if (os === '' || architecture === '' || variant === '' || rest.length > 0) {
    throw new InputError('input-invalid', `"${text}" is not a platform`, {
      subject: 'platform',
      remedy: 'Write os/architecture[/variant], such as linux/amd64.',
    })
  }
  return { os, architecture, ...(variant === undefined ? {} : { variant }) }
}

export function platformInWords(child: Child): string {
  return child.platform === null ? 'every platform' : formatPlatform(child.platform)
}

/** An empty member means "whatever this machine is" to containerd. */
function overlap(one: Platform | null, other: Platform | null): boolean {
  if (one === null || other === null) return true
  const same = (a: string, b: string): boolean => a === '' || b === '' || a === b
  return same(one.os, other.os) && same(one.architecture, other.architecture)
}

/** Names that runtimes take for the same (containerd platforms, database.go). */
const aliases: Readonly<Record<string, string>> = table({
  macos: 'darwin',
  x86_64: 'amd64',
  'x86-64': 'amd64',
  i386: '386',
  aarch64: 'arm64',
  armhf: 'arm',
  armel: 'arm',
})

function normalised(platform: Platform | undefined): Platform | null {
  if (platform === undefined) return null
  const name = (text: string): string => {
    const lower = text.toLowerCase()
    return Object.hasOwn(aliases, lower) ? (aliases[lower] ?? lower) : lower
  }
  return { ...platform, os: name(platform.os), architecture: name(platform.architecture) }
}

function notWhatItSays(digest: Digest, { digest: child, mediaType }: Descriptor): VerificationError {
  return new VerificationError(
    'index-unattested',
    `the index ${digest} calls ${child} ${mediaType}, but it is a manifest`,
    {
      subject: digest,
      remedy: 'Name one manifest by its digest, or publish the index again.',
    },
  )
}

function tooLarge(digest: Digest, why: string): VerificationError {
  return new VerificationError('index-unattested', `the index ${digest} ${why}`, {
    subject: digest,
    remedy: 'Name one manifest by its digest.',
  })
}
