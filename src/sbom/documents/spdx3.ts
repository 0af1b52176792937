import { table } from '../../base/table.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { Party } from '../model.ts'
import { emptyDocument, emptyItem } from './empty.ts'
import { object, objects, secondsOf, text, texts } from './members.ts'
import type {
  Completeness,
  DocumentIdentity,
  DocumentModel,
  DocumentPackage,
  DocumentReference,
  DocumentRelationship,
  SbomDocument,
} from './model.ts'
import { lifecycles } from './model.ts'
import { takeDocumentFacts, takePackageFacts } from './own-facts.ts'
import { distributionComment, fromSpdx3 } from './references.ts'
import { checksumOf, manifestDigestOf, relativePath, setPurl, toolOf } from './values.ts'

const packageTypes = new Set(['software_Package', 'ai_AIPackage', 'dataset_DatasetPackage'])
const kinds: Readonly<Record<string, string>> = table({
  operatingSystem: 'operating-system',
  deviceDriver: 'device-driver',
  model: 'machine-learning-model',
})
/** SPDX 3.0.1 JSON-LD; its schema was checked. Elements are joined by their ids; what another document holds stays a mere id. */
export function readSpdx3(source: JsonObject): SbomDocument {
  const graph = new Graph(source)
  const document = emptyDocument('spdx3-json', '3.0.1')
  const head = graph.first('SpdxDocument') ?? graph.first('software_Sbom')
  document.name = text(head, 'name')
  document.uri = text(head, 'spdxId')
  readCreation(graph, head, document)
  const root = rootOf(graph, head)
  for (const element of graph.all) {
    const type = text(element, 'type') ?? ''
    const id = idOf(element)
    if (type === 'software_File' && id !== root && !isDistribution(element))
      (document.files ??= []).push({
        id,
        path: relativePath(text(element, 'name') ?? ''),
        checksums: checksumsOf(element),
      })
    if (packageTypes.has(type) && id !== root) document.packages.push(readPackage(element, graph))
  }
  if (root !== null) readRoot(graph.get(root), document, graph)
  document.relationships = relationships(graph, document)
  readFacts(graph, document)
  document.identity.name ??= document.name
  document.identity.model ??= root === null ? undefined : modelOf(graph.get(root))
  return document
}

class Graph {
  readonly all: JsonObject[]
  private readonly byId: Map<string, JsonObject>

  constructor(source: JsonObject) {
    const listed = source['@graph']
    this.all = Array.isArray(listed) ? listed.filter(isObject) : [source]
    // Elements may stand within others, where these name them.
    for (const element of [...this.all]) this.nested(element)
    this.byId = new Map(this.all.map((element) => [idOf(element), element]))
  }

  private nested(element: JsonObject): void {
    for (const value of Object.values(element)) {
      for (const inner of Array.isArray(value) ? value : [value]) {
        if (!isObject(inner) || text(inner, 'spdxId') === null) continue
        this.all.push(inner)
        this.nested(inner)
      }
    }
  }

  get(id: string): JsonObject | undefined {
    return this.byId.get(id)
  }

  first(type: string): JsonObject | undefined {
    return this.all.find((element) => element['type'] === type)
  }

  /** Elements that a member names, by id or in place. */
  named(holder: JsonObject | undefined, member: string): JsonObject[] {
    return idsOf(holder?.[member]).flatMap((id): JsonObject[] => {
      const element = this.get(id)
      return element === undefined ? [] : [element]
    })
  }
}

/** A file that our writer made of a reference: the reference is read. */
function isDistribution(element: JsonObject | undefined): boolean {
  return element?.['type'] === 'software_File' && text(element, 'comment') === distributionComment
}

function idOf(element: JsonObject): string {
  return text(element, 'spdxId') ?? text(element, '@id') ?? ''
}

/** Ids of a member that holds one or several elements, by id or in place. */
function idsOf(value: JsonValue | undefined): string[] {
  if (value === undefined || value === null) return []
  return (Array.isArray(value) ? value : [value]).flatMap((item) =>
    typeof item === 'string' ? [item] : isObject(item) ? [idOf(item)] : [],
  )
}

function readCreation(graph: Graph, head: JsonObject | undefined, document: SbomDocument): void {
  const info = object(head, 'creationInfo') ?? graph.named(head, 'creationInfo')[0] ?? graph.first('CreationInfo')
  document.created = secondsOf(text(info, 'created'))
  document.formatVersion = text(info, 'specVersion') ?? '3.0.1'
  const makers = graph.named(info, 'createdBy')
  document.authors = makers.flatMap(partyOf)
  const tools = graph.named(info, 'createdUsing').flatMap((tool) => text(tool, 'name') ?? [])
  const programs = makers.flatMap((agent) => (agent['type'] === 'SoftwareAgent' ? (text(agent, 'name') ?? []) : []))
  document.tools = [...new Set([...tools, ...programs])].map(toolOf)
  document.engine = document.tools[0] ?? null
  const [context] = texts(graph.first('software_Sbom'), 'software_sbomType')
  document.lifecycle = lifecycles.find((known) => known === context) ?? null
}

