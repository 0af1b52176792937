import { roles, type Artifact } from '../../journal/event.ts'
import type { Described } from '../../sbom/scan.ts'
import { inventoryMediaType } from '../../statement/types.ts'

export const sbomFormats = ['spdx-json', 'cyclonedx-json'] as const
export type SbomFormat = (typeof sbomFormats)[number]

export const documentFiles = ['sbom.spdx.json', 'sbom.cdx.json', 'inventory.jsonl', 'model.oms.json'] as const
export type DocumentFile = (typeof documentFiles)[number]

/** A document that a description gives. */
export interface DocumentKind {
  file: DocumentFile
  role: Artifact['role']
  mediaType: string
  bytes: (described: Pick<Described, 'spdx' | 'cyclonedx' | 'inventory'>) => Buffer
  /** Null for the inventory, which is always made. */
  format: SbomFormat | null
}

export const documents: readonly DocumentKind[] = [
  {
    file: 'sbom.spdx.json',
    role: roles.spdx,
    mediaType: 'application/spdx+json',
    bytes: ({ spdx }) => spdx,
    format: 'spdx-json',
  },
  {
    file: 'sbom.cdx.json',
    role: roles.cyclonedx,
    mediaType: 'application/vnd.cyclonedx+json',
    bytes: ({ cyclonedx }) => cyclonedx,
    format: 'cyclonedx-json',
  },
  {
    file: 'inventory.jsonl',
    role: roles.inventory,
    mediaType: inventoryMediaType,
    bytes: ({ inventory }) => inventory,
    format: null,
  },
]
