import { table } from '../../base/table.ts'
import type { JsonObject } from '../../base/json.ts'
import { emptyDocument, emptyItem } from './empty.ts'
import { number, object, objects, secondsOf, text, texts } from './members.ts'
import type {
  Completeness,
  DocumentPackage,
  DocumentReference,
  DocumentTool,
  Lifecycle,
  SbomDocument,
} from './model.ts'
import { takeDocumentFacts, takePackageFacts } from './own-facts.ts'
import type { Party } from '../model.ts'
import { checksumOf, digestIn, digestOf, manifestDigestOf, relativePath, setPurl } from './values.ts'

const lifecycles: Readonly<Record<string, Lifecycle>> = table({
  design: 'design',
  'pre-build': 'source',
  build: 'build',
  'post-build': 'analyzed',
  operations: 'deployed',
  discovery: 'runtime',
  decommission: 'other',
})

/** CycloneDX JSON; its schema was checked. */
export function readCyclonedx(source: JsonObject): SbomDocument {
  const document = emptyDocument('cyclonedx-json', text(source, 'specVersion') ?? '')
  const metadata = object(source, 'metadata')
  document.uri = text(source, 'serialNumber')
  document.revision = number(source, 'version')
  document.created = secondsOf(text(metadata, 'timestamp'))
  document.tools = toolsOf(metadata)
  document.engine = document.tools[0] ?? null
  const [phase] = objects(metadata, 'lifecycles')
  if (phase !== undefined) document.lifecycle = lifecycles[text(phase, 'phase') ?? ''] ?? 'other'
  document.authors = authorsOf(metadata)
  document.supplier = entityOf(object(metadata, 'supplier'))
  takeDocumentFacts(document, propertiesOf(metadata))
  readRoot(object(metadata, 'component'), document)
  readComponents(objects(source, 'components'), document, document.identity.id)
  for (const edge of objects(source, 'dependencies')) {
    const from = text(edge, 'ref') ?? ''
    for (const to of texts(edge, 'dependsOn')) document.relationships.push({ from, type: 'depends-on', to })
    for (const to of texts(edge, 'provides'))
      document.relationships.push({ from, type: 'other', to, detail: 'provides' })
  }
  readCompositions(objects(source, 'compositions'), document)
  document.name ??= document.identity.name
  return document
}

function toolsOf(metadata: JsonObject | undefined): DocumentTool[] {
  const modern = object(metadata, 'tools')
  const listed =
    modern === undefined
      ? objects(metadata, 'tools')
      : [...objects(modern, 'components'), ...objects(modern, 'services')]
  return listed.map((tool) => ({ name: text(tool, 'name') ?? '', version: text(tool, 'version') }))
}

function authorsOf(metadata: JsonObject | undefined): Party[] {
  const people = objects(metadata, 'authors').flatMap(contactOf)
  const organization = entityOf(object(metadata, 'manufacturer') ?? object(metadata, 'manufacture'))
  return organization === null ? people : [...people, organization]
}

function contactOf(contact: JsonObject): Party[] {
  const [name, email] = [text(contact, 'name'), text(contact, 'email')]
  if (name === null && email === null) return []
  return [{ kind: 'person', name: name ?? email ?? '', ...(email === null ? {} : { email }) }]
}

/** An entity whose contact has its own name is a person, as our writer has it. */
function entityOf(entity: JsonObject | undefined): Party | null {
  if (entity === undefined) return null
  const [contact] = objects(entity, 'contact')
  const [name, email, url] = [text(entity, 'name'), text(contact, 'email'), texts(entity, 'url')[0]]
  const known = name ?? text(contact, 'name') ?? email ?? url
  if (known === undefined || known === null) return null
  return {
    kind: contact !== undefined && name !== null && text(contact, 'name') === name ? 'person' : 'organization',
    name: known,
    ...(email === null ? {} : { email }),
    ...(url === undefined ? {} : { url }),
  }
}

function propertiesOf(holder: JsonObject | undefined): [string, string][] {
  return objects(holder, 'properties').map((property) => [text(property, 'name') ?? '', text(property, 'value') ?? ''])
}

