import type { DocumentPackage, SbomDocument } from '../../../src/sbom/documents/model.ts'
import type { Side } from '../../../src/sbom/diff/types.ts'
import type { InventoryEntry } from '../../../src/image/types.ts'
import { inventoryBytes } from '../../../src/image/inventory.ts'
import { sha256 } from '../../../src/base/streams.ts'

/** A package with nothing known but its purl. */
export function pack(purl: string, more: Partial<DocumentPackage> = {}): DocumentPackage {
  const [, type = '', name = '', version] = /^pkg:([a-z]+)\/(?:.*\/)?([^/@?]+)(?:@([^?]+))?/.exec(purl) ?? []
  return {
    id: `id-${purl}`,
    type,
    kind: 'library',
    name,
    version: version ?? null,
    purl,
    cpes: [],
    identifiers: [],
    licence: null,
    licenceText: null,
    concluded: null,
    supplier: null,
    producer: null,
    homepage: null,
    checksums: [],
    locations: [],
    scope: null,
    dependencies: null,
    cataloger: null,
    references: [],
    properties: [],
    declaredUnknown: [],
    ...more,
  }
}

/** A document of an image, as our engine would say it. */
export function makeDocument(packages: DocumentPackage[], more: Partial<SbomDocument> = {}): SbomDocument {
  return {
    format: 'spdx-json',
    formatVersion: '2.3',
    name: 'image',
    uri: 'https://example.org/document',
    revision: null,
    identity: {
      id: 'root',
      name: 'image',
      version: null,
      type: 'container',
      purl: null,
      cpes: [],
      manifestDigest: null,
      configDigest: sha256('config'),
      diffIds: [sha256('layer')],
      platform: 'linux/amd64',
      checksums: [],
      licence: null,
      producer: null,
      references: [],
      dependencies: null,
    },
    engine: { name: 'sealwright', version: '0.1.0' },
    tools: [],
    catalogers: ['dpkg', 'npm'],
    lifecycle: 'analyzed',
    completeness: 'complete',
    gaps: [],
    authors: [],
    supplier: null,
    created: 0,
    packages,
    relationships: [],
    files: null,
    inventory: null,
    coverage: { unattributed: 0, executables: [], privileged: [], checked: 0, findings: [] },
    properties: [],
    ...more,
  }
}

/** One side with a document, an inventory, or both. */
export function side(document: SbomDocument | null, inventory: readonly InventoryEntry[] | null = null): Side {
  return {
    label: 'side',
    document,
    inventory,
    inventoryDigest: inventory === null ? null : sha256(inventoryBytes(inventory)),
    bytes: null,
    regenerated: false,
  }
}

/** A file of an inventory with its text as content. */
export function file(path: string, text = 'x', more: Partial<InventoryEntry> = {}): InventoryEntry {
  return { path, type: 'file', mode: 0o644, uid: 0, gid: 0, size: text.length, sha256: sha256(text), ...more }
}
