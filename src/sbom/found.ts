import type { FoundPackage, Party } from './model.ts'

/** A package of which nothing but its kind is known yet: what catalogers fill in. */
export function emptyPackage(type: string, cataloger: string): Omit<FoundPackage, 'name' | 'version' | 'purl'> {
  return {
    type,
    cataloger,
    supplier: null,
    licence: null,
    licenceText: null,
    homepage: null,
    locations: [],
    ownedBy: null,
    dependsOn: [],
  }
}

/** `Name <address>` as a party; teams and lists are organizations. */
export function parseParty(text: string): Party | null {
  const match = /^\s*([^<\n]*?)\s*(?:<([^>\s]+)>)?\s*(?:\([^)]*\))?\s*$/.exec(text)
  const name = match?.[1] ?? ''
  if (name === '') return null
  const organization = /\b(team|maintainers?|group|developers|project|foundation|inc|gmbh|ltd)\b|@lists\./i.test(text)
  return { kind: organization ? 'organization' : 'person', name, email: match?.[2] }
}

/** A web address, or null for anything else that a homepage field holds. */
export function homepageOf(text: string): string | null {
  return /^https?:\/\/\S+$/.test(text) ? text : null
}
