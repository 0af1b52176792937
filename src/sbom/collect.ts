import type { Alias, Entries, InventoryEntry, PassReader, TarHeader } from '../image/types.ts'
import { entriesOfType, lazyEntries } from '../image/entries.ts'
import { baseOf, parentOf } from '../tar/paths.ts'
import { messageOf, VerificationError } from '../base/errors.ts'
import type { Cataloged, CatalogContext, Cataloger, FileHead } from './cataloger.ts'
import type { Gap } from './model.ts'
import { isBinary } from './magic.ts'
import { treeOf, type FileTree } from './tree.ts'

/** One pass of one cataloger. */
interface Run {
  cataloger: Cataloger
  facts: Map<string, unknown>
  gaps: Map<string, Gap>
  /** Files that it has read, also those that gave nothing, with their first bytes. */
  seen: Map<string, number>
  /** Names under which it was not given a file: the first, and how many. One gap for all, since an image may have a million. */
  unread: { path: string; count: number; why: string } | null
}

/** Which runs want a file. */
interface Asked {
  path: string
  head: FileHead
  runs: { run: Run; bytes: number }[]
}

/** Puts any number of catalogers on one pass. Which of them are asked about a file is looked up by its name, folder and first bytes. */
export class Collector implements PassReader {
  private readonly runs: Run[]
  private readonly names = new Map<string, Run[]>()
  private readonly extensions = new Map<string, Run[]>()
  private readonly parents = new Map<string, Run[]>()
  private readonly magics = new Map<number, Run[]>()
  private readonly anyFile: Run[]
  /** Visible files that a processor or loader runs (ELF, PE, Mach-O), whatever their mode. */
  readonly binaries = new Set<string>()
  /** Which runs wanted the file that is read now. */
  private asked: Asked | null = null

  constructor(catalogers: readonly Cataloger[]) {
    this.runs = catalogers.map((cataloger) => ({
      cataloger,
      facts: new Map(),
      gaps: new Map(),
      seen: new Map(),
      unread: null,
    }))
    for (const run of this.runs) {
      const { match } = run.cataloger
      for (const name of match.names ?? []) push(this.names, name, run)
      for (const extension of match.extensions ?? []) push(this.extensions, extension, run)
      for (const parent of match.parents ?? []) push(this.parents, parent, run)
      for (const magic of match.magics ?? []) push(this.magics, magic, run)
    }
    this.anyFile = this.runs.filter(({ cataloger }) => cataloger.match.any !== undefined)
  }

  wants(header: TarHeader, _layer: number, magic: number): number {
    this.asked = this.ask(header, magic)
    // An empty file is given as well: a database that was truncated to nothing is not "no database".
    return this.asked.runs.reduce((most, { bytes }) => Math.max(most, bytes), 0)
  }

  private ask(header: TarHeader, magic: number): Asked {
    const head = headOf(header, magic)
    const runs: { run: Run; bytes: number }[] = []
    for (const run of this.candidates(head)) {
      const bytes = Math.min(run.cataloger.wants(head), Math.max(header.size, 1))
      if (bytes > 0) runs.push({ run, bytes })
    }
    if (isBinary(magic)) this.binaries.add(header.path)
    return { path: header.path, head, runs }
  }

  file(header: TarHeader, content: Buffer): void {
    // Other names of a file are announced together and read later: what was asked last may be another file.
    const asked =
      this.asked?.path === header.path ? this.asked : this.ask(header, content.length < 4 ? 0 : content.readUInt32BE())
    const { head, runs } = asked
    for (const { run, bytes } of runs) {
      const part = bytes < content.length ? content.subarray(0, bytes) : content
      this.read(run, head, run.cataloger.inPlace === true ? part : Buffer.from(part))
    }
  }

  unread(header: TarHeader, magic: number, why: string): void {
    for (const { run } of this.ask(header, magic).runs) {
      if (run.cataloger.strict === true) throw notGiven(header.path, why)
      if (run.unread === null) run.unread = { path: header.path, count: 1, why }
      else run.unread.count++
    }
  }

  forget(path: string): void {
    this.binaries.delete(path)
    for (const run of this.runs) {
      run.facts.delete(path)
      run.gaps.delete(path)
      run.seen.delete(path)
    }
  }

