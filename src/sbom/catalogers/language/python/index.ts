import type { CatalogContext, Cataloged, Cataloger, FileHead } from '../../../cataloger.ts'
import { emptyPackage, homepageOf } from '../../../found.ts'
import type { FoundPackage, OwnedFile } from '../../../model.ts'
import { formatPurl } from '../../../purl.ts'
import { isShared } from '../../../shared-folders.ts'
import { jsonIn, textIn } from '../../foreign.ts'
import { readDirectUrl, type DirectUrl } from './direct-url.ts'
import { eggRequirements, pypiName, readMetadata, type PythonMetadata } from './metadata.ts'
import { placed, readInstalledFiles, readRecord, type RecordedFile } from './record.ts'

/** Most bytes of one file: RECORD lists every file of a distribution. */
const limit = 32 << 20

type Fact =
  | { is: 'metadata'; metadata: PythonMetadata }
  | { is: 'files'; files: RecordedFile[] }
  | { is: 'modules'; names: string[] }
  | { is: 'origin'; origin: DirectUrl }
  | { is: 'requires'; names: string[] }
  | { is: 'installer'; name: string }

/** Which files lie in the folder that describes a distribution, and how each is read. */
const readers: Readonly<Record<string, (content: Buffer) => Fact | null>> = {
  METADATA: metadataFact,
  'PKG-INFO': metadataFact,
  RECORD: (content) => ({ is: 'files', files: readRecord(content) }),
  'installed-files.txt': (content) => ({ is: 'files', files: readInstalledFiles(content) }),
  'top_level.txt': (content) => ({ is: 'modules', names: modulesIn(content) }),
  'direct_url.json': (content) => ({ is: 'origin', origin: readDirectUrl(jsonIn(content)) }),
  'requires.txt': (content) => ({ is: 'requires', names: eggRequirements(content) }),
  INSTALLER: (content) => ({ is: 'installer', name: textIn(content).trim().slice(0, 100) }),
}

/** Python distributions that are installed: wheels (`.dist-info`) and eggs (`.egg-info` as file or folder, `EGG-INFO`). */
export const python: Cataloger<Fact> = {
  name: 'python',
  kind: 'pypi',
  finds: 'installed',
  match: { names: Object.keys(readers), extensions: ['egg-info'] },
  wants: (file) => (isEggFile(file) || isDescription(file) ? limit : 0),
  sameAs: (a, b) => a.name === b.name,
  read: (file, content) => (isEggFile(file) ? metadataFact(content) : (readers[file.name]?.(content) ?? null)),
  finish: (facts, { tree }) => assemble(facts, tree),
}

function isEggFile({ name }: FileHead): boolean {
  return name.endsWith('.egg-info')
}

/** Wheels hold METADATA, eggs PKG-INFO; a source archive has a PKG-INFO of its own, which installs nothing. */
function isDescription({ name, parent }: FileHead): boolean {
  const wheel = /dist-info$/i.test(parent)
  if (!wheel && !/egg-info$/i.test(parent)) return false
  return name === 'METADATA' ? wheel : name === 'PKG-INFO' ? !wheel : true
}

function metadataFact(content: Buffer): Fact | null {
  const metadata = readMetadata(content)
  // The interpreter of Python 2 describes itself in this way; it is no distribution of the index.
  return metadata.name === 'Python' ? null : { is: 'metadata', metadata }
}

/** Top modules of a distribution. Only plain names: they become folders that it owns. */
function modulesIn(content: Buffer): string[] {
  return textIn(content)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^\w[\w-]{0,200}$/.test(line))
}

type Facts = Partial<{ [K in Fact['is']]: Extract<Fact, { is: K }> }> & { paths?: string[] }

interface Installed {
  metadata: PythonMetadata
  found: FoundPackage
  /** Folder of its modules. */
  site: string
  /** Facts of the folder that describes it, by kind. */
  facts: Facts
  describedIn: string
}

function assemble(facts: ReadonlyMap<string, Fact>, tree: CatalogContext['tree']): Cataloged {
  const folders = new Map<string, Facts>()
  for (const [path, fact] of facts) {
    if (path.endsWith('.egg-info')) continue
    const folder = parentOf(path)
    const known = folders.get(folder)
    folders.set(folder, { ...known, [fact.is]: fact, paths: [...(known?.paths ?? []), path] })
  }
  const installed: Installed[] = []
  for (const [path, fact] of facts) {
    if (fact.is !== 'metadata') continue
    const isFile = path.endsWith('.egg-info')
    const describedIn = isFile ? path : parentOf(path)
    const known = isFile ? {} : (folders.get(describedIn) ?? {})
    installed.push({
      metadata: fact.metadata,
      found: makePackage(fact.metadata, path, known),
      site: parentOf(describedIn),
      facts: known,
      describedIn,
    })
  }
  relate(installed)
  const owned = installed.flatMap(ownedFiles)
  const claimed = new Map(installed.flatMap((one) => (one.facts.files === undefined ? ownedFolders(one, tree) : [])))
  return { packages: installed.map(({ found }) => found), owned, folders: claimed }
}

function parentOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
}

function makePackage(metadata: PythonMetadata, path: string, facts: Facts): FoundPackage {
  const name = pypiName(metadata.name)
  const origin = facts.origin?.origin
  const installer = facts.installer?.name ?? ''
  const properties: [string, string][] = [
    ...(origin?.editable === true ? [['python:editable', 'true'] satisfies [string, string]] : []),
    ...(/^[\w.-]+$/.test(installer) ? [['python:installer', installer] satisfies [string, string]] : []),
  ]
  return {
    ...emptyPackage('pypi', 'python'),
    name,
    version: metadata.version,
    purl: formatPurl({
      type: 'pypi',
      name,
      version: metadata.version ?? undefined,
      qualifiers: { vcs_url: origin?.vcsUrl ?? undefined },
    }),
    licence: metadata.licence,
    licenceText: metadata.licenceText,
    supplier: metadata.supplier,
    homepage: homepageOf(metadata.homepage),
    locations: [path],
    checksums: origin !== undefined && origin.checksums.length > 0 ? origin.checksums : undefined,
    properties: properties.length > 0 ? properties : undefined,
  }
}

/** A requirement is met by what lies in the same folder, else by what the whole image has once under that name. */
function relate(installed: readonly Installed[]): void {
  const bySite = new Map<string, string>()
  const anywhere = new Map<string, Set<string>>()
  for (const { found, site } of installed) {
    bySite.set(`${site}\n${found.name}`, found.purl)
    anywhere.set(found.name, (anywhere.get(found.name) ?? new Set()).add(found.purl))
  }
  for (const { metadata, facts, found, site } of installed) {
    const names = new Set([...metadata.requires, ...(facts.requires?.names ?? [])])
    const purls = [...names].map((name) => bySite.get(`${site}\n${name}`) ?? onlyOf(anywhere.get(name)))
    found.dependsOn = [...new Set(purls.filter((purl) => purl !== undefined))]
      .filter((purl) => purl !== found.purl)
      .sort()
  }
}

function onlyOf(purls: ReadonlySet<string> | undefined): string | undefined {
  return purls?.size === 1 ? [...purls][0] : undefined
}

function ownedFiles({ facts, site, found, describedIn }: Installed): OwnedFile[] {
  const { purl } = found
  // RECORD names files from the folder of the modules, installed-files.txt from its own.
  const base = /dist-info$/i.test(describedIn) ? site : describedIn
  const prefix = prefixOf(site)
  const listed = (facts.files?.files ?? []).flatMap(({ path, checksum }) => {
    const at = placed(base, path)
    return at === null || !isBelow(at, prefix) || !isCounted(at, site, checksum) ? [] : [{ path: at, purl, checksum }]
  })
  return [...(facts.paths ?? []).map((path) => ({ path, purl })), ...listed]
}

/** Programs and data lie beside the modules, in one prefix with them; a list that leaves it would claim the files of anybody. */
function prefixOf(site: string): string {
  return /^(?:(.*)\/)?lib(?:64)?\/python[^/]*\/(?:site|dist)-packages$/.exec(site)?.[1] ?? site
}

function isBelow(path: string, folder: string): boolean {
  return folder === '' || path.startsWith(`${folder}/`)
}

/** Beside the modules, and where a distribution lies in a folder of the whole system, only a SHA-256 makes a file its own. */
function isCounted(path: string, site: string, checksum: OwnedFile['checksum']): boolean {
  return checksum?.algorithm === 'SHA-256' || (!isShared(site) && isBelow(path, site))
}

/** Without a list of files: the describing folder, and the modules that it names. */
function ownedFolders(
  { facts, site, found, describedIn }: Installed,
  tree: CatalogContext['tree'],
): [string, string][] {
  const egg = /^(.+\.egg)\/EGG-INFO$/.exec(describedIn)?.[1]
  if (egg !== undefined) return [[egg, found.purl]]
  const modules = (facts.modules?.names ?? []).map((name) => (site === '' ? name : `${site}/${name}`))
  return [describedIn, ...modules.filter((folder) => tree.get(folder)?.type === 'dir')].map((folder) => [
    folder,
    found.purl,
  ])
}
