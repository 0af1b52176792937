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

/** `Name <address>` as a party; teams and lists are organizations. Null where there is no name, or more text than a name has. */
export function parseParty(text: string): Party | null {
  // Metadata is foreign: each step looks at each character once.
  const line = text
    .slice(0, 1000)
    .trim()
    .replace(/ *\([^()]*\)$/, '')
  if (line.includes('\n')) return null
  const open = line.indexOf('<')
  const name = (open === -1 ? line : line.slice(0, open)).trim()
  const address = open === -1 ? undefined : /^<([^<>\s]+)>$/.exec(line.slice(open))?.[1]
  if (name === '' || (open !== -1 && address === undefined)) return null
  const organization = /\b(team|maintainers?|group|developers|project|foundation|inc|gmbh|ltd)\b|@lists\./i.test(line)
  return { kind: organization ? 'organization' : 'person', name, email: address }
}

/** A web address, or null for anything else that a homepage field holds. */
export function homepageOf(text: string): string | null {
  return /^https?:\/\/\S+$/.test(text) ? text : null
}
