/** The syft that is installed where PATH has none, with the SHA-256 of each release archive (its own checksums.txt). */
export const syftPin = {
  version: '1.52.0',
  archives: {
    'linux-x64': {
      name: 'syft_1.52.0_linux_amd64.tar.gz',
      sha256: 'caeedb81fb0491615f1ebd1761e4145d41ee86dd2cc7bf80669f9f5ad9d6133d',
    },
    'linux-arm64': {
      name: 'syft_1.52.0_linux_arm64.tar.gz',
      sha256: 'c46d5e4c28e12aa4c5becfaa343ef1c7f89045b6b895f2c21d471c62db09c706',
    },
  },
} as const

export interface PinnedArchive {
  version: string
  sha256: string
  url: string
}

/** The pinned archive for a platform in Node's words, or null where none is pinned. */
export function pinnedSyft(platform: string, architecture: string): PinnedArchive | null {
  const { version, archives } = syftPin
  const found = Object.entries(archives).find(([key]) => key === `${platform}-${architecture}`)?.[1]
  if (found === undefined) return null
  return {
    version,
    sha256: found.sha256,
    url: `https://github.com/anchore/syft/releases/download/v${version}/${found.name}`,
  }
}
