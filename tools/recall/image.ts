import type { Ports } from '../../src/base/ports.ts'
import { loadImage } from '../../src/image/load.ts'
import { openLayout } from '../../src/oci/layout.ts'
import { describeImage } from '../../src/sbom/scan.ts'
import { rowOf } from './rows.ts'
import { syftArtifacts } from './syft.ts'

/** A kind of package on both sides: how many differ, and in how many places they lie. */
export interface KindCounts {
  kind: string
  syft: { packages: number; places: number }
  ours: { packages: number; places: number }
}

/** One package in one place, as type, name and version of its package URL. */
export type Listed = readonly string[]

/** Kinds by name, with what only one side lists. */
export function compareImage(
  theirs: Listed,
  ours: Listed,
): { kinds: KindCounts[]; onlySyft: string[]; onlyOurs: string[] } {
  const kindOf = (found: string): string => found.slice(0, found.indexOf(' '))
  const count = (side: Listed, kind: string): KindCounts['syft'] => {
    const own = side.filter((found) => kindOf(found) === kind)
    return { packages: new Set(own).size, places: own.length }
  }
  const [a, b] = [new Set(theirs), new Set(ours)]
  const kinds = [...new Set([...a, ...b].map(kindOf))].sort()
  return {
    kinds: kinds.map((kind) => ({ kind, syft: count(theirs, kind), ours: count(ours, kind) })),
    onlySyft: [...a].filter((found) => !b.has(found)).sort(),
    onlyOurs: [...b].filter((found) => !a.has(found)).sort(),
  }
}

/** Reads one image with both. @param folder an OCI layout with one image */
export async function readImage(
  syft: string,
  folder: string,
  home: string,
  ports: Ports,
): Promise<{ theirs: Listed; ours: Listed }> {
  const store = openLayout(folder, 'localhost/recall', ports)
  const found = await store.resolve({ tag: 'latest' })
  if (found === null) throw new Error(`${folder} has no image with the tag "latest"`)
  const { description } = await describeImage(store, await loadImage(store, found.digest))
  const row = (one: Parameters<typeof rowOf>[2]): string => rowOf('', '', one).package
  return {
    theirs: syftArtifacts(syft, [`oci-dir:${folder}`], home).map(row),
    ours: description.packages.flatMap((one) => one.locations.map(() => row(one))),
  }
}

/** The comparison as text, and whether we list at least as many of each kind. */
export function imageReport(found: ReturnType<typeof compareImage>): { text: string; good: boolean } {
  const fewer = found.kinds.filter(({ syft, ours }) => ours.packages < syft.packages || ours.places < syft.places)
  const cell = ({ packages, places }: KindCounts['syft']): string => `${packages} in ${places} places`
  return {
    text: [
      '| kind | syft | ours |',
      '| --- | --- | --- |',
      ...found.kinds.map(({ kind, syft, ours }) => `| ${kind} | ${cell(syft)} | ${cell(ours)} |`),
      ...found.onlySyft.map((one) => `only syft: ${one}`),
      ...found.onlyOurs.map((one) => `only ours: ${one}`),
      ...fewer.map(({ kind }) => `fewer of ${kind} than syft`),
    ].join('\n'),
    good: fewer.length === 0,
  }
}
