import { catalogers } from '../../../src/sbom/catalogers/index.ts'
import { catalogueOf } from './catalogue.ts'
import type { Seed } from './types.ts'

/** Catalogers that tell of files and find no packages in them. */
const tellOnly: ReadonlySet<string> = new Set(['bun-lockb', 'executables', 'remains', 'unread'])

/** Catalogers of which no unchanged seed gives a package: what no seed reaches, no change tries. */
export function unreached(seeds: readonly Seed[]): string[] {
  const reached = new Set(tellOnly)
  for (const seed of seeds) {
    if (seed.kind !== 'file') continue
    const content = seed.wrap?.(seed.content) ?? seed.content
    try {
      const { packages } = catalogueOf({ ...seed.beside, [seed.path]: content }).catalogue
      for (const { cataloger } of packages) reached.add(cataloger)
    } catch {
      // A fixture that is damaged on purpose.
    }
  }
  return catalogers.map(({ name }) => name).filter((name) => !reached.has(name))
}
