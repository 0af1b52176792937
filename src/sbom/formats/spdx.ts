import { sha256 } from '../../base/streams.ts'
import { version } from '../../base/version.ts'
import { packageKey, timestamp, uuid5 } from '../ids.ts'
import type { Description, FoundPackage, Party } from '../model.ts'

/** Name of the engine in the documents. */
export const engine = `sealwright-${version}`

/**
 * SPDX 2.3 JSON of an image, packages only: the files are a document of their own, named by its digest. Equal input gives equal bytes.
 * The image is bound by its configuration digest and diff ids, which encryption and recompression leave as they are.
 */
export function spdxDocument(description: Description): Buffer {
  const root = `SPDXRef-DocumentRoot-Image-${packageKey(description.configDigest)}`
  const ids = new Map(description.packages.map((found) => [found.purl, idOf(found)]))
  const relationships = [
    relation('SPDXRef-DOCUMENT', 'DESCRIBES', root),
    ...description.packages.flatMap((found) => [
      relation(root, 'CONTAINS', idOf(found)),
      ...(found.ownedBy === null ? [] : [relation(ids.get(found.ownedBy) ?? root, 'CONTAINS', idOf(found))]),
      ...found.dependsOn.flatMap((purl) =>
        ids.has(purl) ? [relation(idOf(found), 'DEPENDS_ON', ids.get(purl) as string)] : [],
      ),
    ]),
  ].sort(
    (a, b) =>
      order(a.spdxElementId, b.spdxElementId) ||
      order(a.relationshipType, b.relationshipType) ||
      order(a.relatedSpdxElement, b.relatedSpdxElement),
  )
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: description.name,
    documentNamespace: '',
    comment: comment(description),
    creationInfo: {
      created: timestamp(description.created),
      creators: ['Organization: Sealwright', `Tool: ${engine}`],
      comment: 'Analyzed',
    },
    packages: [rootPackage(description, root), ...description.packages.map(spdxPackage)],
    relationships,
  }
  // SPDX 2.3 clause 6.5.2 allows a namespace that is derived from the document itself.
  const digest = sha256(JSON.stringify(document))
  document.documentNamespace = `https://sealwright.dev/spdx/${encodeURIComponent(description.name)}-${uuid5(digest)}`
  return Buffer.from(`${JSON.stringify(document)}\n`)
}

function rootPackage(description: Description, id: string): object {
  const other = (type: string, locator: string): object => ({
    referenceCategory: 'OTHER',
    referenceType: `https://sealwright.dev/ref/${type}`,
    referenceLocator: locator,
  })
  return {
    name: description.name,
    SPDXID: id,
    versionInfo: description.configDigest,
    supplier: 'NOASSERTION',
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    checksums: [{ algorithm: 'SHA256', checksumValue: description.configDigest.slice(7) }],
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
    copyrightText: 'NOASSERTION',
    externalRefs: [
      other('config-digest', description.configDigest),
      // In the order of the layers.
      ...description.layers.map(({ diffId }) => other('diff-id', diffId)),
      other('inventory', description.inventoryDigest),
    ],
    primaryPackagePurpose: 'CONTAINER',
  }
}

function spdxPackage(found: FoundPackage): object {
  return {
    name: found.name,
    SPDXID: idOf(found),
    ...(found.version === null ? {} : { versionInfo: found.version }),
    supplier: party(found.supplier),
    originator: party(found.supplier),
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    ...(found.homepage === null ? {} : { homepage: found.homepage }),
    sourceInfo: `acquired package info from: ${found.locations.join(', ')}`,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: found.licence ?? 'NOASSERTION',
    ...(found.licenceText === null ? {} : { licenseComments: `declared in its metadata as: ${found.licenceText}` }),
    copyrightText: 'NOASSERTION',
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: found.purl }],
  }
}

function comment(description: Description): string {
  const lines = [
    `Platform: ${[description.platform.os, description.platform.architecture, description.platform.variant].filter(Boolean).join('/')}`,
    `Catalogers: ${description.catalogers.join(', ')}; other kinds of packages are not looked for`,
    `Files: ${description.files}, listed in the inventory ${description.inventoryDigest}; outside all packages: ${description.coverage.unattributed}`,
    ...description.gaps.map(({ path, kind, why }) => `Incomplete: ${path} (${kind}): ${why}`),
  ]
  return lines.join('\n')
}

function party(value: Party | null): string {
  if (value === null) return 'NOASSERTION'
  const kind = value.kind === 'person' ? 'Person' : 'Organization'
  return `${kind}: ${value.name}${value.email === undefined ? '' : ` (${value.email})`}`
}

function idOf(found: FoundPackage): string {
  return `SPDXRef-Package-${found.type}-${found.name.replace(/[^a-zA-Z0-9.-]+/g, '-').slice(0, 64)}-${packageKey(found.purl)}`
}

function relation(
  from: string,
  type: string,
  to: string,
): { spdxElementId: string; relationshipType: string; relatedSpdxElement: string } {
  return { spdxElementId: from, relationshipType: type, relatedSpdxElement: to }
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
