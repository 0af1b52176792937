import { table } from '../../base/table.ts'
import type {
  Completeness,
  DocumentModel,
  DocumentPackage,
  DocumentReference,
  SbomDocument,
} from '../documents/model.ts'
import { packageKey as slug, timestamp } from '../ids.ts'
import type { Checksum, Party } from '../model.ts'
import type { Writing } from './encode.ts'
import { fromSpdx3, toSpdx3 } from '../documents/references.ts'
import { descriptionOf, documentFacts, makers, packageFacts, referenceFacts, title } from './facts.ts'
import { distributionFile } from './distribution.ts'
import { group, order } from './order.ts'

const info = '_:creationInfo'
const sbomTypes = {
  design: 'design',
  source: 'source',
  build: 'build',
  analyzed: 'analyzed',
  deployed: 'deployed',
  runtime: 'runtime',
} as const

const purposes: Readonly<Record<string, string>> = table({
  application: 'application',
  framework: 'framework',
  library: 'library',
  container: 'container',
  'operating-system': 'operatingSystem',
  device: 'device',
  'device-driver': 'deviceDriver',
  firmware: 'firmware',
  platform: 'platform',
  file: 'file',
  'machine-learning-model': 'model',
  data: 'data',
  source: 'source',
})

const completenesses = { complete: 'complete', incomplete: 'incomplete', unknown: 'noAssertion' } as const

/** SPDX 3.0.1 JSON-LD in one graph: software profile, licences as expressions, what has no class as annotations. */
export function spdx3({ document, uuid, ids }: Writing): object {
  const base = `https://sealwright.dev/spdx3/${uuid}#`
  const graph = new Graph(base)
  const { identity, authors, tools, created, lifecycle } = document
  const idOf = (id: string): string | undefined => {
    if (id === identity.id) return `${base}root`
    const name = ids.get(id)
    return name === undefined ? undefined : `${base}${name}`
  }
  const root = `${base}root`
  graph.first({
    type: 'CreationInfo',
    '@id': info,
    specVersion: '3.0.1',
    created: timestamp(created ?? 0),
    createdBy:
      authors.length > 0
        ? authors.map((author) => graph.party(author))
        : makers(document).map((tool) => graph.agent(tool)),
    createdUsing: tools.map((tool) => graph.tool(tool)),
  })
  const items = document.packages.map((item) => ({ item, id: idOf(item.id) ?? '' }))
  for (const { item, id } of items) {
    graph.add(id, classOf(item.kind), { ...packageOf(item, graph), ...classMembers(item.kind) })
    licences(item, id, graph)
    distribution(id, item, graph)
    facts(ownFacts(item), id, graph)
  }
  for (const { id, path, checksums } of document.files ?? [])
    graph.add(idOf(id) ?? '', 'software_File', { name: path, ...verified(checksums) })
  graph.add(root, classOf(identity.type), {
    ...classMembers(identity.type, identity.model),
    name: identity.name ?? document.name ?? 'unknown',
    ...(identity.version === null ? {} : { software_packageVersion: identity.version }),
    ...(identity.purl === null ? {} : { software_packageUrl: identity.purl }),
    ...(identity.cpes.length === 0
      ? {}
      : {
          externalIdentifier: identity.cpes.map((cpe) =>
            identifier(cpe.startsWith('cpe:2.3:') ? 'cpe23' : 'cpe22', cpe),
          ),
        }),
    ...(document.supplier === null ? {} : { suppliedBy: graph.party(document.supplier) }),
    ...(identity.producer === null ? {} : { originatedBy: [graph.party(identity.producer)] }),
    ...references(identity.references),
    ...purpose(identity.type),
    ...verified(identity.checksums),
  })
  licences({ licence: identity.licence, licenceText: null, concluded: identity.concluded ?? null }, root, graph)
  distribution(root, { references: identity.references, properties: document.properties }, graph)
  relationships(document, graph, idOf)
  facts([...documentFacts(document), ...wholeReferences(identity.references)], root, graph)
  const elements = graph.ids()
  const sbomType = lifecycle === null || lifecycle === 'other' ? undefined : sbomTypes[lifecycle]
  graph.add(`${base}sbom`, 'software_Sbom', {
    name: document.name ?? identity.name ?? 'unknown',
    rootElement: [root],
    element: elements,
    ...(sbomType === undefined ? {} : { software_sbomType: [sbomType] }),
  })
  graph.add(`${base}document`, 'SpdxDocument', {
    name: document.name ?? identity.name ?? 'unknown',
    comment: `Completeness of the list of packages: ${document.completeness}`,
    // The profiles of AI packages and datasets ask for the time of their release, which nothing that we read says.
    profileConformance: ['core', 'software', 'simpleLicensing'],
    rootElement: [`${base}sbom`],
    dataLicense: graph.expression('CC0-1.0'),
    element: [...elements, `${base}sbom`],
  })
  return { '@context': 'https://spdx.org/rdf/3.0.1/spdx-context.jsonld', '@graph': graph.elements() }
}

type IdOf = (id: string) => string | undefined

