import { execFileSync } from 'node:child_process'
import { stagedName } from './fixtures.ts'
import { rowOf } from './rows.ts'
import type { Ecosystem, Row } from './types.ts'

interface Artifact {
  name: string
  version: string
  type: string
  foundBy: string
  purl: string
  locations: { path: string; annotations?: { evidence?: string } }[]
}

/** What syft finds in staged fixtures: one run for all, since its start takes longer than its work. */
export function syftRows(program: string, folder: string, ecosystems: readonly Ecosystem[], home: string): Row[] {
  const catalogers = ecosystems.flatMap((one) => one.catalogers).join(',')
  const options = ['scan', `dir:${folder}`, '-q', '--override-default-catalogers', catalogers, '-o', 'syft-json']
  const output = execFileSync(program, options, {
    env: { PATH: process.env['PATH'], HOME: home, SYFT_CHECK_FOR_APP_UPDATE: 'false' },
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  })
  const { artifacts } = JSON.parse(output.toString()) as { artifacts: Artifact[] }
  return artifacts.flatMap((found) =>
    evidence(found).flatMap((path) => {
      const [, top, ...rest] = path.split('/')
      const own = ecosystems.find(({ name }) => stagedName(name) === top)
      return own?.catalogers.includes(found.foundBy) === true ? [rowOf(own.name, rest.join('/'), found)] : []
    }),
  )
}

/** Places that show the package itself, not what supports it (a copyright file). */
function evidence({ locations }: Artifact): string[] {
  const primary = locations.filter(({ annotations }) => annotations?.evidence === 'primary')
  return (primary.length > 0 ? primary : locations).map(({ path }) => path)
}
