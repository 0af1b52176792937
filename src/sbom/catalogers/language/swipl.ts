import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage, homepageOf, parseParty } from '../../found.ts'
import type { FoundPackage } from '../../model.ts'
import { formatPurl } from '../../purl.ts'
import { nameIn, textIn } from '../foreign.ts'

/** Packs of SWI-Prolog by their `pack.pl`. */
export const swipl: Cataloger<FoundPackage> = {
  name: 'swipl-pack',
  kind: 'swiplpack',
  finds: 'installed',
  match: { names: ['pack.pl'] },
  wants: () => 1 << 20,
  read: (_file, content) => readPack(textIn(content)),
  finish: (facts) => ({ packages: [...facts].map(([path, found]) => ({ ...found, locations: [path] })) }),
}

/** Null for a Prolog file of this name that states no pack. */
function readPack(text: string): FoundPackage | null {
  const facts = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [, fact, rest] = /^\s*(name|version|home|author|packager)\((.*)$/.exec(line) ?? []
    if (fact !== undefined && rest !== undefined && !facts.has(fact)) facts.set(fact, argumentsOf(rest))
  }
  const [name] = facts.get('name') ?? []
  const [version] = facts.get('version') ?? []
  if (name === undefined || version === undefined) return null
  const [author = '', email] = facts.get('author') ?? facts.get('packager') ?? []
  const party = parseParty(author)
  return {
    ...emptyPackage('swiplpack', 'swipl-pack'),
    name: nameIn(name, 'name'),
    version: nameIn(version, 'version'),
    purl: formatPurl({ type: 'swiplpack', name, version }),
    supplier: party === null || email === undefined ? party : { ...party, email: party.email ?? email },
    homepage: homepageOf(facts.get('home')?.[0] ?? ''),
  }
}

function argumentsOf(rest: string): string[] {
  const found: string[] = []
  for (const [, quoted, plain] of rest.slice(0, 1000).matchAll(/'([^']*)'|([\w.]+)/g)) {
    const value = quoted ?? plain
    if (value !== undefined) found.push(value)
  }
  return found
}
