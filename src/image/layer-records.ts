import { LayerFolder, opaque, reborn, used } from './layer-folders.ts'
import { baseOf, parentOf } from './paths.ts'
import { ambiguous, invalid, quote, whiteoutOfNothing, type Place } from './refusals.ts'
import type { InventoryEntry, TarHeader } from './types.ts'
import { inventoryXattrs, lostXattr, otherXattr } from './xattrs.ts'

/** What one layer says of one path. */
export interface LayerRecord {
  entry: InventoryEntry
  layer: number
  /** Number of the entry in its archive, to find its content again. */
  serial: number
  /** Byte offset of its header in the archive. */
  position: number
  mtime: number
  /** Extended attributes, raw bytes as latin1. */
  xattrs: Readonly<Record<string, string>>
  /** The first four bytes of the content, big-endian; 0 where there are fewer. */
  magic: number
  /** For a hard link: the record that it shares content with, once that is known. */
  target: LayerRecord | null
}

/** Bytes of the paths of all folders that a layer implies without an entry for them: 64 MiB. */
const impliedLimit = 1 << 26

export function makeRecord(header: TarHeader, layer: number, serial: number): LayerRecord {
  const entry: InventoryEntry = {
    path: header.path,
    type: header.type,
    mode: header.mode,
    uid: header.uid,
    gid: header.gid,
    size: header.size,
  }
  if (header.type === 'symlink' || header.type === 'hardlink') entry.link = header.link
  if (header.type === 'char' || header.type === 'block') entry.device = `${header.devMajor}:${header.devMinor}`
  const xattrs = inventoryXattrs(header.xattrs)
  if (xattrs !== undefined) entry.xattrs = xattrs
  const { mtime, position = 0 } = header
  return { entry, layer, serial, position, mtime, xattrs: header.xattrs, magic: 0, target: null }
}

/** The record whose content a record has: itself, or the end of its chain of hard links, which is shortened on the way. */
export function contentOf(record: LayerRecord): LayerRecord {
  let end = record
  while (end.entry.type === 'hardlink') {
    if (end.target === null) throw new Error(`${record.entry.path} is a hard link whose target is not known`)
    end = end.target
  }
  for (let at = record; at !== end && at.target !== null;) {
    const next = at.target
    at.target = end
    at = next
  }
  return end
}

/**
 * The net effect of one layer, built entry by entry as engines apply it: later entries of a path win, a file takes the place of a folder
 * with all that the layer put into it, and the other way round. What depends on how an engine applies a layer (onto the older ones, or into an
 * upper folder of an overlay mount) is refused. Work is linear in the bytes of names.
 */
export class LayerRecords {
  readonly subject: string
  readonly records = new Map<string, LayerRecord>()
  readonly root = new LayerFolder(null, '.')
  /** Hard links whose target was not in this layer when they came: older layers must have it. */
  readonly openLinks: LayerRecord[] = []
  private last: LayerFolder | null = this.root
  private impliedBytes = 0

