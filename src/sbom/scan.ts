import { lazyEntries } from '../image/entries.ts'
import { InventoryDocument } from '../image/inventory-document.ts'
import { passImage, type PassOptions } from '../image/pass.ts'
import type { Image, PassReader, PassResult } from '../image/types.ts'
import type { Digest, Store } from '../oci/types.ts'
import type { SbomDocument } from './documents/model.ts'
import { ownDocument } from './documents/own.ts'
import { encodeDocument } from './formats/encode.ts'
import type { SbomFormat } from './formats/names.ts'
import type { Catalogue, Description } from './model.ts'
import { scoreDocument } from './score/score.ts'
import type { Score } from './score/types.ts'
import { sbomReaders } from './readers.ts'

export interface DescribeOptions extends PassOptions, Said {
  /** Further readers on the same pass. */
  readers?: readonly PassReader[] | undefined
}

/** What the image does not say of its documents. */
export interface Said extends Pick<Description, 'author' | 'supplier' | 'lifecycle' | 'engines'> {
  /** Seconds since 1970 for the documents' time (SOURCE_DATE_EPOCH). Default: the image's own creation time. */
  epoch?: number | undefined
  /** Name of the image in the documents. Default: its title label, else `image`; never a reference, since an image has many. */
  name?: string | undefined
}

/** The documents of one image, and what they were made of. */
export interface Described {
  /** In neutral terms. */
  document: SbomDocument
  /** The document in one format; it is made when it is first asked for. */
  encode(format: SbomFormat): Buffer
  /** SPDX 2.3, made when it is first asked for. */
  readonly spdx: Buffer
  /** CycloneDX 1.6, made when it is first asked for. */
  readonly cyclonedx: Buffer
  /** The file inventory, which may be larger than memory should hold. */
  inventoryDocument: InventoryDocument
  /** The same in one piece, made each time that it is asked for. */
  readonly inventory: Buffer
  inventoryDigest: Digest
  packages: number
  files: number
  quality: Score
  description: Description
  pass: PassResult
}

/** Describes an image in one pass over its layers. @throws as {@link passImage}; VerificationError `format-invalid` for an unreadable package database */
export async function describeImage(store: Store, image: Image, options: DescribeOptions = {}): Promise<Described> {
  const sbom = sbomReaders()
  const pass = await passImage(store, image, [...sbom.readers, ...(options.readers ?? [])], options)
  return describePass(pass, sbom.finish(pass.inventory), options)
}

/** Writes the documents of a pass that was run elsewhere with `sbomReaders()` on it. */
export function describePass(pass: PassResult, catalogue: Catalogue, options: Said = {}): Described {
  const { image, layers } = pass
  const inventory = new InventoryDocument(pass.inventory)
  let files = 0
  for (const { type } of lazyEntries(pass.inventory)) if (type === 'file' || type === 'hardlink') files++
  const description: Description = {
    ...catalogue,
    name: options.name ?? (image.config.config?.Labels?.['org.opencontainers.image.title'] || 'image'),
    platform: image.platform,
    configDigest: image.configDigest,
    layers,
    created: options.epoch ?? createdOf(image),
    inventoryDigest: inventory.digest,
    files,
    author: options.author,
    supplier: options.supplier,
    lifecycle: options.lifecycle,
    engines: options.engines,
  }
  // Not spread: documents are made when they are first asked for.
  return Object.assign(documentsOf(description, inventory), { pass })
}

/** The documents of a description, whatever its subject. @param inventory the document that its `inventoryDigest` is of */
export function documentsOf(description: Description, inventory: InventoryDocument): Omit<Described, 'pass'> {
  const document = ownDocument(description)
  const made = new Map<SbomFormat, Buffer>()
  const encode = (format: SbomFormat): Buffer => {
    const bytes = made.get(format) ?? encodeDocument(document, format)
    made.set(format, bytes)
    return bytes
  }
  return {
    document,
    encode,
    get spdx() {
      return encode('spdx-json')
    },
    get cyclonedx() {
      return encode('cyclonedx-json')
    },
    inventoryDocument: inventory,
    get inventory() {
      return inventory.bytes()
    },
    inventoryDigest: description.inventoryDigest,
    packages: description.packages.length,
    files: description.files,
    quality: scoreDocument(document, 'cisa-2026'),
    description,
  }
}

/** The end of the year 9999: no format writes a later time. */
const latest = 253_402_300_799

/** The configuration's own time, which its digest covers; 0 where it has none. */
function createdOf(image: Image): number {
  const time = Date.parse(image.config.created ?? '')
  return Number.isNaN(time) || time < 0 || time > latest * 1000 ? 0 : Math.floor(time / 1000)
}
