import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { vectorsRoot } from '../../../testkit/peers.ts'
import { catalogers } from '../../../src/sbom/catalogers/index.ts'
import { Collector } from '../../../src/sbom/collect.ts'
import { ecosystems } from '../../recall/ecosystems.ts'
import { catalogersFolder, filesOf } from '../../recall/fixtures.ts'
import { builtSeeds } from './built.ts'
import { catalogueOf, entryOf, wantedBytes } from './catalogue.ts'
import { foreignDocuments } from './foreign.ts'
import type { DocumentSeed, Files, FileSeed, Seed } from './types.ts'

/** Largest file that is changed, and most bytes that lie beside it. */
const mostChanged = 128 << 10
const mostBeside = 24 << 10
const mostDocument = 48 << 10

/**
 * Everything valid that we have: the tests' builders, the fixtures of syft's Go module, and the SBOM documents of the shared vectors. All is read
 * or made when it is needed; nothing is kept here.
 */
export function allSeeds(): Seed[] {
  return [...builtSeeds(), ...fixtureSeeds(), ...foreignDocuments(), ...documentSeeds()]
}

/** Fixtures that a cataloger asks for. */
function fixtureSeeds(): FileSeed[] {
  const folder = catalogersFolder()
  return ecosystems.flatMap(({ name, place = {} }) => {
    const testdata = join(folder, name, 'testdata')
    const files: Files = Object.fromEntries([
      ...filesOf(testdata).map(({ path, content }) => [path, content] as const),
      ...Object.entries(place).map(([from, to]) => [to, readFileSync(join(testdata, from))] as const),
    ])
    return Object.entries(files).flatMap(([path, content]): FileSeed[] =>
      content.length > mostChanged || !isWanted(path, content)
        ? []
        : [readable({ kind: 'file', name: `${name} ${path}`, path, content, beside: besideOf(path, files) })],
    )
  })
}

/** Without its neighbours where one of them is a damaged database, which ends each description. */
function readable(seed: FileSeed): FileSeed {
  try {
    catalogueOf({ ...seed.beside, [seed.path]: seed.content })
    return seed
  } catch {
    return { ...seed, beside: {} }
  }
}

function isWanted(path: string, content: Buffer): boolean {
  return wantedBytes(new Collector(catalogers), entryOf(path, content), content) > 0
}

/** Files of the same folder, then those of its parent and below, as many as fit. */
function besideOf(path: string, files: Files): Files {
  const own = dirname(path)
  const parent = dirname(own)
  const near = Object.entries(files).filter(
    ([other]) => other !== path && parent !== '.' && other.startsWith(`${parent}/`),
  )
  const rank = (other: string): number => (dirname(other) === own ? 0 : 1)
  let room = mostBeside
  const kept = near
    .toSorted(([a], [b]) => rank(a) - rank(b))
    .filter(([, content]) => {
      if (content.length > room) return false
      room -= content.length
      return true
    })
  return Object.fromEntries(kept.slice(0, 12))
}

function documentSeeds(): DocumentSeed[] {
  const root = join(vectorsRoot, 'sbom')
  const folders = ['conformance', 'cyclonedx', 'real', 'spdx']
  const seeds = folders.flatMap((folder) =>
    (readdirSync(join(root, folder), { recursive: true }) as string[])
      .filter((path) => /\.(?:json|spdx)$/.test(path))
      .sort()
      .map((path): DocumentSeed => {
        return { kind: 'document', name: `${folder}/${path}`, content: readFileSync(join(root, folder, path)) }
      }),
  )
  if (seeds.length === 0) throw new Error(`no SBOM documents under ${root}`)
  return seeds.filter(({ content }) => content.length <= mostDocument)
}
