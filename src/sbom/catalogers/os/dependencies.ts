import type { FoundPackage } from '../../model.ts'

/** What one package offers and asks for, in the words of its own database. */
export interface Relations {
  found: FoundPackage
  /** Names that it answers to beside its own: virtual packages, libraries, commands, files. */
  provides: readonly string[]
  requires: readonly string[]
}

/** Fills in `dependsOn`: each required name leads to the package of that name, else to the first that provides it. */
export function relate(installed: readonly Relations[]): void {
  const byName = new Map<string, string>()
  for (const { found } of installed) byName.set(found.name, found.purl)
  for (const { found, provides } of installed)
    for (const name of provides) if (!byName.has(name)) byName.set(name, found.purl)
  for (const { found, requires } of installed) {
    const purls = requires.map((name) => byName.get(name)).filter((purl) => purl !== undefined)
    found.dependsOn = [...new Set(purls)].filter((purl) => purl !== found.purl).sort()
  }
}