  /** What a file gave under one name it gives under the other, where the same catalogers are interested in both. */
  linked(path: string, content: string): boolean {
    if (this.binaries.has(content)) this.binaries.add(path)
    const magic = this.runs.find(({ seen }) => seen.has(content))?.seen.get(content)
    if (magic === undefined) return false
    const head = headOf({ path, size: 1, mode: 0 }, magic)
    const wanting = this.candidates(head).filter((run) => run.cataloger.wants(head) > 0)
    const other = headOf({ path: content, size: 1, mode: 0 }, magic)
    const isSame = ({ cataloger, seen }: Run): boolean =>
      seen.has(content) && (cataloger.sameAs?.(other, head) ?? other.name === head.name)
    if (!wanting.every(isSame)) return false
    for (const run of wanting) copyFact(run, content, path)
    return true
  }

  aliases(inventory: Entries): readonly Alias[] {
    const links = [...entriesOfType(inventory, 'symlink')]
    if (links.length === 0) return []
    const tree = treeOf(inventory)
    return [...this.linkedFiles(links, tree), ...this.linkedFolders(inventory, tree)]
  }

  /** Packages of all catalogers, each with its own result. @throws VerificationError for an unreadable package database */
  finish(context: CatalogContext): { cataloger: Cataloger; result: Cataloged; gaps: Gap[] }[] {
    return this.runs.map(({ cataloger, facts, gaps, unread: names }) => {
      const sorted = new Map([...facts].sort(([a], [b]) => (a < b ? -1 : 1)))
      const result = finishOne(cataloger, sorted, context)
      const blocked = cataloger.strict === true ? blockedPlaces(cataloger, context.tree) : []
      const unread = names === null ? [] : [unreadGap(cataloger.kind, names)]
      return { cataloger, result, gaps: [...gaps.values(), ...(result.gaps ?? []), ...blocked, ...unread] }
    })
  }

  private candidates(head: FileHead): Run[] {
    const found = new Set<Run>()
    const add = (runs: readonly Run[] | undefined): void => {
      if (runs !== undefined) for (const run of runs) found.add(run)
    }
    add(this.names.get(head.name))
    add(this.parents.get(head.parent))
    const dot = head.name.lastIndexOf('.')
    if (dot !== -1) add(this.extensions.get(head.name.slice(dot + 1).toLowerCase()))
    if (head.magic !== 0) add(this.magics.get(head.magic))
    for (const run of this.anyFile) if (run.cataloger.match.any?.(head) === true) found.add(run)
    return found.size === 0 ? none : [...found]
  }

  private read(run: Run, head: FileHead, content: Buffer): void {
    const { cataloger } = run
    run.seen.set(head.path, head.magic)
    run.facts.delete(head.path)
    run.gaps.delete(head.path)
    const gap = (reason: Gap['reason'], why: string): void => {
      run.gaps.set(head.path, { path: head.path, kind: cataloger.kind, reason, why })
    }
    if (content.length < head.size && cataloger.takesHead !== true) {
      if (cataloger.strict === true) throw tooLarge(head, content.length)
      gap('too-large', `the file has ${head.size} bytes; at most ${content.length} bytes are read`)
      return
    }
    try {
      const fact = cataloger.read(head, content)
      if (fact !== null) run.facts.set(head.path, fact)
    } catch (error) {
      if (cataloger.strict === true) throw error
      gap('unreadable', messageOf(error))
    }
  }

  /** A link whose own name a cataloger wants, to a file whose name it does not want. */
  private linkedFiles(links: readonly InventoryEntry[], tree: FileTree): Alias[] {
    const found: Alias[] = []
    for (const { path } of links) {
      if (!this.isNews(path, path)) continue
      const real = tree.resolve(path)
      if (real !== null && isFile(tree.get(real)) && this.isNews(path, real)) found.push({ path: real, as: path })
    }
    return found
  }

  /** Whether a cataloger wants a file for one name of it, which has not read it under the other. */
  private isNews(name: string, readAs: string): boolean {
    const head = headOf({ path: name, size: 1, mode: 0 }, 0)
    const other = headOf({ path: readAs, size: 1, mode: 0 }, 0)
    return this.candidates(head).some(
      ({ cataloger, seen }) =>
        !(seen.has(readAs) && (cataloger.sameAs?.(other, head) ?? true)) && cataloger.wants(head) > 0,
    )
  }

