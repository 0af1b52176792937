import { LayerFolder, opaque, reborn, used } from './layer-folders.ts'
import { bindLink, holdChain, linkRemedy } from './hard-links.ts'
import { baseOf, parentOf } from '../tar/paths.ts'
import { ambiguous, invalid, quote, whiteoutOfNothing, type Place } from '../tar/refusals.ts'
import { RowList } from './row-list.ts'
import { RowTable } from './row-table.ts'
import { marks, Rows, type Row } from './rows.ts'
import type { TarHeader } from './types.ts'
import { lostXattr } from './xattrs.ts'

/** Bytes of the paths of all folders that a layer implies without an entry for them: 64 MiB. */
const impliedLimit = 1 << 26

/**
 * The net effect of one layer, built entry by entry as engines apply it: later entries of a path win, a file takes the place of a folder
 * with all that the layer put into it, and the other way round. What depends on how an engine applies a layer (onto the older ones, or into an
 * upper folder of an overlay mount) is refused. Work is linear in the bytes of names.
 */
export class LayerRecords {
  readonly subject: string
  readonly rows: Rows
  readonly root: LayerFolder
  /** Hard links whose target was not in this layer when they came: older layers must have it. */
  readonly openLinks: Row[] = []
  /** Rows that the last entry made obsolete. */
  obsolete: readonly Row[] = none
  private readonly table: RowTable
  private readonly all = new RowList()
  private readonly folders: LayerFolder[] = []
  private last: LayerFolder | null
  private impliedBytes = 0

  /** @param subject what errors name: the layer's digest @param rows those of the view that the layer will be part of */
  constructor(subject: string, rows = new Rows()) {
    this.subject = subject
    this.rows = rows
    this.table = new RowTable(rows)
    this.root = this.makeFolder(null, '.')
    this.root.flags = used
    this.last = this.root
  }

  /** What the layer has under a path; 0 for nothing. */
  find(path: string): Row {
    if (path === '.') return this.root.record
    const place = this.rows.places.find(parentOf(path))
    return place === 0 ? 0 : this.at(place, path)
  }

  /** All that the layer has, each path once. */
  *current(): Generator<Row> {
    for (const row of this.all) if (this.rows.is(row, marks.current)) yield row
  }

  /** Takes a whiteout, whatever its type; false when the entry is none. @throws VerificationError `path-escape`, `archive-ambiguous` */
  addWhiteout({ path, position = 0 }: Pick<TarHeader, 'path' | 'position'>): boolean {
    if (!path.includes('.wh.')) return false
    const parent = parentOf(path)
    const base = baseOf(path)
    const place = this.place(position)
    if (parent.startsWith('.wh.') || parent.includes('/.wh.'))
      throw ambiguous(place, path, 'lies inside a whiteout: some engines make it, others do not', plainRemedy)
    if (!base.startsWith('.wh.')) return false
    const name = base.slice(4)
    if (name === '' || name === '.' || name === '..') throw whiteoutOfNothing(place, path)
    const folder = this.enter(path, position, false)
    if (base === '.wh..wh..opq') this.makeOpaque(folder, path, position)
    else if (!name.startsWith('.wh.')) {
      const target = parent === '.' ? name : `${parent}/${name}`
      if (this.at(folder.place, target) !== 0 || folder.folders?.get(name)?.isUsed === true) {
        const why = `is a whiteout of what the same layer holds before it: Docker and Podman remove ${JSON.stringify(target)}, umoci keeps it`
        throw ambiguous(place, path, why, 'Write whiteouts first, and none for what the layer itself brings.')
      }
      folder.gone = (folder.gone ?? new Map<string, number>()).set(name, position)
    }
    // Other `.wh..wh.` names are aufs' own files.
    return true
  }

  /** Takes the name of a pax global header: engines that ignore it remove what has its name, and make its folder. */
  addGlobal(path: string, { position }: Place): void {
    if (path === '.') return
    if (/(?:^|\/)\.wh\./.test(path)) {
      const why = 'is a pax global header with the name of a whiteout: Docker and confidential guests take it as one'
      throw ambiguous(this.place(position), path, why, 'Write global headers with a name that no file has.')
    }
    const folder = this.enter(path, position, true)
    const name = baseOf(path)
    if (this.at(folder.place, path) !== 0 || folder.folders?.has(name) === true) {
      const why =
        'is a pax global header with the name of an entry: Docker and containerd remove that, other readers do not'
      throw ambiguous(this.place(position), path, why, 'Write global headers with a name that no file has.')
    }
    folder.globals = (folder.globals ?? new Map<string, number>()).set(name, position)
  }

