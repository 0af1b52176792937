import type { Completeness, DocumentPackage, DocumentReference, SbomDocument } from '../documents/model.ts'
import type { Checksum, Party } from '../model.ts'
import { formats } from '../documents/schema/formats.ts'
import { timestamp } from '../ids.ts'
import type { Writing } from './encode.ts'
import { descriptionOf, documentFacts, packageFacts, referenceFacts } from './facts.ts'
import { datasetMembers, modelMembers, relatedTo } from './model-card.ts'
import { order } from './order.ts'
import { documentParties, packageParties } from './parties.ts'

const phases = {
  design: 'design',
  source: 'pre-build',
  build: 'build',
  analyzed: 'post-build',
  deployed: 'operations',
  runtime: 'discovery',
} as const

const scopes = {
  required: 'required',
  optional: 'optional',
  excluded: 'excluded',
  development: 'excluded',
  build: 'excluded',
} as const

/** Types of components that the schema of 1.6 knows. */
const types = new Set(
  'application framework library container platform operating-system device device-driver firmware file machine-learning-model data cryptographic-asset'.split(
    ' ',
  ),
)
const root = 'root'

/** CycloneDX JSON. 1.7 differs from 1.6 in its version alone: what we say has the same fields in both. */
export function cyclonedx({ document, uuid, ids }: Writing, specVersion: '1.6' | '1.7'): object {
  const { identity, packages, tools, authors, supplier, created, lifecycle } = document
  const refOf = (id: string): string | undefined => (id === identity.id ? root : ids.get(id))
  const older = new Set(relatedTo(document, 'descendantOf'))
  const ancestors = packages.filter(({ id }) => older.has(id))
  return {
    bomFormat: 'CycloneDX',
    specVersion,
    serialNumber: `urn:uuid:${uuid}`,
    version: document.revision ?? 1,
    metadata: {
      ...(created === null ? {} : { timestamp: timestamp(created) }),
      ...(lifecycle === null || lifecycle === 'other' ? {} : { lifecycles: [{ phase: phases[lifecycle] }] }),
      tools: { components: toolComponents(tools) },
      ...authorsOf(authors),
      component: {
        type: identity.type !== null && types.has(identity.type) ? identity.type : 'application',
        'bom-ref': root,
        ...(identity.producer === null ? {} : { manufacturer: entity(identity.producer) }),
        name: identity.name ?? document.name ?? 'unknown',
        ...versionOf(identity.version),
        ...hashes(identity.checksums),
        ...licences({ licence: identity.licence, licenceText: null, concluded: identity.concluded ?? null }),
        ...(identity.cpes[0] === undefined ? {} : { cpe: identity.cpes[0] }),
        ...(identity.purl === null ? {} : { purl: identity.purl }),
        ...references(identity.references),
        ...(ancestors.length === 0
          ? {}
          : { pedigree: { ancestors: ancestors.map((item) => component(item, document, refOf)) } }),
        ...modelMembers(document, refOf),
        ...properties([...wholeReferences(identity.references), ...concluded(identity)]),
      },
      ...(supplier === null ? {} : { supplier: entity(supplier) }),
      properties: [...named(document), ...documentFacts(document), ...documentParties(document, asHeld, 1)].map(
        property,
      ),
    },
    components: packages
      .filter((item) => !ancestors.includes(item))
      .map((item) => component(item, document, refOf))
      .concat(fileComponents(document, refOf)),
    dependencies: dependencies(document, refOf),
    compositions: compositions(document, refOf),
  }
}

/** CycloneDX has no name for a document: that of its subject serves, unless the two differ. */
function named({ name, identity }: SbomDocument): [string, string][] {
  return name === null || name === identity.name ? [] : [['sealwright:document:name', name]]
}

type RefOf = (id: string) => string | undefined