/** Elements of the document; agents, tools and licences that several elements name are written once. */
class Graph {
  private readonly all = new Map<string, object>()
  private head: object[] = []

  readonly base: string

  constructor(base: string) {
    this.base = base
  }

  first(element: object): void {
    this.head.push(element)
  }

  add(spdxId: string, type: string, members: object): string {
    if (!this.all.has(spdxId)) this.all.set(spdxId, { type, spdxId, creationInfo: info, ...members })
    return spdxId
  }

  party({ kind, name, email, url }: Party): string {
    const identifiers = [
      ...(email === undefined
        ? []
        : [{ type: 'ExternalIdentifier', externalIdentifierType: 'email', identifier: email }]),
      ...(url === undefined
        ? []
        : [{ type: 'ExternalIdentifier', externalIdentifierType: 'urlScheme', identifier: url }]),
    ]
    return this.add(
      `${this.base}agent-${kind}-${slug([name, email ?? '', url ?? ''].join('\n'))}`,
      kind === 'person' ? 'Person' : 'Organization',
      {
        name,
        ...(identifiers.length === 0 ? {} : { externalIdentifier: identifiers }),
      },
    )
  }

  /** A program that made the document without anybody being named as its author. */
  agent(tool: { name: string; version: string | null }): string {
    return this.add(`${this.base}agent-software-${slug(title(tool))}`, 'SoftwareAgent', { name: title(tool) })
  }

  tool(tool: { name: string; version: string | null }): string {
    return this.add(`${this.base}tool-${slug(title(tool))}`, 'Tool', { name: title(tool) })
  }

  expression(text: string): string {
    return this.add(`${this.base}licence-${slug(text)}`, 'simplelicensing_LicenseExpression', {
      simplelicensing_licenseExpression: text,
    })
  }

  ids(): string[] {
    return [...this.all.keys()].sort(order)
  }

  elements(): object[] {
    return [...this.head, ...[...this.all].sort(([a], [b]) => order(a, b)).map(([, element]) => element)]
  }
}

function classOf(kind: string | null): string {
  return kind === 'machine-learning-model'
    ? 'ai_AIPackage'
    : kind === 'data'
      ? 'dataset_DatasetPackage'
      : 'software_Package'
}

/** What a class has beside the members of every package. The type of a dataset is mandatory: that it is not known is said. */
function classMembers(kind: string | null, model?: DocumentModel): object {
  if (kind === 'data') return { dataset_datasetType: ['noAssertion'] }
  if (kind !== 'machine-learning-model' || model === undefined) return {}
  const types = [model.architecture, model.family].filter((type) => type !== undefined)
  return {
    ...(types.length === 0 ? {} : { ai_typeOfModel: types }),
    ...(model.task === undefined ? {} : { ai_domain: [model.task] }),
  }
}

function packageOf(item: DocumentPackage, graph: Graph): object {
  const description = descriptionOf(item)
  const identifiers = [
    ...(item.purl === null || item.purlError === true ? [] : [identifier('packageUrl', item.purl)]),
    ...item.cpes.map((cpe) => identifier(cpe.startsWith('cpe:2.3:') ? 'cpe23' : 'cpe22', cpe)),
    ...item.identifiers.flatMap(([type, value]) => (identifierTypes.has(type) ? [identifier(type, value)] : [])),
  ]
  return {
    name: item.name,
    ...(description === null ? {} : { description }),
    ...(item.version === null ? {} : { software_packageVersion: item.version }),
    ...(item.purl === null ? {} : { software_packageUrl: item.purl }),
    ...(item.supplier === null ? {} : { suppliedBy: graph.party(item.supplier) }),
    ...(item.producer === null ? {} : { originatedBy: [graph.party(item.producer)] }),
    ...(item.homepage === null ? {} : { software_homePage: item.homepage }),
    ...references(item.references),
    ...(item.locations.length === 0 ? {} : { software_sourceInfo: JSON.stringify(item.locations) }),
    ...purpose(item.kind),
    ...(identifiers.length === 0 ? {} : { externalIdentifier: identifiers }),
    ...verified(item.checksums),
  }
}

const identifierTypes = new Set(['swid', 'swhid', 'gitoid', 'cve', 'email', 'securityOther', 'urlScheme', 'other'])

/** What this format has no field for, beside what no format has. */
function ownFacts(item: DocumentPackage): [string, string][] {
  return [
    ...packageFacts(item),
    ...wholeReferences(item.references),
    ...item.identifiers.flatMap(([type, value]): [string, string][] =>
      identifierTypes.has(type) ? [] : [['sealwright:identifier', `${type}=${value}`]],
    ),
    ...(item.licence === null || item.licenceText === null
      ? []
      : [['sealwright:licence:text', item.licenceText] satisfies [string, string]]),
  ]
}

function identifier(externalIdentifierType: string, value: string): object {
  return { type: 'ExternalIdentifier', externalIdentifierType, identifier: value }
}

function references(items: readonly DocumentReference[]): object {
  const download = items.find(({ type }) => type === 'distribution')
  const others = items.filter((item) => item !== download)
  return {
    ...(download === undefined ? {} : { software_downloadLocation: download.url }),
    ...(others.length === 0
      ? {}
      : {
          externalRef: others.map(({ type, url }) => ({
            type: 'ExternalRef',
            externalRefType: toSpdx3(type),
            locator: [url],
          })),
        }),
  }
}