  /**
   * Adds an entry and gives its row; `obsolete` then has those that it takes the place of.
   *
   * @param serial number of the entry in its archive
   * @throws VerificationError `archive-ambiguous`, `format-invalid`
   */
  add(header: TarHeader, layer: number, serial: number): Row {
    this.obsolete = none
    const { path, type, position = 0 } = header
    const row = this.rows.add(header, layer, serial)
    this.all.push(row)
    if (path === '.') return this.addRoot(row)
    if (type === 'hardlink') this.bind(row, header)
    const folder = this.enter(path, position, true)
    this.rows.setPlace(row, folder.place)
    if (type === 'dir') return this.addFolder(row, folder, header)
    const old = this.replace(folder, path, row)
    const name = folder.folders === null ? '' : baseOf(path)
    const below = folder.folders?.get(name)
    if (old !== 0 || below !== undefined) {
      const obsolete = old === 0 ? [] : [old]
      if (below !== undefined) {
        folder.countImplied(-below.implied)
        folder.folders?.delete(name)
        this.removeBelow(below, obsolete)
      }
      this.obsolete = obsolete
    }
    if (folder.lastLeaf === 0) folder.firstLeaf = row
    else this.rows.setNext(folder.lastLeaf, row)
    folder.lastLeaf = row
    return row
  }

  /**
   * Gives back all rows that are not seen in the view and whose content no visible link shares; to be called once the view has taken the layer.
   *
   * @param bound links of upper layers whose targets are in this one
   */
  release(bound: readonly Row[]): void {
    const { rows, all } = this
    const needed = marks.visible | marks.held
    for (const row of all) if (rows.is(row, marks.visible)) holdChain(rows, row)
    for (const row of bound) if (rows.is(row, needed)) holdChain(rows, row)
    for (const rest of [all, bound]) for (const row of rest) if (!rows.is(row, needed | marks.awaited)) rows.free(row)
    for (const { place } of this.folders) rows.places.release(place)
    rows.sweepNames()
  }

  private at(place: number, path: string): Row {
    const row = this.table.find(place, this.rows.key(path))
    return this.rows.is(row, marks.current) ? row : 0
  }

  /** Makes a row the current one of its path. @returns the one that was, or 0 */
  private replace(folder: LayerFolder, path: string, row: Row): Row {
    const old = this.table.set(folder.place, this.rows.key(path), row)
    const was = this.rows.is(old, marks.current)
    if (was) this.rows.unmark(old, marks.current)
    this.rows.mark(row, marks.current)
    return was ? old : 0
  }

  private addRoot(row: Row): Row {
    if (this.rows.type(row) !== 'dir') {
      throw ambiguous(
        this.place(this.rows.position(row)),
        '.',
        'is the root and not a folder: containerd ignores it, others fail',
        plainRemedy,
      )
    }
    if (this.root.record !== 0) this.rows.unmark(this.root.record, marks.current)
    this.rows.mark(row, marks.current)
    this.root.record = row
    return row
  }

  private addFolder(row: Row, folder: LayerFolder, { path, position = 0, xattrs }: TarHeader): Row {
    const name = baseOf(path)
    const old = this.at(folder.place, path)
    const own = this.subfolder(folder, name, { path, position })
    const isNew = !own.isUsed
    if (isNew && (old !== 0 || folder.gone?.has(name) === true || folder.globals?.has(name) === true))
      own.flags |= reborn
    if (!isNew && own.record === 0) own.countImplied(-1)
    const lost = own.record === 0 ? null : lostXattr(this.rows.xattrs(own.record), xattrs)
    if (lost !== null) throw xattrLost(this.place(position), path, lost)
    own.flags |= used
    own.record = row
    this.replace(folder, path, row)
    if (old !== 0 && this.rows.type(old) !== 'dir') this.obsolete = [old]
    return row
  }

  /** Finds the folder of an entry, or makes it with those above it. @param real whether an entry lies in it, not only a whiteout */
  private enter(entry: string, position: number, real: boolean): LayerFolder {
    const path = parentOf(entry)
    if (this.last?.path === path && (this.last.isUsed || !real)) return this.last
    let folder = this.root
    for (let at = 0; path !== '.' && at < path.length;) {
      const slash = path.indexOf('/', at)
      const end = slash === -1 ? path.length : slash
      const name = path.slice(at, end)
      const found = folder.folders?.get(name)
      const next = found ?? this.subfolder(folder, name, { path: path.slice(0, end), position })
      if (found === undefined && this.at(folder.place, next.path) !== 0) {
        const why = `lies below ${JSON.stringify(next.path)}, which is not a folder: some engines follow a link there, others replace it`
        throw ambiguous(this.place(position), entry, why, plainRemedy)
      }
      if (real && !next.isUsed) this.imply(folder, next, name)
      folder = next
      at = end + 1
    }
    this.last = folder
    return folder
  }