function component(item: DocumentPackage, document: SbomDocument, refOf: RefOf): object {
  const ref = refOf(item.id)
  const description = descriptionOf(item)
  return {
    type: item.kind !== null && types.has(item.kind) ? item.kind : 'library',
    ...(ref === undefined ? {} : { 'bom-ref': ref }),
    ...(item.supplier === null ? {} : { supplier: entity(item.supplier) }),
    ...(item.producer === null ? {} : producer(item.producer)),
    name: item.name,
    ...versionOf(item.version),
    ...(description === null ? {} : { description }),
    ...(item.scope === null ? {} : { scope: scopes[item.scope] }),
    ...hashes(item.checksums),
    ...licences(item),
    ...(item.cpes[0] === undefined ? {} : { cpe: item.cpes[0] }),
    ...(item.purl === null ? {} : { purl: item.purl }),
    ...references(
      item.homepage === null
        ? item.references
        : [{ type: 'website', url: item.homepage, checksums: [] }, ...item.references],
    ),
    ...(item.kind === 'data' ? datasetMembers(item.name) : {}),
    ...properties([
      ...item.locations.map((path): [string, string] => ['sealwright:location', path]),
      ...ownersOf(item.id, document).flatMap((id): [string, string][] => {
        const owner = refOf(id)
        return owner === undefined ? [] : [['sealwright:owned-by', owner]]
      }),
      ...item.cpes.slice(1).map((cpe): [string, string] => ['sealwright:cpe', cpe]),
      ...item.identifiers.map(([name, value]): [string, string] => ['sealwright:identifier', `${name}=${value}`]),
      ...(item.licence !== null && item.licenceText !== null
        ? [['sealwright:licence:text', item.licenceText] satisfies [string, string]]
        : []),
      ...concluded(item),
      ...(item.homepage === null || isReference(item.homepage)
        ? []
        : [['sealwright:homepage', item.homepage] satisfies [string, string]]),
      ...packageFacts(item),
      ...(item.version !== null && item.version.length > longestVersion
        ? [['sealwright:version', item.version] satisfies [string, string]]
        : []),
      ...packageParties(item, asHeld),
      ...wholeReferences(item.references),
    ]),
  }
}

const owners = new WeakMap<SbomDocument, Map<string, string[]>>()

/** Packages that brought a package, by the document's own ids. */
function ownersOf(id: string, document: SbomDocument): readonly string[] {
  let known = owners.get(document)
  if (known === undefined) {
    known = new Map()
    for (const { from, type, to } of document.relationships) {
      if (type !== 'contains' || from === document.identity.id) continue
      const held = known.get(to)
      if (held === undefined) known.set(to, [from])
      else held.push(from)
    }
    owners.set(document, known)
  }
  return known.get(id) ?? []
}

function fileComponents({ files }: SbomDocument, refOf: RefOf): object[] {
  return (files ?? []).map(({ id, path, checksums }) => ({
    type: 'file',
    'bom-ref': refOf(id),
    name: path,
    ...hashes(checksums),
  }))
}

/** A component that is not listed here is one of which nothing is known; an empty list means that it depends on nothing. */
function dependencies({ identity, packages, relationships }: SbomDocument, refOf: RefOf): object[] {
  const on = new Map<string, Set<string>>()
  for (const { id, dependencies } of [identity, ...packages]) {
    const ref = id === null ? undefined : refOf(id)
    if (ref !== undefined && dependencies === 'complete') on.set(ref, new Set())
  }
  on.set(root, new Set())
  for (const { from, type, to } of relationships) {
    const [source, target] = [refOf(from), refOf(to)]
    if (type !== 'depends-on' || source === undefined || target === undefined) continue
    const held = on.get(source)
    if (held === undefined) on.set(source, new Set([target]))
    else held.add(target)
  }
  return [...on]
    .map(([ref, targets]) => ({ ref, dependsOn: [...targets].sort(order) }))
    .sort((a, b) => order(a.ref, b.ref))
}

function compositions({ completeness, identity, packages }: SbomDocument, refOf: RefOf): object[] {
  const byState = new Map<Completeness, string[]>()
  for (const { id, dependencies } of [identity, ...packages]) {
    const ref = id === null ? undefined : refOf(id)
    if (ref === undefined || dependencies === null) continue
    const held = byState.get(dependencies)
    if (held === undefined) byState.set(dependencies, [ref])
    else held.push(ref)
  }
  return [
    { aggregate: completeness, assemblies: [root] },
    ...(['complete', 'incomplete', 'unknown'] as const).flatMap((aggregate) => {
      const refs = byState.get(aggregate) ?? []
      return refs.length === 0 ? [] : [{ aggregate, dependencies: refs.sort(order) }]
    }),
  ]
}

function authorsOf(parties: readonly Party[]): object {
  const people = parties.filter(({ kind }) => kind === 'person')
  const organization = parties.find(({ kind }) => kind === 'organization')
  return {
    ...(people.length === 0 ? {} : { authors: people.map(contact) }),
    ...(organization === undefined ? {} : { manufacturer: entity(organization) }),
  }
}

