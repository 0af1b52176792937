import { table } from '../../base/table.ts'
import type { JsonObject } from '../../base/json.ts'
import { emptyDocument, emptyItem } from './empty.ts'
import { object, objects, secondsOf, text, texts } from './members.ts'
import type { DocumentIdentity, DocumentPackage, DocumentRelationship, Lifecycle, SbomDocument } from './model.ts'
import { takeDocumentFacts, takePackageFacts } from './own-facts.ts'
import { checksumOf, digestIn, digestOf, manifestDigestOf, relativePath, setPurl, spdxParty, toolOf } from './values.ts'

const own = 'https://sealwright.dev/ref/'
const documentId = 'SPDXRef-DOCUMENT'

const lifecycles: Readonly<Record<string, Lifecycle>> = table({
  Design: 'design',
  Source: 'source',
  Build: 'build',
  Analyzed: 'analyzed',
  Deployed: 'deployed',
  Runtime: 'runtime',
})

/** Relationships in the direction of the model; `true` turns the edge around. */
const edges: Readonly<Record<string, readonly [DocumentRelationship['type'], turned: boolean]>> = table({
  CONTAINS: ['contains', false],
  CONTAINED_BY: ['contains', true],
  DEPENDS_ON: ['depends-on', false],
  DEPENDENCY_OF: ['depends-on', true],
  RUNTIME_DEPENDENCY_OF: ['depends-on', true],
  DEV_DEPENDENCY_OF: ['depends-on', true],
  BUILD_DEPENDENCY_OF: ['depends-on', true],
  OPTIONAL_DEPENDENCY_OF: ['depends-on', true],
  PROVIDED_DEPENDENCY_OF: ['depends-on', true],
  TEST_DEPENDENCY_OF: ['depends-on', true],
  GENERATED_FROM: ['generated-from', false],
  GENERATES: ['generated-from', true],
})
/** Kinds of dependency that the model keeps in words. */
const plain = new Set(['CONTAINS', 'CONTAINED_BY', 'DEPENDS_ON', 'DEPENDENCY_OF', 'GENERATED_FROM', 'GENERATES'])

/** SPDX 2.x as JSON has it (tag-value is brought into this form before); its schema was checked. */
export function readSpdx2(source: JsonObject, format: 'spdx-json' | 'spdx-tag-value'): SbomDocument {
  const document = emptyDocument(format, (text(source, 'spdxVersion') ?? '').replace(/^SPDX-/, ''))
  const creation = object(source, 'creationInfo')
  document.name = text(source, 'name')
  document.uri = text(source, 'documentNamespace')
  document.created = secondsOf(text(creation, 'created'))
  document.lifecycle = lifecycles[text(creation, 'comment')?.trim() ?? ''] ?? null
  for (const creator of texts(creation, 'creators')) {
    const party = spdxParty(creator)
    if (party !== null) document.authors.push(party)
    else if (/^Tool:\s*\S/.test(creator)) document.tools.push(toolOf(creator.slice(5).trim()))
  }
  document.engine = document.tools[0] ?? null
  takeDocumentFacts(document, objects(source, 'annotations').flatMap(factsOf))

  const packages = objects(source, 'packages')
  const root = rootOf(source, packages)
  for (const item of packages) {
    if (text(item, 'SPDXID') === root) readRoot(item, document)
    else document.packages.push(readPackage(item))
  }
  readFiles(source, document, root)
  document.identity.id = root
  document.relationships = relationships(source, document)
  if (document.identity.name === null) document.identity.name = document.name
  return document
}

/** The one element that the document describes; null where it describes none or several. */
function rootOf(source: JsonObject, packages: readonly JsonObject[]): string | null {
  const described = new Set(texts(source, 'documentDescribes'))
  for (const edge of objects(source, 'relationships')) {
    const [from, type, to] = edgeOf(edge)
    if (type === 'DESCRIBES' && from === documentId) described.add(to)
    if (type === 'DESCRIBED_BY' && to === documentId) described.add(from)
  }
  const known = [...described].filter((id) => packages.some((item) => text(item, 'SPDXID') === id))
  return known.length === 1 ? (known[0] ?? null) : null
}

