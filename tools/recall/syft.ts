import { execFileSync } from 'node:child_process'
import { stagedName } from './fixtures.ts'
import { rowOf } from './rows.ts'
import type { Ecosystem, SyftRow } from './types.ts'

interface Artifact {
  name: string
  version: string
  type: string
  foundBy: string
  purl: string
  locations: { path: string; annotations?: { evidence?: string } }[]
  metadata?: {
    /** Of a workflow: what stands behind `uses`. */
    value?: string
    /** Of a dependency in a pom.xml. */
    pomProperties?: { groupId: string }
  }
}

/** What syft lists of a source. @param options the source and how to read it */
export function syftArtifacts(program: string, options: readonly string[], home: string): Artifact[] {
  const output = execFileSync(program, ['scan', ...options, '-q', '-o', 'syft-json'], {
    env: { PATH: process.env['PATH'], HOME: home, SYFT_CHECK_FOR_APP_UPDATE: 'false' },
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  })
  return (JSON.parse(output.toString()) as { artifacts: Artifact[] }).artifacts
}

/** What syft finds in staged fixtures: one run for all, since its start takes longer than its work. */
export function syftRows(program: string, folder: string, ecosystems: readonly Ecosystem[], home: string): SyftRow[] {
  const catalogers = ecosystems.flatMap((one) => one.catalogers).join(',')
  const artifacts = syftArtifacts(program, [`dir:${folder}`, '--override-default-catalogers', catalogers], home)
  return artifacts.flatMap((found) =>
    evidence(found).flatMap((path) => {
      const [, top, ...rest] = path.split('/')
      const own = ecosystems.find(({ name }) => stagedName(name) === top)
      return own?.catalogers.includes(found.foundBy) === true
        ? [
            {
              ...rowOf(own.name, rest.join('/'), pinned(found)),
              groupless: found.metadata?.pomProperties?.groupId === '',
            },
          ]
        : []
    }),
  )
}

/** An action that is pinned to a commit: syft shows the comment behind it as version, and keeps the commit in its metadata. */
function pinned(found: Artifact): Artifact {
  const commit = /@([0-9a-f]{40})$/.exec(found.metadata?.value ?? '')?.[1]
  return commit === undefined ? found : { ...found, version: commit }
}

/** Places that show the package itself, not what supports it (a copyright file). */
function evidence({ locations }: Artifact): string[] {
  const primary = locations.filter(({ annotations }) => annotations?.evidence === 'primary')
  return (primary.length > 0 ? primary : locations).map(({ path }) => path)
}
