import type { BuildRecord } from '../../src/statement/types.ts'
import type { Digest } from '../../src/oci/types.ts'

/** A digest that is easy to tell from others. */
export const digestOf = (character: string): Digest => `sha256:${character.repeat(64)}`

export function buildRecord(change: Partial<BuildRecord> = {}): BuildRecord {
  return {
    v: 1,
    source: {
      repository: 'https://example.com/o/r',
      commit: 'c'.repeat(40),
      tree: 'd'.repeat(40),
      clean: true,
      committed: 1_700_000_000,
    },
    context: { path: '.', digest: digestOf('1'), files: 3, bytes: 30 },
    containerfile: { path: 'Containerfile', digest: digestOf('2'), byDefault: true },
    ignoreFile: null,
    target: null,
    platform: 'linux/amd64',
    baseImages: [
      {
        name: 'example.com/base:1',
        digest: digestOf('3'),
        config: digestOf('4'),
        layers: [digestOf('5'), digestOf('6')],
      },
    ],
    buildArgs: { VERSION: '1' },
    labels: {},
    prepare: null,
    network: 'none',
    path: [],
    secrets: [],
    cache: null,
    sourceDateEpoch: 1_700_000_000,
    compression: 'gzip',
    builder: { name: 'embedded', version: '0.1.0', isolation: 'none' },
    tools: { node: '24.21.0' },
    image: { manifest: digestOf('a'), config: digestOf('b') },
    rebuilds: { count: 1, matched: 1, independence: 'same-job' },
    ...change,
  }
}