/** The schema's limit, in characters. */
const longestVersion = 1024

function versionOf(version: string | null): object {
  return version === null || version.length > longestVersion ? {} : { version }
}

/** The schema takes no component twice: a tool that the document names again is the same one. */
function toolComponents(tools: SbomDocument['tools']): object[] {
  const unique = new Map(tools.map((tool) => [`${tool.name}\n${tool.version ?? ''}`, tool]))
  return [...unique.values()].map(({ name, version }) => ({ type: 'application', name, ...versionOf(version) }))
}

function contact({ name, email }: Party): object {
  return { name, ...addressOf(email) }
}

/** A person as an organizational entity is the entity's contact. */
function entity({ kind, name, email, url }: Party): object {
  const address = { ...(kind === 'person' ? { name } : {}), ...addressOf(email) }
  return {
    name,
    ...(url === undefined || !isReference(url) ? {} : { url: [url] }),
    ...(Object.keys(address).length === 0 ? {} : { contact: [address] }),
  }
}

/** What the schema takes for no address is left out; an author who is a person has no URL. */
function asHeld({ kind, name, email, url }: Party): Party {
  const held = kind === 'organization' && url !== undefined && isReference(url)
  return { kind, name, ...addressOf(email), ...(held ? { url } : {}) }
}

function addressOf(email: string | undefined): { email?: string } {
  return email !== undefined && formats['idn-email']?.(email) === true ? { email } : {}
}

function producer(party: Party): object {
  return party.kind === 'person' ? { authors: [contact(party)] } : { manufacturer: entity(party) }
}

function hashes(checksums: readonly Checksum[]): object {
  if (checksums.length === 0) return {}
  return { hashes: checksums.map(({ algorithm, value }) => ({ alg: algorithm, content: value })) }
}

/** An expression stands alone in its list, as the schema has it: of two, the declared one is written and the concluded one is a property. */
function licences({
  licence,
  licenceText,
  concluded,
}: Pick<DocumentPackage, 'licence' | 'licenceText' | 'concluded'>): object {
  if (licence !== null) return { licenses: [{ expression: licence, acknowledgement: 'declared' }] }
  if (licenceText !== null) return { licenses: [{ license: { name: licenceText, acknowledgement: 'declared' } }] }
  if (concluded !== null) return { licenses: [{ expression: concluded, acknowledgement: 'concluded' }] }
  return {}
}

function concluded(item: {
  licence: string | null
  licenceText?: string | null
  concluded?: string | null | undefined
}): [string, string][] {
  if (!item.concluded || !(item.licence ?? item.licenceText)) return []
  return [['sealwright:licence:concluded', item.concluded]]
}

function isReference(url: string): boolean {
  return formats['iri-reference']?.(url) === true
}

/** Types of references that the schema of 1.6 knows. */
const referenceTypes = new Set(
  (
    'vcs issue-tracker website advisories bom mailing-list social chat documentation support source-distribution distribution ' +
    'distribution-intake license build-meta build-system release-notes security-contact model-card log configuration evidence ' +
    'formulation attestation threat-model adversary-model risk-assessment vulnerability-assertion exploitability-statement ' +
    'pentest-report static-analysis-report dynamic-analysis-report runtime-analysis-report component-analysis-report maturity-report ' +
    'certification-report codified-infrastructure quality-metrics poam electronic-signature digital-signature rfc-9116 other'
  ).split(' '),
)

/** What the schema takes for no address is left out: a homepage is then a property. */
function references(all: readonly DocumentReference[]): object {
  const items = all.filter(({ url }) => isReference(url))
  if (items.length === 0) return {}
  return {
    externalReferences: items.map(({ type, url, checksums }) => ({
      type: referenceTypes.has(type) ? type : 'other',
      url,
      ...hashes(checksums),
    })),
  }
}

function wholeReferences(items: readonly DocumentReference[]): [string, string][] {
  return items.every(({ type, url }) => referenceTypes.has(type) && isReference(url)) ? [] : referenceFacts(items)
}

function properties(facts: readonly [string, string][]): object {
  return facts.length === 0 ? {} : { properties: facts.map(property) }
}

function property([name, value]: [string, string]): object {
  return { name, value }
}
