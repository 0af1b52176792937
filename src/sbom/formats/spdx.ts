import { table } from '../../base/table.ts'
import { version } from '../../base/version.ts'
import type {
  DocumentFile,
  DocumentIdentity,
  DocumentPackage,
  DocumentReference,
  SbomDocument,
} from '../documents/model.ts'
import { spdxParty } from '../documents/values.ts'
import { timestamp } from '../ids.ts'
import type { Checksum, Party } from '../model.ts'
import type { Writing } from './encode.ts'
import { descriptionOf, documentFacts, makers, packageFacts, referenceFacts, title } from './facts.ts'
import { order } from './order.ts'
import { documentParties, packageParties } from './parties.ts'

/** Name of the engine in the documents. */
export const engine = `sealwright-${version}`

/** Namespace of the references that only our documents have. */
const own = 'https://sealwright.dev/ref/'

const contexts = {
  design: 'Design',
  source: 'Source',
  build: 'Build',
  analyzed: 'Analyzed',
  deployed: 'Deployed',
  runtime: 'Runtime',
  other: 'Other',
} as const

const purposes: Readonly<Record<string, string>> = table({
  application: 'APPLICATION',
  framework: 'FRAMEWORK',
  library: 'LIBRARY',
  container: 'CONTAINER',
  'operating-system': 'OPERATING_SYSTEM',
  device: 'DEVICE',
  firmware: 'FIRMWARE',
  source: 'SOURCE',
  file: 'FILE',
})

/**
 * SPDX 2.3 JSON, packages only unless the document lists files. The image is bound by its configuration digest and diff ids, which encryption and
 * recompression leave as they are.
 */
export function spdx({ document, uuid, ids }: Writing): object {
  const { identity, created, authors } = document
  const name = identity.name ?? document.name ?? 'unknown'
  const root = `SPDXRef-DocumentRoot-${readable(name)}`
  const files = document.files?.filter(hasChecksum) ?? null
  const left = new Set(document.files?.filter((file) => !hasChecksum(file)).map(({ id }) => id))
  const idOf = (id: string): string | undefined => {
    if (id === identity.id) return root
    if (left.has(id)) return undefined
    const written = ids.get(id)
    return written === undefined ? undefined : `SPDXRef-${written}`
  }
  const date = timestamp(created ?? 0)
  const annotator = `Tool: ${engine}`
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: document.name ?? name,
    documentNamespace: `https://sealwright.dev/spdx/${encodeURIComponent(name.toWellFormed())}-${uuid}`,
    comment: comment(document),
    creationInfo: {
      created: date,
      creators: [...authors.map(party), ...makers(document).map((tool) => `Tool: ${title(tool)}`)],
      ...(document.lifecycle === null ? {} : { comment: contexts[document.lifecycle] }),
    },
    packages: [rootPackage(document, root), ...document.packages.map((item) => spdxPackage(item, idOf))],
    ...filesOf(files, idOf),
    relationships: relationships(document, root, idOf),
    annotations: [...documentFacts(document), ...documentParties(document, asHeld), ...dependenciesOf(identity)].map(
      ([fact, value]) => ({
        annotationDate: date,
        annotationType: 'OTHER',
        annotator,
        comment: `${fact}=${value}`,
      }),
    ),
  }
}

function dependenciesOf({ dependencies }: DocumentIdentity): [string, string][] {
  return dependencies === null ? [] : [['sealwright:dependencies', dependencies]]
}

type IdOf = (id: string) => string | undefined

function rootPackage(document: SbomDocument, id: string): object {
  const { identity, inventory } = document
  const other = (type: string, locator: string): object => ({
    referenceCategory: 'OTHER',
    referenceType: `${own}${type}`,
    referenceLocator: locator,
  })
  return {
    name: identity.name ?? document.name ?? 'unknown',
    SPDXID: id,
    ...(identity.version === null ? {} : { versionInfo: identity.version }),
    supplier: party(document.supplier),
    originator: party(identity.producer),
    downloadLocation: download(identity.references),
    filesAnalyzed: false,
    ...checksums(identity.checksums),
    licenseConcluded: identity.concluded ?? 'NOASSERTION',
    licenseDeclared: identity.licence ?? 'NOASSERTION',
    copyrightText: 'NOASSERTION',
    ...factComment(referenceFacts(identity.references)),
    externalRefs: [
      ...(identity.purl === null ? [] : [purlReference(identity.purl)]),
      ...identity.cpes.map(cpeReference),
      ...(identity.configDigest === null ? [] : [other('config-digest', identity.configDigest)]),
      // In the order of the layers.
      ...identity.diffIds.map((diffId) => other('diff-id', diffId)),
      ...(inventory === null ? [] : [other('inventory', inventory)]),
    ],
    ...purpose(identity),
  }
}

