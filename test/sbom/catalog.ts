import { passImage } from '../../src/image/pass.ts'
import type { Catalogue, FoundPackage } from '../../src/sbom/model.ts'
import { sbomReaders } from '../../src/sbom/readers.ts'
import { makeImage, type Short } from '../image/make-image.ts'

/** Files by path: their text, or all that an entry has. */
export type Files = Readonly<Record<string, string | Buffer | Omit<Short, 'path'>>>

/** What all catalogers make of an image with one layer of these files. */
export async function catalog(files: Files, subject: 'image' | 'source' = 'image'): Promise<Catalogue> {
  const entries = Object.entries(files).map(([path, content]): Short =>
    typeof content === 'string' || Buffer.isBuffer(content) ? { path, text: content } : { path, ...content },
  )
  const { store, image } = await makeImage([entries])
  const readers = sbomReaders(subject)
  const { inventory } = await passImage(store, image, readers.readers)
  return readers.finish(inventory)
}

/** Packages of one file, found as a source tree would have it. */
export async function declared(path: string, content: string | Buffer): Promise<Catalogue> {
  return catalog({ [path]: content }, 'source')
}

/** purls alone, in the order of the catalogue. */
export function purls({ packages }: Catalogue): string[] {
  return packages.map(({ purl }) => purl)
}

/** The package of a purl. */
export function packageOf({ packages }: Catalogue, purl: string): FoundPackage {
  const found = packages.find((one) => one.purl === purl)
  if (found === undefined) throw new Error(`no ${purl} among ${packages.map((one) => one.purl).join(', ')}`)
  return found
}