  /** @param subject what errors name: the layer's digest */
  constructor(subject: string) {
    this.subject = subject
    this.root.flags = used
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
      if (this.records.has(target) || folder.folders?.get(name)?.isUsed === true) {
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
    if (this.records.has(path) || folder.folders?.has(name) === true) {
      const why =
        'is a pax global header with the name of an entry: Docker and containerd remove that, other readers do not'
      throw ambiguous(this.place(position), path, why, 'Write global headers with a name that no file has.')
    }
    folder.globals = (folder.globals ?? new Map<string, number>()).set(name, position)
  }

  /** Adds an entry and returns the records that it makes obsolete. @throws VerificationError `archive-ambiguous`, `format-invalid` */
  add(record: LayerRecord): LayerRecord[] {
    const { path, type } = record.entry
    if (path === '.') return this.addRoot(record)
    if (type === 'hardlink') this.bind(record)
    const folder = this.enter(path, record.position, true)
    const name = baseOf(path)
    const old = this.records.get(path)
    if (type === 'dir') return this.addFolder(record, old, { folder, name })
    const obsolete = old === undefined ? [] : [old]
    const below = folder.folders?.get(name)
    if (below !== undefined) {
      folder.countImplied(-below.implied)
      folder.folders?.delete(name)
      this.removeBelow(below, obsolete)
    }
    this.records.set(path, record)
    if (folder.leaves === null) folder.leaves = [record]
    else folder.leaves.push(record)
    return obsolete
  }

  private addRoot(record: LayerRecord): LayerRecord[] {
    if (record.entry.type !== 'dir') {
      throw ambiguous(
        this.place(record.position),
        '.',
        'is the root and not a folder: containerd ignores it, others fail',
        plainRemedy,
      )
    }
    this.records.set('.', record)
    this.root.record = record
    return []
  }

  private addFolder(
    record: LayerRecord,
    old: LayerRecord | undefined,
    { folder, name }: { folder: LayerFolder; name: string },
  ): LayerRecord[] {
    const { path } = record.entry
    const own = this.subfolder(folder, name, { path, position: record.position })
    const isNew = !own.isUsed
    if (isNew && (old !== undefined || folder.gone?.has(name) === true || folder.globals?.has(name) === true))
      own.flags |= reborn
    if (!isNew && own.record === null) own.countImplied(-1)
    const lost = own.record === null ? null : lostXattr(own.record.xattrs, record.xattrs)
    if (lost !== null) throw xattrLost(this.place(record.position), path, lost)
    own.flags |= used
    own.record = record
    this.records.set(path, record)
    return old === undefined || old.entry.type === 'dir' ? [] : [old]
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
      if (found === undefined && this.records.has(next.path)) {
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
    folder.inherits = parent.record === null ? parent.inherits : setgidOf(parent.record.entry)
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
    const made = new LayerFolder(parent, path)
    made.position = position
    parent.folders = (parent.folders ?? new Map<string, LayerFolder>()).set(name, made)
    return made
  }

  private makeOpaque(folder: LayerFolder, path: string, position: number): void {
    const below = folder.implied - (folder.isUsed && folder.record === null && folder.parent !== null ? 1 : 0)
    if (below > 0) {
      const why =
        'is an opaque whiteout behind entries whose folders have no entry: Docker and containerd remove them, umoci keeps them'
      throw ambiguous(this.place(position), path, why, 'Write opaque whiteouts first, or an entry for each folder.')
    }
    folder.flags |= opaque
  }

  /** Binds a hard link to what its target is now, as link(2) does. */
  private bind(record: LayerRecord): void {
    const { path } = record.entry
    const link = record.entry.link ?? ''
    const refuse = (why: string): Error => ambiguous(this.place(record.position), path, why, linkRemedy)
    if (link === path) throw refuse('is a hard link to itself')
    if (link.startsWith(`${path}/`)) throw refuse('is a hard link to what it replaces')
    const target = this.records.get(link)
    if (target !== undefined) bindLink(record, target, this.subject)
    else if (this.removes(link)) {
      const above = this.leafAbove(link)
      const why = above === null ? 'its layer took away' : `lies below ${quote(above)}, which is not a folder`
      throw refuse(`is a hard link to ${quote(link)}, which ${why}`)
    } else this.openLinks.push(record)
  }

  /** What this layer has above a path and is no folder. */
  private leafAbove(path: string): string | null {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const type = this.records.get(path.slice(0, slash))?.entry.type
      if (type !== undefined && type !== 'dir') return path.slice(0, slash)
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
      if (next === undefined) return this.records.has(path.slice(0, slash))
      folder = next
      at = slash + 1
    }
    return false
  }

  private removeBelow(top: LayerFolder, obsolete: LayerRecord[]): void {
    this.last = null
    const folders = [top]
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      for (const record of folder.leaves ?? []) {
        if (this.records.get(record.entry.path) !== record) continue
        this.records.delete(record.entry.path)
        obsolete.push(record)
      }
      if (folder.record !== null && folder !== top) obsolete.push(folder.record)
      if (folder !== top) this.records.delete(folder.path)
      for (const below of folder.folders?.values() ?? []) folders.push(below)
    }
  }

  private place(position: number): Place {
    return { subject: this.subject, position }
  }
}

/** Binds a hard link to a record. @throws VerificationError `archive-ambiguous` where the link's entry says otherwise than its target's */
export function bindLink(link: LayerRecord, target: LayerRecord, subject: string): void {
  const { path, mode, uid, gid } = link.entry
  const to = JSON.stringify(target.entry.path)
  const place = { subject, position: link.position }
  if (target.entry.type === 'dir')
    throw ambiguous(place, path, `is a hard link to ${to}, which is a folder`, linkRemedy)
  const isSymlink = (target.target === null ? target : contentOf(target)).entry.type === 'symlink'
  if ((mode !== target.entry.mode && !isSymlink) || uid !== target.entry.uid || gid !== target.entry.gid) {
    const why = `is a hard link to ${to} with another mode or owner than that: Docker and Podman change both names, umoci none`
    throw ambiguous(place, path, why, 'Write both entries with the same mode and owner.')
  }
  if (isSymlink && (uid !== 0 || gid !== 0)) {
    const why = `is a hard link to the symbolic link ${to} of another owner than root: guests of Confidential Containers give what that leads to this owner`
    throw ambiguous(place, path, why, 'Write the symbolic link twice, or give it to root.')
  }
  const name = otherXattr(target.xattrs, link.xattrs)
  if (name !== null) {
    const why = `is a hard link to ${to} with another attribute ${name}: Docker and Podman change both names, umoci none`
    throw ambiguous(place, path, why, 'Write both entries with the same attributes.')
  }
  link.target = target
}

function setgidOf({ mode, gid }: InventoryEntry): number | 'plain' {
  return (mode & 0o2000) === 0 ? 'plain' : gid
}

/** An engine that applies layers onto one another keeps attributes that an overlay mount drops. */
export function xattrLost(place: Place, path: string, name: string): Error {
  const why = `is a folder without the attribute ${name} that an older entry of it has: Podman keeps it, umoci drops it`
  return ambiguous(place, path, why, 'Write the folder with the same attributes each time.')
}

const plainRemedy = 'Build the image again with a tool that writes the real path of each file.'
const linkRemedy = 'Write the file before its hard links, and these to its real path.'