function spdxPackage(item: DocumentPackage, idOf: IdOf): object {
  const description = descriptionOf(item)
  const facts: [string, string][] = [
    ...packageFacts(item),
    ...packageParties(item, asHeld),
    ...(item.dependencies === null ? [] : [['sealwright:dependencies', item.dependencies] satisfies [string, string]]),
    ...item.identifiers.map(([name, value]): [string, string] => ['sealwright:identifier', `${name}=${value}`]),
    ...referenceFacts(item.references),
  ]
  return {
    name: item.name,
    SPDXID: idOf(item.id),
    ...(item.version === null ? {} : { versionInfo: item.version }),
    supplier: party(item.supplier),
    originator: party(item.producer),
    downloadLocation: download(item.references),
    filesAnalyzed: false,
    ...checksums(item.checksums),
    ...(item.homepage === null ? {} : { homepage: item.homepage }),
    ...(item.locations.length === 0
      ? {}
      : { sourceInfo: `acquired package info from: ${item.locations.map(escapePath).join(', ')}` }),
    licenseConcluded: item.concluded ?? 'NOASSERTION',
    licenseDeclared: item.licence ?? 'NOASSERTION',
    ...(item.licenceText === null ? {} : { licenseComments: `declared in its metadata as: ${item.licenceText}` }),
    copyrightText: 'NOASSERTION',
    ...(description === null ? {} : { description }),
    ...factComment(facts),
    externalRefs: [...(item.purl === null ? [] : [purlReference(item.purl)]), ...item.cpes.map(cpeReference)],
    ...purpose({ type: item.kind }),
  }
}

function factComment(facts: readonly [string, string][]): object {
  if (facts.length === 0) return {}
  return { comment: facts.map(([name, value]) => `${name}=${escapeLine(value)}`).join('\n') }
}

function cpeReference(cpe: string): object {
  return {
    referenceCategory: 'SECURITY',
    referenceType: cpe.startsWith('cpe:2.3:') ? 'cpe23Type' : 'cpe22Type',
    referenceLocator: cpe,
  }
}

function purlReference(purl: string): object {
  return { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }
}

/** SPDX 2.3 has no files without a checksum. */
function hasChecksum({ checksums: sums }: DocumentFile): boolean {
  return sums.length > 0
}

function filesOf(listed: readonly DocumentFile[] | null, idOf: IdOf): object {
  if (listed === null) return {}
  return {
    files: listed.map(({ id, path, checksums: sums }) => ({
      fileName: `./${path}`,
      SPDXID: idOf(id),
      ...checksums(sums),
      licenseConcluded: 'NOASSERTION',
      copyrightText: 'NOASSERTION',
    })),
  }
}

const words = {
  contains: 'CONTAINS',
  'depends-on': 'DEPENDS_ON',
  'generated-from': 'GENERATED_FROM',
  other: 'OTHER',
} as const

function relationships(document: SbomDocument, root: string, idOf: IdOf): object[] {
  const edges = document.relationships.flatMap(({ from, type, to, detail }) => {
    const [source, target] = [idOf(from), idOf(to)]
    if (source === undefined || target === undefined) return []
    return [{ source, word: words[type], target, detail }]
  })
  edges.sort(
    (a, b) =>
      order(a.source, b.source) ||
      order(a.word, b.word) ||
      order(a.target, b.target) ||
      order(a.detail ?? '', b.detail ?? ''),
  )
  return [{ source: 'SPDXRef-DOCUMENT', word: 'DESCRIBES', target: root, detail: undefined }, ...edges].map(
    ({ source, word, target, detail }) => ({
      spdxElementId: source,
      relationshipType: word,
      relatedSpdxElement: target,
      ...(detail === undefined ? {} : { comment: detail }),
    }),
  )
}

/** What people read; the annotations hold the same for programs. */
function comment(document: SbomDocument): string {
  const { identity, catalogers, coverage, gaps, inventory } = document
  const lines = [
    ...(identity.platform === null ? [] : [`Platform: ${identity.platform}`]),
    ...(catalogers === null
      ? []
      : [`Catalogers: ${catalogers.join(', ') || 'none'}; other kinds of packages are not looked for`]),
    ...(inventory === null ? [] : [`Every file is listed in the inventory ${inventory}`]),
    ...(coverage === null
      ? []
      : [
          `Files that no package owns: ${coverage.unattributed}, of which executable: ${coverage.executables.length}`,
          `Packaged files that differ from their package's checksum or are missing: ${coverage.findings.length} of ${coverage.checked} compared`,
        ]),
    `Completeness of the list of packages: ${document.completeness}`,
    ...gaps.map(({ path, kind, why }) => `Incomplete: ${path} (${kind}): ${escapeLine(why)}`),
  ]
  return lines.join('\n')
}

function purpose({ type }: Pick<DocumentIdentity, 'type'>): object {
  const word = type === null ? undefined : purposes[type]
  return word === undefined ? {} : { primaryPackagePurpose: word }
}

function checksums(items: readonly Checksum[]): object {
  if (items.length === 0) return {}
  return {
    checksums: items.map(({ algorithm, value }) => ({
      algorithm: algorithm.replace('SHA-', 'SHA'),
      checksumValue: value,
    })),
  }
}

function download(references: readonly DocumentReference[]): string {
  return references.find(({ type }) => type === 'distribution')?.url ?? 'NOASSERTION'
}

function party(value: Party | null): string {
  if (value === null) return 'NOASSERTION'
  const kind = value.kind === 'person' ? 'Person' : 'Organization'
  const address = value.email ?? value.url
  return `${kind}: ${value.name}${address === undefined ? '' : ` (${address})`}`
}

/** A line has room for one address. */
function asHeld(value: Party): Party | null {
  return spdxParty(party(value))
}

function readable(name: string): string {
  return name.replace(/[^a-zA-Z0-9.-]+/g, '-')
}

/** Paths stand in one line, parted by commas. */
function escapePath(path: string): string {
  return escapeLine(path).replaceAll(',', '\\,')
}

function escapeLine(text: string): string {
  return text.replace(/[\\\n\r]/g, (c) => (c === '\\' ? '\\\\' : c === '\n' ? '\\n' : '\\r'))
}
