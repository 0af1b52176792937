import type { BuildRecord } from '../src/statement/types.ts'

/** A fresh copy of the members of a build record that say that nothing out of the ordinary was asked for. */
export const plainRequest = () =>
  ({
    ignoreFile: null,
    target: null,
    platform: 'linux/amd64',
    baseImages: [],
    buildArgs: {},
    labels: {},
    prepare: null,
    network: 'none',
    path: [],
    secrets: [],
    cache: null,
    sourceDateEpoch: 0,
    compression: 'gzip',
    builder: { name: 'embedded', version: '0.1.0', isolation: 'none' },
    tools: {},
  }) satisfies Partial<BuildRecord>
