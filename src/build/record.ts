import { version } from '../base/version.ts'
import { sha256 } from '../base/streams.ts'
import type { Image } from '../image/types.ts'
import type { StepsNetwork } from '../statement/isolation.ts'
import type { BuildRecord } from '../statement/types.ts'
import type { ContextCopy } from './context/copy.ts'
import type { Driver, ResolvedBase } from './driver.ts'
import type { IgnoreFile } from './ignore.ts'
import type { GitSource } from './source/git.ts'
import type { BuildOptions } from './types.ts'

export interface RecordParts {
  source: GitSource | null
  unclean: readonly string[]
  context: { path: string; copy: ContextCopy }
  containerfile: { path: string; bytes: Buffer; byDefault: boolean }
  /** Its path as the record shows it; null for none. */
  ignoreFile: IgnoreFile | null
  bases: readonly ResolvedBase[]
  /** With build arguments as they may be shown. */
  options: Pick<BuildOptions, 'target' | 'buildArgs' | 'labels' | 'prepare' | 'compression' | 'rebuilds' | 'admitBases'>
  platform: string
  epoch: number
  driver: Driver
  image: Image
  matched: number
  /** Network that foreign steps really had, and the entries of PATH outside /usr that they saw. */
  network: StepsNetwork
  path: readonly string[]
}

/** The build record: what the image was made of and by what, and nothing of this machine. Equal builds give equal bytes. */
export function makeRecord(parts: RecordParts): BuildRecord {
  const { source, context, containerfile, options, driver, image } = parts
  const bases = parts.bases.map(({ name, digest, image: own, promotion }) => {
    const manifest = own.descriptor.digest
    const { config, layers } = own.manifest
    return {
      name,
      digest,
      ...(manifest === digest ? {} : { manifest }),
      config: config.digest,
      layers: layers.map((layer) => layer.digest),
      ...(promotion === undefined ? {} : { promotion }),
    }
  })
  return {
    v: 1,
    source: {
      repository: source?.repository ?? null,
      commit: source?.commit ?? null,
      tree: source?.tree ?? null,
      clean: parts.unclean.length === 0,
      committed: source?.committed ?? null,
    },
    context: {
      path: context.path,
      digest: context.copy.digest,
      files: context.copy.files.filter(({ mode }) => mode !== '040000').length,
      bytes: context.copy.bytes,
    },
    containerfile: {
      path: containerfile.path,
      digest: sha256(containerfile.bytes),
      byDefault: containerfile.byDefault,
    },
    ignoreFile:
      parts.ignoreFile === null ? null : { path: parts.ignoreFile.path, digest: sha256(parts.ignoreFile.bytes) },
    target: options.target,
    platform: parts.platform,
    baseImages: bases.sort((a, b) => (`${a.name} ${a.digest}` < `${b.name} ${b.digest}` ? -1 : 1)),
    ...(options.admitBases === undefined ? {} : { basesPolicy: options.admitBases.policy }),
    buildArgs: options.buildArgs,
    labels: options.labels,
    prepare: options.prepare,
    network: parts.network,
    path: [...parts.path],
    secrets: [],
    cache: null,
    sourceDateEpoch: parts.epoch,
    compression: options.compression,
    builder: { name: driver.name, version: driver.version, isolation: driver.confinement },
    tools: {
      sealwright: version,
      node: process.versions.node,
      ...(source === null ? {} : { git: source.version }),
      [driver.name]: driver.version,
    },
    image: { manifest: image.descriptor.digest, config: image.configDigest },
    rebuilds: { count: options.rebuilds, matched: parts.matched, independence: 'same-job' },
  }
}
