import type { Cataloged, Cataloger } from '../../../cataloger.ts'
import { emptyPackage, homepageOf, parseParty } from '../../../found.ts'
import { declaredLicences } from '../../../licence.ts'
import type { FoundPackage, Party } from '../../../model.ts'
import { formatPurl } from '../../../purl.ts'
import { readGemspec, type Gemspec } from './gemspec.ts'

const limit = 4 << 20
/** Where RubyGems keeps what it has installed: the folder of gems, and below it `default` for those of Ruby itself. */
const installed = /^((?:.*\/)?)specifications\/(?:[^/]+\/)*[^/]+\.gemspec$/

/** Gems that RubyGems, Bundler or a distribution has installed. */
export const gem: Cataloger<Gemspec> = {
  name: 'gem',
  kind: 'gem',
  finds: 'installed',
  match: { extensions: ['gemspec'] },
  wants: ({ path }) => (installed.test(path) ? limit : 0),
  read: (_file, content) => readGemspec(content, true),
  finish: (facts) => catalogued(facts),
}

/** The package that a gemspec describes. */
export function gemPackage(spec: Gemspec, cataloger: string): FoundPackage {
  const { name, version, platform } = spec
  return {
    ...emptyPackage('gem', cataloger),
    // RubyGems does not say whether several licences are a choice.
    ...declaredLicences(spec.licences, null),
    name,
    version,
    purl: gemPurl(name, version, platform),
    supplier: authorOf(spec),
    homepage: homepageOf(spec.homepage),
  }
}

export function gemPurl(name: string, version: string | null, platform = 'ruby'): string {
  return formatPurl({
    type: 'gem',
    name,
    version: version ?? undefined,
    qualifiers: { platform: platform === 'ruby' ? undefined : platform },
  })
}

/** The only author with the address; of several authors nobody says whose it is. */
function authorOf({ authors, email }: Gemspec): Party | null {
  const party = authors.length === 1 ? parseParty(authors[0] ?? '') : parseParty(authors.slice(0, 20).join(', '))
  if (party === null) return null
  return {
    ...party,
    email: party.email ?? (authors.length === 1 && /^[^\s<>@]+@[^\s<>@]+$/.test(email) ? email : undefined),
  }
}

function catalogued(facts: ReadonlyMap<string, Gemspec>): Cataloged {
  const packages: FoundPackage[] = []
  const folders = new Map<string, string>()
  const byName = new Map<string, Set<string>>()
  for (const [path, spec] of facts) {
    const found = { ...gemPackage(spec, 'gem'), locations: [path] }
    packages.push(found)
    byName.set(spec.name, (byName.get(spec.name) ?? new Set()).add(found.purl))
    const root = installed.exec(path)?.[1] ?? ''
    const full = [spec.name, spec.version, ...(spec.platform === 'ruby' ? [] : [spec.platform])].join('-')
    // A name is one part of a path: no other folder can be claimed with it.
    if (!full.includes('/')) folders.set(`${root}gems/${full}`, found.purl)
  }
  for (const [i, spec] of [...facts.values()].entries()) {
    const found = packages[i]
    if (found === undefined) continue
    // Of two installed versions only Ruby's resolver knows which one is meant.
    const purls = spec.dependencies.flatMap((name) => {
      const versions = byName.get(name)
      return versions?.size === 1 ? [...versions] : []
    })
    found.dependsOn = [...new Set(purls)].filter((purl) => purl !== found.purl).sort()
  }
  return { packages, folders }
}
