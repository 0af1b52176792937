import { tryExecutables } from '../../binary/open.ts'
import { largestExecutable } from '../../binary/executable.ts'
import { classifiersFor } from '../../classifiers/index.ts'
import { findVersion } from '../../classifiers/match.ts'
import type { Classifier, Clue } from '../../classifiers/types.ts'
import type { Cataloger, FileHead } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import { baseOf, parentOf } from '../../../tar/paths.ts'
import type { FoundPackage } from '../../model.ts'
import type { FileTree } from '../../tree.ts'
import { formatPurl } from '../../purl.ts'

interface Fact {
  /** Versions that the file itself shows. */
  found: { classifier: Classifier; version: string }[]
  /** Classifiers whose version may stand in another file. */
  open: Classifier[]
  /** Libraries that the program loads, where that matters. */
  libraries: string[]
}

interface Shown {
  path: string
  version: string
}

/** Programs and libraries that no package manager brought, by their names and by what stands in them. */
export const classified: Cataloger<Fact> = {
  name: 'binary-classifier',
  kind: 'binary',
  finds: 'installed',
  inPlace: true,
  sameAs: (a, b) => !asksMore(a, b),
  match: { any: (file) => classifiersFor(file).length > 0 },
  // A larger executable is reported by the cataloger `executables`.
  wants: ({ size }) => (size <= largestExecutable ? largestExecutable : 0),
  read: (file, content) => {
    const fact = classify(file, content)
    return fact.found.length + fact.open.length === 0 ? null : fact
  },
  finish: (facts, { tree }) => {
    const packages: FoundPackage[] = []
    const index = indexVersions(facts, tree)
    for (const [path, { found, open, libraries }] of facts) {
      for (const { classifier, version } of found)
        if (classifier.hidden !== true) packages.push(packageOf(classifier, version, [path]))
      for (const classifier of open) {
        const other = lookUp(classifier, path, libraries, index)
        if (other !== null) packages.push(packageOf(classifier, other.version, [path, other.path].sort()))
      }
    }
    return { packages }
  },
}

/** Whether another name of a file makes more classifiers look at it, or one of them search for another text: `python3.11` says more than `python3`. */
function asksMore(read: FileHead, other: FileHead): boolean {
  const asked = new Set(classifiersFor(read))
  const searched = ({ text }: Clue, { name }: FileHead): string | undefined =>
    typeof text === 'function' ? text(name)?.source : text.source
  return classifiersFor(other).some((each) => {
    if (!asked.has(each)) return true
    return each.clues.some((clue) => {
      const wanted = searched(clue, other)
      return wanted !== undefined && wanted !== searched(clue, read)
    })
  })
}

function classify(file: FileHead, content: Buffer): Fact {
  const fact: Fact = { found: [], open: [], libraries: [] }
  const settled = new Set<string>()
  for (const classifier of classifiersFor(file)) {
    if (classifier.group !== undefined && settled.has(classifier.group)) continue
    const version = classifier.clues.map((clue) => () => findVersion(content, file.name, clue)).reduce(firstOf, null)
    if (version !== null) {
      fact.found.push({ classifier, version })
      if (classifier.group !== undefined) settled.add(classifier.group)
    } else if (classifier.lookup !== undefined) fact.open.push(classifier)
  }
  if (fact.open.some(({ lookup }) => lookup?.library !== undefined))
    fact.libraries = tryExecutables(content).flatMap((program) => librariesOf(program))
  return fact
}

function firstOf(known: string | null, next: () => string | null): string | null {
  return known ?? next()
}

/** A damaged list of libraries costs only what they would have told. */
function librariesOf(program: { libraries(): string[] }): string[] {
  try {
    return program.libraries()
  } catch {
    return []
  }
}

/** Versions that files show, by classifier and name, and by classifier and folder. A library counts under the names of its links as well. */
function indexVersions(facts: ReadonlyMap<string, Fact>, tree: FileTree): ReadonlyMap<string, Shown> {
  const index = new Map<string, Shown>()
  for (const [path, { found }] of facts) {
    for (const { classifier, version } of found) {
      for (const key of [`${classifier.id}\0${baseOf(path)}`, `${classifier.id}/${folderOf(path)}`])
        if (!index.has(key)) index.set(key, { path, version })
    }
  }
  const loaded = new Set([...facts.values()].flatMap(({ libraries }) => libraries.map(baseOf)))
  for (const { path, type } of loaded.size === 0 ? [] : tree.all()) {
    if (type !== 'symlink' || !loaded.has(baseOf(path))) continue
    // `libruby.so.3.3`, which programs load, is a link to `libruby.so.3.3.0`.
    const real = tree.resolve(path) ?? ''
    for (const { classifier, version } of facts.get(real)?.found ?? []) {
      const key = `${classifier.id}\0${baseOf(path)}`
      if (!index.has(key)) index.set(key, { path: real, version })
    }
  }
  return index
}

function lookUp(
  { lookup }: Classifier,
  path: string,
  libraries: readonly string[],
  index: ReadonlyMap<string, Shown>,
): Shown | null {
  if (lookup === undefined) return null
  const names = libraries.map(baseOf).filter((each) => lookup.library?.test(each))
  const folders = (lookup.folder ?? []).map((up) => (up === '' ? folderOf(path) : folderOf(folderOf(path))))
  const keys = [...names.map((each) => `${lookup.id}\0${each}`), ...folders.map((each) => `${lookup.id}/${each}`)]
  return keys.map((key) => index.get(key)).find((each) => each !== undefined) ?? null
}

function folderOf(path: string): string {
  const parent = parentOf(path)
  return parent === '.' ? '' : parent
}

function packageOf({ id, name, purl }: Classifier, version: string, locations: string[]): FoundPackage {
  const identity = purl ?? { type: 'generic', name }
  return {
    ...emptyPackage(identity.type === 'golang' ? 'golang' : 'binary', 'binary-classifier'),
    name,
    version,
    purl: formatPurl({ ...identity, version }),
    locations,
    properties: [['binary:classifier', id]],
  }
}
