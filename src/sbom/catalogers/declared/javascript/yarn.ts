import type { JsonValue } from '../../../../base/json.ts'
import { readYamlData } from '../../../../encoding/yaml-data.ts'
import type { Cataloger } from '../../../cataloger.ts'
import type { Checksum, FoundPackage } from '../../../model.ts'
import { at, jsonIn, members, nameIn, objectIn, textIn, textOr } from '../../foreign.ts'
import { integrityOf } from '../../sums.ts'
import { Losses } from '../../losses.ts'
import { gapOf, isOfDependency, link, lockLimit, markDevelopment, type Linked } from '../lock.ts'
import { npmFound, splitAt } from './npm-found.ts'
import { readYarnClassic } from './yarn-classic.ts'

const name = 'yarn-lock'

/** An entry of either format. */
export interface YarnEntry {
  /** What asks for it: `a@^1.0.0`, `a@npm:^1.0.0`. */
  patterns: string[]
  name: string
  version: string | null
  checksums: Checksum[]
  /** Patterns of what it needs. */
  needs: string[]
}

type Fact =
  | { is: 'lock'; packages: FoundPackage[]; byPattern: Map<string, string>; why: string | null }
  | { is: 'manifest'; running: string[]; developing: string[] }

/** yarn.lock of Yarn 1 and of Yarn 2 and later. The package.json files beside and below it tell what only developers need. */
export const yarn: Cataloger<Fact> = {
  name,
  kind: 'npm',
  finds: 'declared',
  match: { names: ['yarn.lock', 'package.json'] },
  wants: (file) => (isOfDependency(file) ? 0 : lockLimit),
  read: ({ name: file }, content) => (file === 'yarn.lock' ? readLock(textIn(content)) : readManifest(content)),
  finish: (facts) => {
    const packages: FoundPackage[] = []
    for (const [path, lock] of facts) {
      if (lock.is !== 'lock') continue
      const folder = path.slice(0, -'yarn.lock'.length)
      const purls = (kind: 'running' | 'developing'): string[] =>
        [...facts].flatMap(([other, fact]) =>
          fact.is === 'manifest' && other.startsWith(folder)
            ? fact[kind].flatMap((need) => purlOf(lock.byPattern, need))
            : [],
        )
      markDevelopment(lock.packages, purls('running'), purls('developing'))
      packages.push(...lock.packages.map((found) => ({ ...found, locations: [path] })))
    }
    const gaps = [...facts].flatMap(([path, fact]) => (fact.is === 'lock' ? gapOf(path, 'npm', fact.why) : []))
    return { packages, gaps }
  },
}

function purlOf(byPattern: ReadonlyMap<string, string>, need: string): string[] {
  const found = byPattern.get(need) ?? byPattern.get(need.replace(/^(.[^@]*)@/, '$1@npm:'))
  return found === undefined ? [] : [found]
}

/** Null where it cannot be read: the cataloger of manifests says so. */
function readManifest(content: Buffer): Fact | null {
  try {
    const json = jsonIn(content)
    const patterns = (...kinds: string[]): string[] =>
      kinds.flatMap((kind) => members(at(json, kind), kind).map(([need, range]) => `${need}@${textOr(range)}`))
    return {
      is: 'manifest',
      running: patterns('dependencies', 'optionalDependencies', 'peerDependencies'),
      developing: patterns('devDependencies'),
    }
  } catch {
    return null
  }
}

function readLock(text: string): Fact {
  const losses = new Losses()
  const isClassic = /^# yarn lockfile v1\s*$/m.test(text.slice(0, 1000))
  const entries = isClassic ? readYarnClassic(text, losses) : readBerry(text, losses)
  const byPattern = new Map<string, string>()
  const linked = entries.flatMap((entry): Linked[] => {
    const found = losses.try(entry.name, () =>
      npmFound(name, entry.name, entry.version, { checksums: entry.checksums }),
    )
    if (found === undefined) return []
    for (const pattern of entry.patterns) byPattern.set(pattern, found.purl)
    return [{ found, needs: entry.needs }]
  })
  return { is: 'lock', packages: link(linked, (need) => byPattern.get(need)), byPattern, why: losses.why }
}

/** Its checksum is of the archive that Yarn makes, which nobody else has: it is no digest of the package. */
function readBerry(text: string, losses: Losses): YarnEntry[] {
  const [document] = readYamlData(text)
  if (at(document, '__metadata') === undefined) throw new Error('expected "# yarn lockfile v1" or "__metadata"')
  return members(document, 'yarn.lock').flatMap(([key, entry]) =>
    key === '__metadata' ? [] : (losses.try(key, () => berryEntry(key, objectIn(entry))) ?? []),
  )
}

function berryEntry(key: string, entry: JsonValue): YarnEntry {
  const patterns = key.split(/,\s*/)
  const resolution = textOr(at(entry, 'resolution'))
  const [own] = splitAt(resolution) ?? splitAt(patterns[0] ?? '') ?? []
  if (own === undefined) throw new Error('expected name@range')
  const version = nameIn(at(entry, 'version'), 'version')
  return {
    patterns,
    name: own,
    // What Yarn writes for a workspace, whose version is in its own manifest.
    version: version === '0.0.0-use.local' ? null : version,
    checksums: integrityOf(textOr(at(entry, 'integrity'))),
    needs: [...members(at(entry, 'dependencies') || undefined, 'dependencies')].flatMap(([need, range]) => {
      const wanted = textOr(range)
      return [`${need}@${wanted}`, ...(wanted.includes(':') ? [] : [`${need}@npm:${wanted}`])]
    }),
  }
}