/** The one package or file that the document, or its SBOM, has as its root. */
function rootOf(graph: Graph, head: JsonObject | undefined): string | null {
  const roots = graph
    .named(head, 'rootElement')
    .flatMap((element) =>
      element['type'] === 'software_Sbom' || element['type'] === 'Bom' || element['type'] === 'Bundle'
        ? graph.named(element, 'rootElement')
        : [element],
    )
  const ids = new Set(roots.filter((element) => isArtifact(element)).map(idOf))
  return ids.size === 1 ? ([...ids][0] ?? null) : null
}

function isArtifact(element: JsonObject): boolean {
  const type = text(element, 'type') ?? ''
  return packageTypes.has(type) || type === 'software_File'
}

function partyOf(agent: JsonObject): Party[] {
  const type = agent['type']
  if (type !== 'Person' && type !== 'Organization') return []
  const party: Party = { kind: type === 'Person' ? 'person' : 'organization', name: text(agent, 'name') ?? '' }
  for (const identifier of objects(agent, 'externalIdentifier')) {
    const value = text(identifier, 'identifier') ?? ''
    if (identifier['externalIdentifierType'] === 'email') party.email = value.replace(/^mailto:/, '')
    if (identifier['externalIdentifierType'] === 'urlScheme') party.url = value
  }
  return [party]
}

function readPackage(source: JsonObject, graph: Graph): DocumentPackage {
  const item = emptyItem(idOf(source), text(source, 'name') ?? '')
  item.version = text(source, 'software_packageVersion')
  setPurl(item, text(source, 'software_packageUrl'))
  const purpose = text(source, 'software_primaryPurpose')
  item.kind = kindOf(text(source, 'type'), purpose)
  item.homepage = text(source, 'software_homePage')
  item.supplier = graph.named(source, 'suppliedBy').flatMap(partyOf)[0] ?? null
  item.producer = graph.named(source, 'originatedBy').flatMap(partyOf)[0] ?? null
  item.checksums = checksumsOf(source)
  item.locations = locationsOf(text(source, 'software_sourceInfo'))
  const description = text(source, 'description')
  if (description !== null) item.properties.push(['description', description])
  for (const identifier of objects(source, 'externalIdentifier')) {
    const [type, value] = [text(identifier, 'externalIdentifierType') ?? '', text(identifier, 'identifier') ?? '']
    if (type === 'cpe22' || type === 'cpe23') item.cpes.push(value)
    else if (type === 'packageUrl') setPurl(item, item.purl ?? value)
    else item.identifiers.push([type, value])
  }
  const download = text(source, 'software_downloadLocation')
  if (download !== null) item.references.push({ type: 'distribution', url: download, checksums: [] })
  item.references.push(...objects(source, 'externalRef').flatMap(referenceOf))
  return item
}

function kindOf(type: string | null, purpose: string | null): string | null {
  if (type === 'ai_AIPackage') return 'machine-learning-model'
  if (type === 'dataset_DatasetPackage') return 'data'
  return purpose === null ? null : (kinds[purpose] ?? purpose)
}

/** Of a document without facts of ours: types of model are in no fixed order, so the first one is taken for the architecture. */
function modelOf(source: JsonObject | undefined): DocumentModel | undefined {
  const [[architecture], [task]] = [texts(source, 'ai_typeOfModel'), texts(source, 'ai_domain')]
  if (architecture === undefined && task === undefined) return undefined
  return {
    ...(architecture === undefined ? {} : { architecture }),
    ...(task === undefined ? {} : { task }),
    properties: [],
  }
}

function referenceOf(source: JsonObject): DocumentReference[] {
  const type = text(source, 'externalRefType') ?? 'other'
  return texts(source, 'locator').map((url) => ({ type: fromSpdx3(type), url, checksums: [] }))
}

function checksumsOf(source: JsonObject): DocumentPackage['checksums'] {
  return objects(source, 'verifiedUsing').flatMap(
    (hash) => checksumOf(text(hash, 'algorithm'), text(hash, 'hashValue')) ?? [],
  )
}

/** Our writer has a JSON list there, since paths may hold any character; the words of others name no path for certain. */
function locationsOf(info: string | null): string[] {
  if (info === null || !info.startsWith('["')) return []
  try {
    const value = parseJson(info, 'software_sourceInfo')
    return Array.isArray(value) ? value.filter((path) => typeof path === 'string').sort() : []
  } catch {
    return []
  }
}

function readRoot(source: JsonObject | undefined, document: SbomDocument, graph: Graph): void {
  if (source === undefined) return
  const item = readPackage(source, graph)
  const { identity } = document
  identity.id = item.id
  identity.name = item.name
  identity.version = item.version
  identity.type = item.kind
  identity.purl = item.purl
  identity.cpes = item.cpes
  identity.checksums = item.checksums
  identity.producer = item.producer
  identity.references = item.references
  document.supplier = item.supplier
}

