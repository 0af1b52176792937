import { passImage } from '../../../src/image/pass.ts'
import type { Catalogue } from '../../../src/sbom/model.ts'
import { sbomReaders } from '../../../src/sbom/readers.ts'
import { makeImage, type Short } from '../../image/make-image.ts'

/** What the catalogers make of an image of these layers, bottom first. */
export async function catalogue(...layers: readonly Short[][]): Promise<Catalogue> {
  const { store, image } = await makeImage(layers)
  const readers = sbomReaders()
  const { inventory } = await passImage(store, image, readers.readers)
  return readers.finish(inventory)
}

/** Packages as `type name@version`. */
export function named({ packages }: Catalogue): string[] {
  return packages.map(({ type, name, version }) => `${type} ${name}@${version ?? ''}`)
}

/** Integrity findings as `kind path`. */
export function findings({ coverage }: Catalogue): string[] {
  return coverage.findings.map(({ kind, path }) => `${kind} ${path}`)
}