function readRoot(source: JsonObject | undefined, document: SbomDocument): void {
  if (source === undefined) return
  const { identity } = document
  const { item } = readComponent(source, 0)
  // A root without a ref cannot be named by an edge; the document still has a subject.
  identity.id = text(source, 'bom-ref') ?? 'metadata.component'
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
  document.supplier ??= item.supplier
  document.properties.push(
    ...item.properties.filter(([name]) => !name.startsWith('aquasecurity:') && name !== 'description'),
  )
  for (const [name, value] of item.properties) {
    if (name === 'aquasecurity:trivy:ImageID') identity.configDigest ??= digestOf(value)
    if (name === 'aquasecurity:trivy:RepoDigest') identity.manifestDigest ??= digestIn(value)
    const diffId = name === 'aquasecurity:trivy:DiffID' ? digestOf(value) : null
    if (diffId !== null) identity.diffIds.push(diffId)
  }
  readComponents(objects(source, 'components'), document, identity.id)
  readModel(source, document, identity.id)
  if (identity.configDigest === null) identity.manifestDigest ??= manifestDigestOf(identity)
}

/** A model card's parameters, the datasets that it names or holds, and the models that it was made from. */
function readModel(source: JsonObject, document: SbomDocument, root: string): void {
  const related = (to: string, detail: string): void =>
    void document.relationships.push({ from: root, type: 'other', to, detail })
  for (const ancestor of objects(object(source, 'pedigree'), 'ancestors')) {
    const { item } = readComponent(ancestor, document.packages.length)
    document.packages.push(item)
    related(item.id, 'descendantOf')
  }
  const parameters = object(object(source, 'modelCard'), 'modelParameters')
  if (parameters === undefined) return
  const [task, family, architecture] = ['task', 'architectureFamily', 'modelArchitecture'].map((name) =>
    text(parameters, name),
  )
  // Facts of our own documents hold the same and more.
  if (task || family || architecture) {
    document.identity.model ??= {
      ...(architecture ? { architecture } : {}),
      ...(family ? { family } : {}),
      ...(task ? { task } : {}),
      properties: [],
    }
  }
  for (const dataset of objects(parameters, 'datasets')) {
    const ref = text(dataset, 'ref')
    if (ref !== null) {
      related(ref, 'trainedOn')
      continue
    }
    const item = emptyItem(text(dataset, 'bom-ref') ?? `data-${document.packages.length}`, text(dataset, 'name') ?? '')
    item.kind = 'data'
    item.type = text(dataset, 'type')
    document.packages.push(item)
    related(item.id, 'trainedOn')
  }
}

/** Components and those within them; what has no ref gets one by its place. */
function readComponents(list: readonly JsonObject[], document: SbomDocument, parent: string | null): void {
  for (const source of list) {
    if (text(source, 'type') === 'file') {
      const id = text(source, 'bom-ref') ?? `file-${document.files?.length ?? 0}`
      document.files ??= []
      document.files.push({ id, path: relativePath(text(source, 'name') ?? ''), checksums: checksumsOf(source) })
      if (parent !== null && parent !== document.identity.id)
        document.relationships.push({ from: parent, type: 'contains', to: id })
      continue
    }
    const { item, owners } = readComponent(source, document.packages.length)
    document.packages.push(item)
    if (parent !== null) document.relationships.push({ from: parent, type: 'contains', to: item.id })
    for (const from of owners) document.relationships.push({ from, type: 'contains', to: item.id })
    readComponents(objects(source, 'components'), document, item.id)
  }
}