function edgeOf(edge: JsonObject): [from: string, type: string, to: string] {
  return [
    text(edge, 'spdxElementId') ?? '',
    text(edge, 'relationshipType') ?? '',
    text(edge, 'relatedSpdxElement') ?? '',
  ]
}

function readRoot(source: JsonObject, document: SbomDocument): void {
  const item = readPackage(source)
  const { identity } = document
  identity.name = item.name
  identity.version = item.version
  identity.type = item.kind
  identity.purl = item.purl
  identity.cpes = item.cpes
  identity.checksums = item.checksums
  identity.licence = item.licence
  if (item.concluded !== null) identity.concluded = item.concluded
  identity.producer = item.producer
  identity.references = item.references
  document.supplier = item.supplier
  const refs = objects(source, 'externalRefs')
  const locators = (type: string): string[] =>
    refs.flatMap((ref) => (text(ref, 'referenceType') === type ? [text(ref, 'referenceLocator') ?? ''] : []))
  // Annotations say the same; the references are what documents of older versions of ours have.
  identity.configDigest ??= digestOf(locators(`${own}config-digest`)[0] ?? null)
  if (identity.diffIds.length === 0)
    identity.diffIds = locators(`${own}diff-id`).flatMap((value) => digestOf(value) ?? [])
  document.inventory ??= digestOf(locators(`${own}inventory`)[0] ?? null)
  readTrivy(source, identity)
  if (identity.configDigest !== null) return
  identity.manifestDigest ??= manifestDigestOf(identity)
}

/** Trivy writes facts of the image as attribution texts or annotations: `DiffID: sha256:…`. */
function readTrivy(source: JsonObject, identity: DocumentIdentity): void {
  const lines = [
    ...texts(source, 'attributionTexts'),
    ...objects(source, 'annotations').flatMap((item) => text(item, 'comment') ?? []),
  ]
  for (const line of lines) {
    const [, name, value] = /^(ImageID|DiffID|RepoDigest):\s*(\S+)$/.exec(line) ?? []
    if (name === 'ImageID') identity.configDigest ??= digestOf(value ?? null)
    if (name === 'RepoDigest') identity.manifestDigest ??= digestIn(value ?? null)
    const diffId = name === 'DiffID' ? digestOf(value ?? null) : null
    if (diffId !== null) identity.diffIds.push(diffId)
  }
}

function readPackage(source: JsonObject): DocumentPackage {
  const item = emptyItem(text(source, 'SPDXID') ?? '', text(source, 'name') ?? '')
  item.version = text(source, 'versionInfo')
  item.kind = text(source, 'primaryPackagePurpose')?.toLowerCase().replaceAll('_', '-') ?? null
  for (const ref of objects(source, 'externalRefs')) {
    const [type, locator] = [text(ref, 'referenceType') ?? '', text(ref, 'referenceLocator') ?? '']
    if (type === 'purl' && item.purl === null) setPurl(item, locator)
    else if (/^(?:.*\/)?cpe2[23]Type$/.test(type)) item.cpes.push(locator)
    else if (/^(?:swh|swid|gitoid)$/.test(type)) item.identifiers.push([type, locator])
  }
  item.supplier = spdxParty(text(source, 'supplier'))
  item.producer = spdxParty(text(source, 'originator'))
  item.licence = licenceOf(text(source, 'licenseDeclared'))
  item.concluded = licenceOf(text(source, 'licenseConcluded'))
  item.licenceText = /^declared in its metadata as: ([\s\S]*)$/.exec(text(source, 'licenseComments') ?? '')?.[1] ?? null
  item.homepage = licenceOf(text(source, 'homepage'))
  item.checksums = checksumsOf(source)
  item.locations = locationsOf(text(source, 'sourceInfo'))
  const download = licenceOf(text(source, 'downloadLocation'))
  const fileName = text(source, 'packageFileName')
  if (fileName !== null) item.properties.push(['filename', fileName])
  const description = text(source, 'description')
  if (description !== null) item.properties.push(['description', description])
  const facts = [...commentFacts(text(source, 'comment')), ...objects(source, 'annotations').flatMap(factsOf)]
  takePackageFacts(item, facts)
  if (download !== null && !item.references.some(({ url }) => url === download))
    item.references.push({ type: 'distribution', url: download, checksums: [] })
  item.type ??= item.kind
  for (const [member, element] of [
    ['supplier', 'supplier'],
    ['licenseDeclared', 'licence'],
    ['versionInfo', 'version'],
  ] as const) {
    const known = element === 'licence' && item.licenceText !== null
    if (text(source, member) === 'NOASSERTION' && !known && !item.declaredUnknown.includes(element))
      item.declaredUnknown.push(element)
  }
  if (item.version === 'NOASSERTION') item.version = null
  item.declaredUnknown.sort()
  return item
}