  private linkedFolders(inventory: Entries, tree: FileTree): Alias[] {
    const found: Alias[] = []
    for (const folder of new Set(this.runs.flatMap(({ cataloger }) => cataloger.folders ?? []))) {
      const real = tree.resolve(folder)
      if (real === null || real === folder || real === '') continue
      for (const entry of lazyEntries(inventory)) {
        const { path } = entry
        if (!path.startsWith(`${real}/`) || !isFile(entry)) continue
        const as = `${folder}${path.slice(real.length)}`
        if (this.isNews(as, path)) found.push({ path, as })
      }
    }
    return found
  }
}
const none: Run[] = []

function push<K>(table: Map<K, Run[]>, key: K, run: Run): void {
  const held = table.get(key)
  if (held === undefined) table.set(key, [run])
  else held.push(run)
}

/** A fault in one cataloger costs what it read, file by file, and not the whole description. */
function finishOne(cataloger: Cataloger, facts: ReadonlyMap<string, unknown>, context: CatalogContext): Cataloged {
  try {
    return cataloger.finish(facts, context)
  } catch (error) {
    if (error instanceof VerificationError) throw error
    const { kind } = cataloger
    return {
      packages: [],
      gaps: [...facts.keys()].map((path) => ({ path, kind, reason: 'unreadable', why: messageOf(error) })),
    }
  }
}

/** Fixed places of a system database that hold something else than a file, such as a link that leads nowhere: its packages are not known. */
function blockedPlaces({ kind, folders, match, wants }: Cataloger, tree: FileTree): Gap[] {
  const gaps = new Map<string, Gap>()
  const check = (path: string, fits: (real: InventoryEntry) => boolean): void => {
    const here = tree.resolve(path, true)
    const entry = here === null ? undefined : tree.get(here)
    if (entry === undefined || gaps.has(entry.path)) return
    const target = tree.resolve(path)
    const real = target === null ? undefined : tree.get(target)
    if (real !== undefined && fits(real)) return
    const found = entry.type === 'symlink' ? `a link to ${JSON.stringify(entry.link ?? '')}` : `the type ${entry.type}`
    const why = `expected a package database, found ${found}`
    gaps.set(entry.path, { path: entry.path, kind, reason: 'unreadable', why })
  }
  for (const folder of folders ?? []) {
    check(folder, ({ type }) => type === 'dir')
    for (const name of match.names ?? []) {
      const path = `${folder}/${name}`
      if (wants(headOf({ path, size: 1, mode: 0 }, 0)) > 0) check(path, isFile)
    }
  }
  return [...gaps.values()]
}

function copyFact(run: Run, from: string, to: string): void {
  run.seen.set(to, run.seen.get(from) ?? 0)
  if (run.facts.has(from)) run.facts.set(to, run.facts.get(from))
  const gap = run.gaps.get(from)
  if (gap !== undefined) run.gaps.set(to, { ...gap, path: to })
}

function headOf({ path, size, mode }: Pick<TarHeader, 'path' | 'size' | 'mode'>, magic: number): FileHead {
  const parent = parentOf(path)
  return { path, name: baseOf(path), parent: parent === '.' ? '' : baseOf(parent), size, mode, magic }
}

function tooLarge({ path, size }: FileHead, most: number): VerificationError {
  return new VerificationError('format-invalid', `${path} has ${size} bytes; at most ${most} bytes of it are read`, {
    subject: path,
  })
}

function unreadGap(kind: string, { path, count, why }: NonNullable<Run['unread']>): Gap {
  const others = count === 1 ? '' : `, nor under ${count - 1} further ${count === 2 ? 'name' : 'names'}`
  return { path, kind, reason: 'too-large', why: `the file is not read under this name${others}: ${why}` }
}

function notGiven(path: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `the package database ${path} is not read: ${why}`, {
    subject: path,
    remedy: 'The image has too many links to large files: build it again without them.',
  })
}

function isFile(entry: InventoryEntry | undefined): boolean {
  return entry?.type === 'file' || entry?.type === 'hardlink'
}
