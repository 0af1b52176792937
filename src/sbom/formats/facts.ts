import { version } from '../../base/version.ts'
import type {
  DocumentIdentity,
  DocumentPackage,
  DocumentReference,
  DocumentTool,
  SbomDocument,
} from '../documents/model.ts'
import { referenceFact } from '../documents/references.ts'

/**
 * What no format has a field for, as names and values: properties in CycloneDX, annotations and comments in SPDX. Readers of ours take them
 * apart again.
 */
export function documentFacts(document: SbomDocument): [name: string, value: string][] {
  const { identity, coverage, gaps, properties, catalogers, completeness, inventory } = document
  const facts: [string, string][] = []
  if (identity.configDigest !== null) facts.push(['sealwright:image:config-digest', identity.configDigest])
  if (identity.manifestDigest !== null) facts.push(['sealwright:image:manifest-digest', identity.manifestDigest])
  for (const diffId of identity.diffIds) facts.push(['sealwright:image:diff-id', diffId])
  if (identity.platform !== null) facts.push(['sealwright:image:platform', identity.platform])
  if (inventory !== null) facts.push(['sealwright:inventory', inventory])
  if (catalogers !== null) facts.push(['sealwright:catalogers', catalogers.join(',')])
  facts.push(['sealwright:completeness', completeness])
  for (const gap of gaps) facts.push(['sealwright:unread', JSON.stringify(gap)])
  if (coverage !== null) {
    facts.push(['sealwright:files:unattributed', String(coverage.unattributed)])
    for (const path of coverage.executables) facts.push(['sealwright:executable:unattributed', path])
    for (const path of coverage.privileged) facts.push(['sealwright:executable:privileged', path])
    facts.push(['sealwright:integrity:checked', String(coverage.checked)])
    for (const finding of coverage.findings) facts.push(['sealwright:integrity:finding', JSON.stringify(finding)])
  }
  facts.push(...modelFacts(identity))
  for (const [name, value] of properties) facts.push([propertyName(name), value])
  return facts
}

/** A model card's own words; formats also have fields for some of them. */
function modelFacts({ model }: DocumentIdentity): [string, string][] {
  if (model === undefined) return []
  const { architecture, family, task, languages = [], properties } = model
  const facts: [string, string | undefined][] = [
    ['architecture', architecture],
    ['family', family],
    ['task', task],
    ...languages.map((language): [string, string] => ['language', language]),
    ...properties,
  ]
  return facts.flatMap(([name, value]) => (value === undefined ? [] : [[`sealwright:model:${name}`, value]]))
}

/** Facts of one package that its format has no field for. */
export function packageFacts(item: DocumentPackage): [name: string, value: string][] {
  const facts: [string, string][] = []
  if (item.cataloger !== null) facts.push(['sealwright:cataloger', item.cataloger])
  if (item.scope !== null) facts.push(['sealwright:scope', item.scope])
  if (item.purl === null && item.type !== null && item.type !== item.kind) facts.push(['sealwright:type', item.type])
  for (const name of item.declaredUnknown) facts.push(['sealwright:unknown', name])
  for (const [name, value] of item.properties) if (name !== 'description') facts.push([propertyName(name), value])
  return facts
}

/** References whole, for a format whose fields hold a part of them. */
export function referenceFacts(references: readonly DocumentReference[]): [name: string, value: string][] {
  return references.map((reference) => [referenceFact, JSON.stringify(reference)])
}

/** Programs that made a document. SPDX asks for a maker: where a document names nobody, that is the program that writes it. */
export function makers({ authors, tools }: SbomDocument): DocumentTool[] {
  return authors.length + tools.length > 0 ? tools : [{ name: 'sealwright', version }]
}

export function title({ name, version: own }: DocumentTool): string {
  return own === null ? name : `${name}-${own}`
}

/** The value of a property; a description has a field of its own in every format. */
export function descriptionOf(item: DocumentPackage): string | null {
  return item.properties.find(([name]) => name === 'description')?.[1] ?? null
}

/** A name of ours gets our prefix; names of other tools have one. */
function propertyName(name: string): string {
  return name.includes(':') ? name : `sealwright:${name}`
}