  private imply(parent: LayerFolder, folder: LayerFolder, name: string): void {
    folder.flags |= used
    if (parent.gone?.has(name) === true || parent.globals?.has(name) === true) folder.flags |= reborn
    folder.inherits = parent.record === 0 ? parent.inherits : this.setgidOf(parent.record)
    folder.countImplied(1)
    this.impliedBytes += folder.path.length
    if (this.impliedBytes > impliedLimit)
      throw invalid(this.place(folder.position), `more than ${impliedLimit} bytes of paths of folders without an entry`)
  }

  private subfolder(
    parent: LayerFolder,
    name: string,
    { path, position }: { path: string; position: number },
  ): LayerFolder {
    const found = parent.folders?.get(name)
    if (found !== undefined) return found
    const made = this.makeFolder(parent, path)
    made.position = position
    parent.folders = (parent.folders ?? new Map<string, LayerFolder>()).set(name, made)
    return made
  }

  private makeOpaque(folder: LayerFolder, path: string, position: number): void {
    const below = folder.implied - (folder.isUsed && folder.record === 0 && folder.parent !== null ? 1 : 0)
    if (below > 0) {
      const why =
        'is an opaque whiteout behind entries whose folders have no entry: Docker and containerd remove them, umoci keeps them'
      throw ambiguous(this.place(position), path, why, 'Write opaque whiteouts first, or an entry for each folder.')
    }
    folder.flags |= opaque
  }

  private makeFolder(parent: LayerFolder | null, path: string): LayerFolder {
    const made = new LayerFolder(parent, path, this.rows.places.take(path))
    this.folders.push(made)
    return made
  }

  private setgidOf(row: Row): number | 'plain' {
    return (this.rows.mode(row) & 0o2000) === 0 ? 'plain' : this.rows.gid(row)
  }

  /** Binds a hard link to what its target is now, as link(2) does. */
  private bind(row: Row, { path, link, position = 0 }: TarHeader): void {
    const refuse = (why: string): Error => ambiguous(this.place(position), path, why, linkRemedy)
    if (link === path) throw refuse('is a hard link to itself')
    if (link.startsWith(`${path}/`)) throw refuse('is a hard link to what it replaces')
    const target = this.find(link)
    if (target !== 0) bindLink(this.rows, row, target, { subject: this.subject, path })
    else if (this.removes(link)) {
      const above = this.leafAbove(link)
      const why = above === null ? 'its layer took away' : `lies below ${quote(above)}, which is not a folder`
      throw refuse(`is a hard link to ${quote(link)}, which ${why}`)
    } else this.openLinks.push(row)
  }

  /** What this layer has above a path and is no folder. */
  private leafAbove(path: string): string | null {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const row = this.find(path.slice(0, slash))
      if (row !== 0 && this.rows.type(row) !== 'dir') return path.slice(0, slash)
    }
    return null
  }

  /** Whether this layer has taken an older path away so far. */
  private removes(path: string): boolean {
    let folder: LayerFolder | undefined = this.root
    for (let at = 0; folder !== undefined;) {
      const slash = path.indexOf('/', at)
      const name = slash === -1 ? path.slice(at) : path.slice(at, slash)
      if ((folder.flags & (opaque | reborn)) !== 0 || folder.gone?.has(name) === true) return true
      const next: LayerFolder | undefined = folder.folders?.get(name)
      // What is there and no folder leads elsewhere; a folder is no target.
      if (slash === -1) return next?.isUsed === true
      if (next === undefined) return this.at(folder.place, path.slice(0, slash)) !== 0
      folder = next
      at = slash + 1
    }
    return false
  }

  private removeBelow(top: LayerFolder, obsolete: Row[]): void {
    const { rows } = this
    this.last = null
    const folders = [top]
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      for (let row = folder.firstLeaf; row !== 0; row = rows.next(row)) {
        if (!rows.is(row, marks.current)) continue
        rows.unmark(row, marks.current)
        obsolete.push(row)
      }
      if (folder.record !== 0 && folder !== top) {
        rows.unmark(folder.record, marks.current)
        obsolete.push(folder.record)
      }
      for (const below of folder.folders?.values() ?? []) folders.push(below)
    }
  }

  private place(position: number): Place {
    return { subject: this.subject, position }
  }
}

/** An engine that applies layers onto one another keeps attributes that an overlay mount drops. */
export function xattrLost(place: Place, path: string, name: string): Error {
  const why = `is a folder without the attribute ${name} that an older entry of it has: Podman keeps it, umoci drops it`
  return ambiguous(place, path, why, 'Write the folder with the same attributes each time.')
}

const none: readonly Row[] = []

const plainRemedy = 'Build the image again with a tool that writes the real path of each file.'
