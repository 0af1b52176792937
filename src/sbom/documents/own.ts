import type { Digest } from '../../oci/types.ts'
import { version } from '../../base/version.ts'
import type { EngineFacts } from '../engines/types.ts'
import type { Description, FoundPackage } from '../model.ts'
import { packageKey } from '../ids.ts'
import { subjectIdentity, subjectProperties } from '../subjects/identity.ts'
import { modelIdentity, namedByCard } from './own-model.ts'
import type { Completeness, DocumentPackage, DocumentRelationship, SbomDocument } from './model.ts'

/** The subject's id in our documents. */
const rootId = 'root'

/**
 * A description in the neutral terms that the writers take. Equal descriptions give equal documents; nothing is invented: what the description
 * does not know stays null.
 */
export function ownDocument(description: Description): SbomDocument {
  const { packages, gaps, coverage, subject } = description
  const complete = edgeKinds(packages)
  const system = operatingSystem(description)
  const found = packages.map((item) => ownPackage(item, complete.has(item.cataloger) ? 'complete' : 'unknown'))
  const card = subject === undefined ? null : namedByCard(subject, rootId)
  return {
    format: 'spdx-json',
    formatVersion: '2.3',
    name: description.name,
    uri: null,
    revision: 1,
    identity: {
      ...imageIdentity(description),
      ...(subject === undefined ? {} : { ...subjectIdentity(subject), ...modelIdentity(subject) }),
    },
    engine: { name: 'sealwright', version },
    tools: [{ name: 'sealwright', version }, ...(description.engines ?? []).map(toolOf)],
    catalogers: description.catalogers,
    lifecycle: description.lifecycle ?? (subject?.lifecycle === 'pre-build' ? 'source' : 'analyzed'),
    // Files that no package owns may be software, too: that a list is complete is more than a pass over databases shows.
    completeness: gaps.length > 0 ? 'incomplete' : 'unknown',
    gaps,
    authors: description.author ? [description.author] : [],
    supplier: description.supplier ?? null,
    created: description.created,
    packages: [...system, ...found, ...(card?.packages ?? [])],
    relationships: [...relationships(packages, system), ...(card?.relationships ?? [])],
    files: null,
    inventory: description.inventoryDigest,
    coverage,
    properties: [
      ['files', String(description.files)],
      ...unknownParties(description),
      ...(subject === undefined ? [] : subjectProperties(subject)),
    ],
  }
}

/** A program without a version of its own is told apart by its bytes. */
function toolOf({ name, version: own, sha256 }: EngineFacts): SbomDocument['tools'][number] {
  return { name, version: own ?? `sha256:${sha256}` }
}

function imageIdentity({
  name,
  configDigest,
  layers,
  platform,
  gaps,
  supplier,
  subjectType,
}: Description): SbomDocument['identity'] {
  return {
    id: rootId,
    name,
    version: configDigest,
    type: subjectType ?? 'container',
    purl: null,
    cpes: [],
    manifestDigest: null,
    configDigest,
    diffIds: layers.map(({ diffId }) => diffId),
    platform: [platform.os, platform.architecture, platform.variant].filter(Boolean).join('/'),
    checksums: [{ algorithm: 'SHA-256', value: hexOf(configDigest) }],
    licence: null,
    producer: supplier ?? null,
    references: [],
    dependencies: gaps.length > 0 ? 'incomplete' : 'unknown',
  }
}

/** Our document as it is for other parties, which an image does not name: of a document that is compared with it. */
export function withParties(document: SbomDocument, { authors, supplier }: PartiesOfDocument): SbomDocument {
  const [author] = authors
  const others = document.properties.filter(([name]) => name !== 'unknown')
  const unknown = unknownParties({ author, supplier })
  return { ...document, authors, supplier, properties: [...others.slice(0, 1), ...unknown, ...others.slice(1)] }
}
type PartiesOfDocument = Pick<SbomDocument, 'authors' | 'supplier'>

/** Who makes the document and who supplies the subject, where nobody said it. */
function unknownParties({ author, supplier }: Pick<Description, 'author' | 'supplier'>): [string, string][] {
  return [
    ...(author ? [] : [['unknown', 'author'] satisfies [string, string]]),
    ...(supplier ? [] : [['unknown', 'supplier'] satisfies [string, string]]),
  ]
}

/** Catalogers that know what depends on what: those that gave an edge. What has no edges is a leaf for them, and unknown for all others. */
function edgeKinds(packages: readonly FoundPackage[]): ReadonlySet<string> {
  return new Set(packages.filter(({ dependsOn }) => dependsOn.length > 0).map(({ cataloger }) => cataloger))
}

function ownPackage(found: FoundPackage, dependencies: Completeness): DocumentPackage {
  return {
    id: ownId(found),
    type: found.type,
    kind: found.type === 'model' ? 'machine-learning-model' : 'library',
    name: found.name,
    version: found.version,
    purl: found.purl,
    cpes: [],
    identifiers: [],
    licence: found.licence,
    licenceText: found.licenceText,
    concluded: null,
    supplier: found.supplier,
    producer: found.supplier,
    homepage: found.homepage,
    checksums: found.checksums ?? [],
    locations: found.locations,
    scope: found.scope ?? null,
    dependencies,
    cataloger: found.cataloger,
    references: [],
    properties: found.properties ?? [],
    declaredUnknown: unknownOf(found),
  }
}

/** Elements of CISA's list that a package's metadata does not hold. */
function unknownOf(found: FoundPackage): string[] {
  const unknown = []
  if (found.version === null) unknown.push('version')
  if (found.supplier === null) unknown.push('supplier')
  if (found.licence === null && found.licenceText === null) unknown.push('licence')
  if ((found.checksums ?? []).length === 0) unknown.push('checksums')
  return unknown.sort()
}

function operatingSystem({ os }: Description): DocumentPackage[] {
  if (os === null) return []
  return [
    {
      id: `os-${packageKey(`${os.id}@${os.versionId}`)}`,
      type: 'operating-system',
      kind: 'operating-system',
      name: os.id,
      version: os.versionId === '' ? null : os.versionId,
      purl: null,
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
      dependencies: 'unknown',
      cataloger: null,
      references: [],
      properties: [['description', os.prettyName]],
      declaredUnknown: ['checksums', 'licence', 'supplier', ...(os.versionId === '' ? ['version'] : [])],
    },
  ]
}

function relationships(packages: readonly FoundPackage[], system: readonly DocumentPackage[]): DocumentRelationship[] {
  const ids = new Map(packages.map((found) => [found.purl, ownId(found)]))
  const edges: DocumentRelationship[] = system.map(({ id }) => ({ from: rootId, type: 'contains', to: id }))
  for (const found of packages) {
    const id = ownId(found)
    edges.push({ from: rootId, type: 'contains', to: id })
    const owner = found.ownedBy === null ? undefined : ids.get(found.ownedBy)
    if (owner === undefined) edges.push({ from: rootId, type: 'depends-on', to: id })
    else edges.push({ from: owner, type: 'contains', to: id })
    for (const purl of found.dependsOn) {
      const to = ids.get(purl)
      if (to !== undefined) edges.push({ from: id, type: 'depends-on', to })
    }
  }
  return edges
}

function ownId(found: FoundPackage): string {
  return `${found.type}-${packageKey(found.purl)}`
}

function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}