function readComponent(source: JsonObject, index: number): { item: DocumentPackage; owners: string[] } {
  const item = emptyItem(text(source, 'bom-ref') ?? `component-${index}`, nameOf(source))
  item.kind = text(source, 'type')
  item.version = text(source, 'version')
  setPurl(item, text(source, 'purl'))
  const cpe = text(source, 'cpe')
  if (cpe !== null) item.cpes.push(cpe)
  const swid = text(object(source, 'swid'), 'tagId')
  if (swid !== null) item.identifiers.push(['swid', swid])
  for (const name of ['swhid', 'omniborId']) for (const id of texts(source, name)) item.identifiers.push([name, id])
  item.supplier = entityOf(object(source, 'supplier'))
  item.producer =
    entityOf(object(source, 'manufacturer')) ??
    objects(source, 'authors').flatMap(contactOf)[0] ??
    named(text(source, 'author') ?? text(source, 'publisher'))
  item.scope = scopeOf(text(source, 'scope'))
  item.checksums = checksumsOf(source)
  readLicences(objects(source, 'licenses'), item)
  const references = objects(source, 'externalReferences').map(referenceOf)
  item.homepage = references.find(({ type }) => type === 'website')?.url ?? null
  item.references = references.filter(({ type, url }) => type !== 'website' || url !== item.homepage)
  const description = text(source, 'description')
  if (description !== null) item.properties.push(['description', description])
  for (const place of objects(object(source, 'evidence'), 'occurrences')) {
    const path = text(place, 'location')
    if (path !== null) item.locations.push(relativePath(path))
  }
  const owners = takePackageFacts(item, propertiesOf(source))
  for (const [name, value] of item.properties) {
    if (/^syft:location:\d+:path$/.test(name) || name === 'aquasecurity:trivy:FilePath')
      item.locations.push(relativePath(value))
    if (name === 'syft:package:foundBy') item.cataloger = value
  }
  item.type ??= item.kind
  item.declaredUnknown.sort()
  item.locations = [...new Set(item.locations)].sort()
  return { item, owners }
}

/** The group is part of the name where no purl has it as its namespace. */
function nameOf(source: JsonObject): string {
  const [group, name] = [text(source, 'group'), text(source, 'name') ?? '']
  return group === null || group === '' ? name : `${group}/${name}`
}

function named(name: string | null): Party | null {
  return name === null || name === '' ? null : { kind: 'organization', name }
}

function scopeOf(scope: string | null): DocumentPackage['scope'] {
  return scope === 'required' || scope === 'optional' || scope === 'excluded' ? scope : null
}

function checksumsOf(source: JsonObject): DocumentPackage['checksums'] {
  return objects(source, 'hashes').flatMap((hash) => checksumOf(text(hash, 'alg'), text(hash, 'content')) ?? [])
}

function referenceOf(source: JsonObject): DocumentReference {
  return { type: text(source, 'type') ?? 'other', url: text(source, 'url') ?? '', checksums: checksumsOf(source) }
}

/** Several licences of one acknowledgement hold together. */
function readLicences(list: readonly JsonObject[], item: DocumentPackage): void {
  const found = { declared: new Set<string>(), concluded: new Set<string>() }
  const names: string[] = []
  for (const source of list) {
    const licence = object(source, 'license')
    const said = text(source, 'acknowledgement') ?? text(licence, 'acknowledgement')
    const expression = text(source, 'expression') ?? text(licence, 'id')
    const name = text(licence, 'name')
    if (expression !== null) found[said === 'concluded' ? 'concluded' : 'declared'].add(expression)
    else if (name !== null) names.push(name)
  }
  item.licence = joined(found.declared)
  item.concluded = joined(found.concluded)
  if (names.length > 0) item.licenceText = names.join(', ')
}

function joined(expressions: ReadonlySet<string>): string | null {
  const all = [...expressions]
  if (all.length < 2) return all[0] ?? null
  return all.map((part) => (/\s/.test(part) ? `(${part})` : part)).join(' AND ')
}

function readCompositions(list: readonly JsonObject[], document: SbomDocument): void {
  const { identity } = document
  const states = new Map<string, { dependencies: Completeness | null }>(
    document.packages.map((item) => [item.id, item]),
  )
  if (identity.id !== null) states.set(identity.id, identity)
  for (const composition of list) {
    const aggregate = aggregateOf(text(composition, 'aggregate'))
    const assemblies = texts(composition, 'assemblies')
    const dependencies = texts(composition, 'dependencies')
    const whole = assemblies.length === 0 && dependencies.length === 0
    if (whole || (identity.id !== null && assemblies.includes(identity.id))) document.completeness = aggregate
    for (const ref of dependencies) {
      const state = states.get(ref)
      if (state !== undefined) state.dependencies = aggregate
    }
  }
}

function aggregateOf(word: string | null): Completeness {
  if (word === 'complete') return 'complete'
  return word?.startsWith('incomplete') === true ? 'incomplete' : 'unknown'
}