/** References of which the fields hold a part: they have no checksums, and words of their own. */
function wholeReferences(items: readonly DocumentReference[]): [string, string][] {
  const whole = items.every(({ type, checksums }) => checksums.length === 0 && fromSpdx3(toSpdx3(type)) === type)
  return whole ? [] : referenceFacts(items)
}

function purpose(kind: string | null): object {
  const word = kind === null ? undefined : purposes[kind]
  return word === undefined ? {} : { software_primaryPurpose: word }
}

function verified(items: readonly Checksum[]): object {
  if (items.length === 0) return {}
  return {
    verifiedUsing: items.map(({ algorithm, value }) => ({
      type: 'Hash',
      algorithm: algorithm.replace('-', '').toLowerCase(),
      hashValue: value,
    })),
  }
}

function licences(
  { licence, licenceText, concluded }: Pick<DocumentPackage, 'licence' | 'licenceText' | 'concluded'>,
  id: string,
  graph: Graph,
): void {
  if (licence !== null) relation(graph, id, 'hasDeclaredLicense', [graph.expression(licence)])
  else if (licenceText !== null) {
    const text = graph.add(`${graph.base}licence-text-${slug(licenceText)}`, 'simplelicensing_SimpleLicensingText', {
      simplelicensing_licenseText: licenceText,
    })
    relation(graph, id, 'hasDeclaredLicense', [text])
  }
  if (concluded !== null) relation(graph, id, 'hasConcludedLicense', [graph.expression(concluded)])
}

function distribution(id: string, item: Pick<DocumentPackage, 'references' | 'properties'>, graph: Graph): void {
  const file = distributionFile(item.references, item.properties)
  if (file === null) return
  const { name, checksums, members } = file
  const element = graph.add(`${id}-distribution`, 'software_File', { name, ...members, ...verified(checksums) })
  relation(graph, id, 'hasDistributionArtifact', [element])
}

const words = {
  contains: 'contains',
  'depends-on': 'dependsOn',
  'generated-from': 'generates',
  other: 'other',
} as const

/** Relationships of models that the neutral terms have in the words of this format. */
const ownWords = new Set(['trainedOn', 'testedOn', 'descendantOf', 'ancestorOf'])

function relationships(
  { identity, packages, relationships: edges, completeness }: SbomDocument,
  graph: Graph,
  idOf: IdOf,
): void {
  const known = edges.flatMap(({ from, type, to, detail }) => {
    const [source, target] = [idOf(from), idOf(to)]
    if (source === undefined || target === undefined) return []
    // SPDX 3 has only the other direction of GENERATED_FROM.
    return [
      type === 'generated-from' ? { source: target, type, target: source, detail } : { source, type, target, detail },
    ]
  })
  const said = new Map(packages.map(({ id, dependencies }) => [idOf(id) ?? '', dependencies]))
  const root = identity.id === null ? '' : (idOf(identity.id) ?? '')
  said.set(root, identity.dependencies)
  for (const [, list] of group(known, ({ source, type, detail }) => [source, type, detail ?? ''].join('\n'))) {
    const [first] = list
    if (first === undefined) continue
    const state =
      first.type === 'depends-on'
        ? said.get(first.source)
        : first.source === root && first.type === 'contains'
          ? completeness
          : null
    const direct = first.type === 'other' && first.detail !== undefined && ownWords.has(first.detail)
    relation(
      graph,
      first.source,
      direct ? (first.detail ?? '') : words[first.type],
      list.map(({ target }) => target),
      state ?? null,
      direct ? undefined : first.detail,
    )
    if (first.type === 'depends-on') said.delete(first.source)
  }
  // What depends on nothing known says so in an annotation: checkers take SPDX's NoneElement for an element that is missing.
  for (const [id, state] of said)
    if (id !== '' && state !== null) facts([['sealwright:dependencies', state]], id, graph, 'dependencies')
}

function relation(
  graph: Graph,
  from: string,
  relationshipType: string,
  to: readonly string[],
  state: Completeness | null = null,
  detail?: string,
): void {
  const key = slug([from, relationshipType, detail ?? '', ...to].join('\n'))
  graph.add(`${graph.base}relationship-${key}`, 'Relationship', {
    ...(detail === undefined ? {} : { comment: detail }),
    from,
    relationshipType,
    to: [...to].sort(order),
    ...(state === null ? {} : { completeness: completenesses[state] }),
  })
}

/** Facts without a class of their own: annotations of the element that they are about. */
function facts(list: readonly [string, string][], subject: string, graph: Graph, kind = 'fact'): void {
  for (const [index, [name, value]] of list.entries()) {
    graph.add(`${graph.base}annotation-${kind}-${slug(subject)}-${String(index).padStart(6, '0')}`, 'Annotation', {
      annotationType: 'other',
      contentType: 'text/plain',
      statement: `${name}=${value}`,
      subject,
    })
  }
}