/** Null for the words that stand for "nothing is said". */
function licenceOf(value: string | null): string | null {
  return value === null || ['', 'NOASSERTION', 'NONE'].includes(value) ? null : value
}

function checksumsOf(source: JsonObject): DocumentPackage['checksums'] {
  return objects(source, 'checksums').flatMap(
    (sum) => checksumOf(text(sum, 'algorithm'), text(sum, 'checksumValue')) ?? [],
  )
}

/** Where a package was found: `acquired package info from …: /a, /b`, parted by commas that no backslash stands before. */
function locationsOf(info: string | null): string[] {
  const found = /^acquired package info from[^:]*:\s*([\s\S]*)$/.exec(info ?? '')?.[1]
  if (found === undefined || found === '') return []
  return [...found.matchAll(/(?:\\[\s\S]|,(?! )|[^\\,])+/g)]
    .map(([path]) => relativePath(unescape(path.trimStart())))
    .sort()
}

/** Lines `name=value` of a comment that our writer made. */
function commentFacts(comment: string | null): [string, string][] {
  return (comment ?? '').split('\n').flatMap((line): [string, string][] => {
    const equals = line.indexOf('=')
    return equals > 0 && /^[\w.-]+:[^\s=]+$/.test(line.slice(0, equals))
      ? [[line.slice(0, equals), unescape(line.slice(equals + 1))]]
      : []
  })
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, (_whole, c: string) => (c === 'n' ? '\n' : c === 'r' ? '\r' : c))
}

/** An annotation `sealwright:NAME=VALUE`; annotations of others say nothing that the model has. */
function factsOf(annotation: JsonObject): [string, string][] {
  const comment = text(annotation, 'comment') ?? ''
  const equals = comment.indexOf('=')
  return equals > 0 && /^[\w.-]+:[^\s=]+$/.test(comment.slice(0, equals))
    ? [[comment.slice(0, equals), comment.slice(equals + 1)]]
    : []
}

function readFiles(source: JsonObject, document: SbomDocument, root: string | null): void {
  if (source['files'] === undefined) return
  document.files = objects(source, 'files').flatMap((file) => {
    const id = text(file, 'SPDXID') ?? ''
    return id === root ? [] : [{ id, path: relativePath(text(file, 'fileName') ?? ''), checksums: checksumsOf(file) }]
  })
}

function relationships(source: JsonObject, document: SbomDocument): DocumentRelationship[] {
  const states = new Map<string, { dependencies: DocumentPackage['dependencies'] }>(
    document.packages.map((item) => [item.id, item]),
  )
  if (document.identity.id !== null) states.set(document.identity.id, document.identity)
  const found: DocumentRelationship[] = []
  for (const edge of objects(source, 'relationships')) {
    const [from, type, to] = edgeOf(edge)
    if (type === 'DESCRIBES' || type === 'DESCRIBED_BY') continue
    const [word, turned] = edges[type] ?? ['other', false]
    if (to === 'NONE' || to === 'NOASSERTION') {
      // What depends on nothing is said to be complete; NOASSERTION says that nobody knows.
      const state = states.get(from)
      if (state !== undefined && word === 'depends-on') state.dependencies ??= to === 'NONE' ? 'complete' : 'unknown'
      continue
    }
    const detail = type === 'OTHER' ? (text(edge, 'comment') ?? type) : plain.has(type) ? undefined : type
    found.push({
      from: turned ? to : from,
      type: word,
      to: turned ? from : to,
      ...(detail === undefined ? {} : { detail }),
    })
  }
  for (const item of objects(source, 'packages')) {
    for (const file of texts(item, 'hasFiles'))
      found.push({ from: text(item, 'SPDXID') ?? '', type: 'contains', to: file })
  }
  return found
}
