import { isObject, parseJson } from '../../base/json.ts'
import type { Party } from '../model.ts'
import { text } from './members.ts'
import type { DocumentPackage, SbomDocument } from './model.ts'

/** Names of the facts that hold a party whole, where the field of a format holds a part of it (src/sbom/formats/parties.ts). */
export const partyFact = {
  author: 'sealwright:party:author',
  supplier: 'sealwright:party:supplier',
  producer: 'sealwright:party:producer',
} as const
type Role = keyof typeof partyFact

/** Takes the facts about parties out of the properties of a document and of its packages: they replace what the fields hold. */
export function takeParties(document: SbomDocument): void {
  const authors = taken(document, 'author')
  if (authors.length > 0) document.authors = authors
  document.supplier = taken(document, 'supplier')[0] ?? document.supplier
  document.identity.producer = taken(document, 'producer')[0] ?? document.identity.producer
  for (const item of document.packages) {
    item.supplier = taken(item, 'supplier')[0] ?? item.supplier
    item.producer = taken(item, 'producer')[0] ?? item.producer
  }
}

function taken(holder: Pick<SbomDocument | DocumentPackage, 'properties'>, role: Role): Party[] {
  const facts = holder.properties.filter(([name]) => name === partyFact[role])
  if (facts.length > 0) holder.properties = holder.properties.filter(([name]) => name !== partyFact[role])
  return facts.flatMap(([, value]) => readParty(value) ?? [])
}

function readParty(value: string): Party | null {
  const found = parseJson(value, 'a party of the document')
  if (!isObject(found)) return null
  const [kind, name, email, url] = ['kind', 'name', 'email', 'url'].map((member) => text(found, member))
  if ((kind !== 'person' && kind !== 'organization') || typeof name !== 'string') return null
  return { kind, name, ...(email ? { email } : {}), ...(url ? { url } : {}) }
}
