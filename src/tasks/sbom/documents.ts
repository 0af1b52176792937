import type { InventoryDocument } from '../../image/inventory-document.ts'
import { roles, type Artifact } from '../../journal/event.ts'
import { formatFacts, sbomFormats, type SbomFormat } from '../../sbom/formats/names.ts'
import type { Described } from '../../sbom/scan.ts'
import { inventoryMediaType } from '../../statement/types.ts'

/** Name of the file inventory. */
export const inventoryFile = 'inventory.jsonl'
const modelFile = 'model.oms.json'

/** Names of the files that a description may give. */
export const documentFiles: readonly string[] = [
  ...sbomFormats.map((format) => formatFacts[format].file),
  inventoryFile,
  modelFile,
]

/** A document that a description gives. */
export interface DocumentKind {
  file: string
  role: Artifact['role']
  mediaType: string
  bytes: (described: Pick<Described, 'encode' | 'inventoryDocument'>) => Buffer | InventoryDocument
  /** Null for the inventory, which is always made. */
  format: SbomFormat | null
}

/** Documents of the formats that were asked for, in one order, and the inventory. Two versions of a format have different roles, so that `sign-attest` finds one of each. */
export function documentsOf(formats: readonly SbomFormat[]): DocumentKind[] {
  const kinds = sbomFormats
    .filter((format) => formats.includes(format))
    .map((format): DocumentKind => {
      const { file, mediaType } = formatFacts[format]
      return { file, role: roleOf(format, formats), mediaType, bytes: (described) => described.encode(format), format }
    })
  return [
    ...kinds,
    {
      file: inventoryFile,
      role: roles.inventory,
      mediaType: inventoryMediaType,
      bytes: ({ inventoryDocument }) => inventoryDocument,
      format: null,
    },
  ]
}

/** The signing manifest of a model or dataset, for a signer of models. */
export function signingManifest(bytes: Buffer): DocumentKind {
  return {
    file: modelFile,
    role: roles.modelManifest,
    mediaType: 'application/vnd.in-toto+json',
    bytes: () => bytes,
    format: null,
  }
}

/** CycloneDX 1.7 takes the place of 1.6 where that was not asked for: their statements have one type. */
function roleOf(format: SbomFormat, formats: readonly SbomFormat[]): Artifact['role'] {
  if (format === 'spdx-json') return roles.spdx
  if (format === 'spdx3-json') return roles.spdx3
  return format === 'cyclonedx-json' || !formats.includes('cyclonedx-json') ? roles.cyclonedx : roles.cyclonedx17
}
