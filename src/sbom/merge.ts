import type { Checksum, FoundPackage } from './model.ts'

/** From what every user needs to what only its developers do. */
const scopes = ['required', 'optional', 'build', 'development'] as const

/**
 * Adds what a second place says of the same package: places and edges of both, facts that the first one lacks, the wider scope. Places and
 * edges may then stand twice and in any order: one package may lie in a hundred thousand places.
 */
export function absorb(known: FoundPackage, found: FoundPackage): void {
  for (const path of found.locations) known.locations.push(path)
  for (const purl of found.dependsOn) known.dependsOn.push(purl)
  known.supplier ??= found.supplier
  known.homepage ??= found.homepage
  if (known.licence === null && found.licence !== null) {
    known.licence = found.licence
    known.licenceText = null
  } else if (known.licence === null) known.licenceText ??= found.licenceText
  known.checksums = union(known.checksums, found.checksums)
  known.properties ??= found.properties
  if (rankOf(found) < rankOf(known)) known.scope = found.scope
}

function rankOf({ scope }: FoundPackage): number {
  return scopes.indexOf(scope ?? 'required')
}

/** Digests of both; where both have one of the same algorithm, that of the first place. */
function union(a: Checksum[] | undefined, b: Checksum[] | undefined): Checksum[] | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return [...a, ...b.filter(({ algorithm }) => a.every((one) => one.algorithm !== algorithm))]
}
