import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { buildImage } from '../../src/build/build.ts'
import type { BuildOptions, BuildResult } from '../../src/build/types.ts'
import type { Ports } from '../../src/base/ports.ts'
import { loadImage } from '../../src/image/load.ts'
import { passImage } from '../../src/image/pass.ts'
import type { InventoryEntry } from '../../src/image/types.ts'
import { openStore } from '../../src/oci/open.ts'
import type { Store } from '../../src/oci/types.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

/** Writes files below a fresh folder: text, or `{ link }`. */
export function tree(files: Record<string, string | { link: string }>, folder = scratch('context')): string {
  for (const [path, content] of Object.entries(files)) {
    const full = join(folder, path)
    mkdirSync(dirname(full), { recursive: true })
    if (typeof content === 'string') writeFileSync(full, content)
    else symlinkSync(content.link, full)
  }
  return folder
}

export function layout(ports: Ports): { store: Store; directory: string } {
  const directory = scratch('layout')
  return { directory, store: openStore({ kind: 'layout', directory }, ports) }
}

export interface Built {
  result: BuildResult
  store: Store
  directory: string
  /** By path. */
  files: Map<string, InventoryEntry>
  config: Awaited<ReturnType<typeof loadImage>>['config']
}

/** Builds a context with the embedded driver (unless told otherwise) and reads back what came out. */
export async function build(
  context: string | Record<string, string | { link: string }>,
  options: Partial<BuildOptions> = {},
  ports: Ports = testPorts(),
): Promise<Built> {
  const fresh = layout(ports)
  const store = options.output?.store ?? fresh.store
  const result = await buildImage(
    {
      context: typeof context === 'string' ? context : tree(context),
      file: null,
      prepare: null,
      network: 'none',
      builder: 'embedded',
      target: null,
      platforms: [],
      buildArgs: {},
      labels: {},
      sourceDateEpoch: 1_700_000_000,
      rebuilds: 0,
      compression: 'gzip',
      allowDifference: true,
      exclude: [],
      output: { store, tag: 'latest' },
      ...options,
    },
    ports,
  )
  const image = await loadImage(store, result.digest)
  const { inventory } = await passImage(store, image, [])
  const files = new Map([...inventory].map((entry) => [entry.path, entry]))
  return { result, store, directory: fresh.directory, files, config: image.config }
}

/** `type mode uid:gid` of a path, for short expectations. */
export function shape(files: ReadonlyMap<string, InventoryEntry>, path: string): string | undefined {
  const entry = files.get(path)
  return entry && `${entry.type} ${entry.mode.toString(8)} ${entry.uid}:${entry.gid}`
}

/** Runs git for the test itself, with a fixed identity and time. */
export function git(folder: string, ...args: string[]): string {
  return execFileSync('git', ['-C', folder, ...args], {
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'A',
      GIT_AUTHOR_EMAIL: 'a@example.com',
      GIT_AUTHOR_DATE: '1600000000 +0000',
      GIT_COMMITTER_NAME: 'C',
      GIT_COMMITTER_EMAIL: 'c@example.com',
      GIT_COMMITTER_DATE: '1650000000 +0200',
    },
  }).trim()
}

/** A repository with one commit of everything in the folder. */
export function commitAll(folder: string): string {
  git(folder, 'init', '--quiet', '--initial-branch=main')
  git(folder, 'add', '--all')
  git(folder, 'commit', '--quiet', '--message=first')
  return git(folder, 'rev-parse', 'HEAD')
}
