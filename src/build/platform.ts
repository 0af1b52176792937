import { InputError } from '../base/errors.ts'
import type { Platform } from '../oci/types.ts'

const architectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  ppc64: 'ppc64le',
  s390x: 's390x',
}

/** This machine's platform, as images name it. */
export function hostPlatform(): Platform {
  return { os: 'linux', architecture: architectures[process.arch] ?? process.arch }
}

/**
 * The one platform to build for.
 *
 * @throws InputError `input-invalid` for a bad name, `unsupported` for several
 */
export function parsePlatform(platforms: readonly string[]): Platform {
  const [first, second] = platforms
  if (first === undefined) return hostPlatform()
  if (second !== undefined) {
    throw new InputError('unsupported', `one build gives one platform, but ${platforms.length} are wanted`, {
      subject: 'platforms',
      remedy:
        'Build each platform in a job of its own, on a machine of that platform or with `builder: buildah` or docker.',
    })
  }
  const match = /^(linux)\/([a-z0-9]+)(?:\/(v\d+))?$/.exec(first)
  if (match === null) {
    throw new InputError('input-invalid', `${first} is no platform of ours`, {
      subject: 'platforms',
      remedy: 'Write linux/ARCH or linux/ARCH/VARIANT, for example linux/amd64.',
    })
  }
  return { os: 'linux', architecture: match[2] ?? '', ...(match[3] === undefined ? {} : { variant: match[3] }) }
}
