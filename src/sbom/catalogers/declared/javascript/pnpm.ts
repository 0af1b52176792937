import type { JsonValue } from '../../../../base/json.ts'
import { readYamlData } from '../../../../encoding/yaml-data.ts'
import type { FoundPackage } from '../../../model.ts'
import { at, members, objectIn, textIn, textOr, versionIn } from '../../foreign.ts'
import { npmPurl } from '../../language/npm.ts'
import { integrityOf } from '../../sums.ts'
import { Losses } from '../../losses.ts'
import { link, lockFile, markDevelopment, partly, type Linked } from '../lock.ts'
import { npmFound, registryVersion, splitAt } from './npm-found.ts'

const name = 'pnpm-lock'

/** pnpm-lock.yaml, versions 5 to 9; pnpm 10 puts two documents into one file, of which the first is about pnpm itself. */
export const pnpm = lockFile({
  name,
  kind: 'npm',
  match: { names: ['pnpm-lock.yaml'] },
  read: (content) => {
    const documents = readYamlData(textIn(content)).filter((document) => document !== '')
    if (documents.length === 0) throw new Error('the file is empty')
    const losses = new Losses()
    const [first] = documents
    if (documents.length === 1 && first !== undefined) return partly(readDocument(first, losses), losses)
    return partly(
      documents.flatMap((one, i) => losses.try(`document ${i + 1}`, () => readDocument(one, losses)) ?? []),
      losses,
    )
  },
})

function readDocument(document: JsonValue, losses: Losses): FoundPackage[] {
  const major = Number.parseInt(textOr(at(document, 'lockfileVersion')), 10)
  if (!(major >= 5 && major <= 9))
    throw new Error(`expected lockfileVersion 5 to 9, found "${textOr(at(document, 'lockfileVersion'))}"`)
  const parts = (key: string): [string, string | null] | null => (major < 6 ? olderKey(key) : newerKey(key))
  const purls = new Map<string, string>()
  const entries: Linked[] = []
  for (const [key, entry] of members(filled(at(document, 'packages')), 'packages')) {
    const one = losses.try(key, () => ({ found: packageOf(key, objectIn(entry), parts), needs: needsOf(entry) }))
    if (one === undefined) continue
    purls.set(key, one.found.purl)
    entries.push(one)
  }
  // Since version 9 the edges stand beside, once for each set of peers.
  const byPurl = new Map(entries.map(({ found }) => [found.purl, found]))
  for (const [key, entry] of members(filled(at(document, 'snapshots')), 'snapshots')) {
    const plain = withoutPeers(key)
    const one = losses.try(key, () => {
      const known = byPurl.get(purls.get(plain) ?? '')
      return { needs: needsOf(objectIn(entry)), found: known ?? packageOf(plain, {}, parts) }
    })
    if (one === undefined) continue
    purls.set(key, one.found.purl)
    purls.set(plain, one.found.purl)
    entries.push(one)
  }
  const purlOf = (need: string): string | undefined => {
    const [own, version] = splitAt(need) ?? []
    if (own === undefined || version === undefined) return undefined
    for (const key of [version, `/${own}/${version}`, `/${own}@${version}`, `${own}@${version}`]) {
      const found = purls.get(key) ?? purls.get(withoutPeers(key))
      if (found !== undefined) return found
    }
    const plain = registryVersion(withoutPeers(version).replace(/_.*$/, ''))
    const guess = plain === null ? '' : npmPurl(own, plain)
    return byPurl.has(guess) ? guess : undefined
  }
  const roots = rootsOf(document, losses)
  for (const need of roots.running) {
    const [own, version] = splitAt(need) ?? []
    const plain = registryVersion(withoutPeers(version ?? '').replace(/_.*$/, ''))
    // A file that was cut down by hand still names them.
    if (own === undefined || plain === null || purlOf(need) !== undefined) continue
    const found = losses.try(own, () => npmFound(name, own, plain))
    if (found === undefined) continue
    purls.set(`/${own}/${version ?? ''}`, found.purl)
    entries.push({ found, needs: [] })
  }
  const packages = [...new Set(link(entries, purlOf))]
  if (roots.developing.length + roots.running.length > 0)
    markDevelopment(
      packages,
      roots.running.flatMap((need) => purlOf(need) ?? []),
      roots.developing.flatMap((need) => purlOf(need) ?? []),
    )
  return packages
}

function packageOf(
  key: string,
  entry: JsonValue,
  parts: (key: string) => [string, string | null] | null,
): FoundPackage {
  const [own, version] = [textOr(at(entry, 'name')), versionIn(at(entry, 'version'))]
  const known = parts(withoutPeers(key))
  // Packages from repositories and archives say their name and version themselves.
  if (own === '' && known === null) throw new Error(`expected a name and version, found "${key.slice(0, 200)}"`)
  return npmFound(name, own || (known?.[0] ?? ''), version ?? known?.[1] ?? null, {
    checksums: integrityOf(textOr(at(entry, 'resolution', 'integrity'))),
    scope: at(entry, 'dev') === 'true' ? 'development' : at(entry, 'optional') === 'true' ? 'optional' : undefined,
  })
}

/** `/@scope/name/1.0.0_peers`, or with a registry before the first slash. */
function olderKey(key: string): [string, string | null] | null {
  const [, own, version] = /^[^/]*\/((?:@[^/]+\/)?[^/]+)\/([^/_]+)(?:_[^/]*)?$/.exec(key) ?? []
  return own === undefined || version === undefined ? null : [own, registryVersion(version)]
}

/** `/@scope/name@1.0.0` of version 6, without the slash since version 9. */
function newerKey(key: string): [string, string | null] | null {
  const [own, version] = splitAt(key.replace(/^\//, '')) ?? []
  return own === undefined || version === undefined ? null : [own, registryVersion(version)]
}

function withoutPeers(key: string): string {
  const open = key.indexOf('(')
  return open === -1 ? key : key.slice(0, open)
}

function needsOf(entry: JsonValue): string[] {
  return ['dependencies', 'optionalDependencies'].flatMap((kind) =>
    members(filled(at(entry, kind)), kind).map(
      ([need, version]) => `${need}@${textOr(at(version, 'version') ?? version)}`,
    ),
  )
}

/** What the workspace's own packages ask for. */
function rootsOf(document: JsonValue, losses: Losses): { running: string[]; developing: string[] } {
  const importers: [string, JsonValue][] = [
    ['the project', document],
    ...members(filled(at(document, 'importers')), 'importers'),
  ]
  const asked = (read: (importer: JsonValue) => string[]): string[] =>
    importers.flatMap(([key, importer]) => losses.try(key, () => read(importer)) ?? [])
  const developing = asked((importer) =>
    members(filled(at(importer, 'devDependencies')), 'devDependencies').map(
      ([need, version]) => `${need}@${textOr(at(version, 'version') ?? version)}`,
    ),
  )
  return { running: asked(needsOf), developing }
}

/** An empty value of YAML is no map. */
function filled(value: JsonValue | undefined): JsonValue | undefined {
  return value === '' ? undefined : value
}