/** Words of the model; `true` turns the edge around. Those that are left out become facts of the packages themselves. */
const words: Readonly<Record<string, readonly [DocumentRelationship['type'], turned: boolean]>> = table({
  contains: ['contains', false],
  dependsOn: ['depends-on', false],
  generates: ['generated-from', true],
})
const none = new Set(['NoneElement', 'https://spdx.org/rdf/3.0.1/terms/Core/NoneElement'])
const noAssertion = new Set(['NoAssertionElement', 'https://spdx.org/rdf/3.0.1/terms/Core/NoAssertionElement'])

function relationships(graph: Graph, document: SbomDocument): DocumentRelationship[] {
  const items = new Map<string, DocumentPackage | DocumentIdentity>(document.packages.map((item) => [item.id, item]))
  if (document.identity.id !== null) items.set(document.identity.id, document.identity)
  const found: DocumentRelationship[] = []
  for (const edge of graph.all) {
    const type = text(edge, 'relationshipType')
    if (type === null) continue
    const [from = ''] = idsOf(edge['from'])
    const state = completenessOf(text(edge, 'completeness'))
    const item = items.get(from)
    if (type === 'hasDeclaredLicense' || type === 'hasConcludedLicense') {
      if (item !== undefined) readLicence(item, type, graph, edge)
      continue
    }
    if (type === 'dependsOn' && item !== undefined && state !== null) item.dependencies = state
    if (type === 'contains' && from === document.identity.id && state !== null) document.completeness = state
    const [word, turned] = words[type] ?? ['other', false]
    const scope = text(edge, 'scope')
    const detail = word === 'other' && type !== 'other' ? type : (text(edge, 'comment') ?? scope ?? undefined)
    for (const to of idsOf(edge['to'])) {
      if (type === 'hasDistributionArtifact' && isDistribution(graph.get(to))) continue
      if (none.has(to) || noAssertion.has(to)) {
        if (type === 'dependsOn' && item !== undefined) item.dependencies ??= none.has(to) ? 'complete' : 'unknown'
        continue
      }
      found.push({
        from: turned ? to : from,
        type: word,
        to: turned ? from : to,
        ...(detail === undefined ? {} : { detail }),
      })
    }
  }
  return found
}

function completenessOf(word: string | null): Completeness | null {
  if (word === 'complete' || word === 'incomplete') return word
  return word === 'noAssertion' ? 'unknown' : null
}

function readLicence(item: DocumentPackage | DocumentIdentity, type: string, graph: Graph, edge: JsonObject): void {
  for (const id of idsOf(edge['to'])) {
    const { expression, words: said } = licenceOf(id, graph)
    if (type === 'hasDeclaredLicense') item.licence ??= expression
    else item.concluded ??= expression
    if (said !== null && 'licenceText' in item) item.licenceText ??= said
  }
}

function licenceOf(id: string, graph: Graph): { expression: string | null; words: string | null } {
  const element = graph.get(id)
  const expression = text(element, 'simplelicensing_licenseExpression')
  if (expression !== null)
    return { expression: ['NOASSERTION', 'NONE'].includes(expression) ? null : expression, words: null }
  const words = text(element, 'simplelicensing_licenseText')
  // A text with a name is a licence that the list has.
  if (element?.['type'] === 'expandedlicensing_ListedLicense') return { expression: lastPart(id), words: null }
  if (words !== null) return { expression: null, words }
  const listed = /^https?:\/\/spdx\.org\/licenses\/([\w.+-]+?)(?:\.html)?$/.exec(id)?.[1]
  return { expression: listed ?? null, words: null }
}

function lastPart(id: string): string {
  return id.slice(Math.max(id.lastIndexOf('/'), id.lastIndexOf('#')) + 1)
}

/** Annotations `sealwright:NAME=VALUE` of the elements that they are about. */
function readFacts(graph: Graph, document: SbomDocument): void {
  const byId = new Map(document.packages.map((item) => [item.id, item]))
  const facts = new Map<string, [string, string][]>()
  for (const element of graph.all) {
    if (element['type'] !== 'Annotation') continue
    const statement = text(element, 'statement') ?? ''
    const equals = statement.indexOf('=')
    const [subject = ''] = idsOf(element['subject'])
    if (equals < 1 || !/^[\w.-]+:[^\s=]+$/.test(statement.slice(0, equals))) continue
    const held = facts.get(subject)
    const fact: [string, string] = [statement.slice(0, equals), statement.slice(equals + 1)]
    if (held === undefined) facts.set(subject, [fact])
    else held.push(fact)
  }
  for (const [subject, list] of facts) {
    const item = byId.get(subject)
    if (item !== undefined) takePackageFacts(item, list)
    else if (subject === document.identity.id) takeDocumentFacts(document, list)
  }
  for (const item of document.packages) {
    item.type ??= item.kind
    item.declaredUnknown.sort()
  }
  if (document.identity.configDigest !== null) return
  const { identity } = document
  identity.manifestDigest ??= manifestDigestOf(identity)
}
