import { VerificationError } from '../base/errors.ts'
import { baseOf, parentOf } from './paths.ts'
import type { InventoryEntry, TarHeader } from './types.ts'

/** What one layer says of one path. */
export interface LayerRecord {
  entry: InventoryEntry
  layer: number
  /** Number of the entry in its archive, to find its content again. */
  serial: number
  mtime: number
  /** The first four bytes of the content, big-endian; 0 where there are fewer. */
  magic: number
  /** For a hard link: the record that it shares content with, once that is known. */
  target: LayerRecord | null
}

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
  return { entry, layer, serial, mtime: header.mtime, magic: 0, target: null }
}

/** The record whose content a record has: itself, or the end of its chain of hard links. */
export function contentOf(record: LayerRecord): LayerRecord {
  let at = record
  for (let steps = 0; at.entry.type === 'hardlink'; steps++) {
    if (at.target === null || steps > 64) throw broken(record.entry.path, 'is a hard link to nothing')
    at = at.target
  }
  return at
}

/**
 * The net effect of one layer, built entry by entry: later entries of a path win, a file takes the place of a folder with all that the
 * layer put into it, and the other way round. What lies below something that is no folder is refused: extractors would follow a link there.
 */
export class LayerRecords {
  readonly records = new Map<string, LayerRecord>()
  /** Paths that this layer takes away from the layers below it. */
  readonly whiteouts = new Set<string>()
  /** Folders whose older content this layer hides (OCI image-spec, opaque whiteout). */
  readonly opaque = new Set<string>()
  /** Everything used as a folder, with or without an entry of its own. */
  readonly folders = new Set<string>()
  private readonly openLinks: LayerRecord[] = []
  /** What lies directly in a folder, so that taking one away costs no more than what was in it. */
  private readonly inside = new Map<string, Set<string>>()

  /** Takes a whiteout; false when the entry is none. @throws VerificationError `path-escape`, `format-invalid` */
  addWhiteout(path: string): boolean {
    const parent = parentOf(path)
    if (/(^|\/)\.wh\./.test(parent)) throw broken(path, 'lies inside a whiteout')
    const base = baseOf(path)
    if (!base.startsWith('.wh.')) return false
    const name = base.slice(4)
    if (base === '.wh..wh..opq') this.opaque.add(parent)
    else if (name === '' || name === '.' || name === '..') {
      throw new VerificationError('path-escape', `the whiteout ${path} names no file`, { subject: path })
    } else if (!name.startsWith('.wh.')) this.whiteouts.add(parent === '.' ? name : `${parent}/${name}`)
    // Other `.wh..wh.` names are aufs' own files.
    return true
  }

  /** Adds an entry and returns the records that it makes obsolete. */
  add(record: LayerRecord): LayerRecord[] {
    const { path, type } = record.entry
    if (path === '.' && type !== 'dir') throw broken(path, 'is the root and not a folder')
    for (let parent = parentOf(path); parent !== '' && !this.folders.has(parent); parent = parentOf(parent)) {
      const found = this.records.get(parent)
      if (found !== undefined && found.entry.type !== 'dir')
        throw broken(path, `lies below ${parent}, which is not a folder`)
      this.folders.add(parent)
      this.place(parent)
    }
    const obsolete: LayerRecord[] = []
    const old = this.records.get(path)
    if (old !== undefined && !(type === 'dir' && old.entry.type === 'dir')) obsolete.push(old)
    if (type === 'hardlink') this.bind(record, old)
    if (type === 'dir') {
      this.folders.add(path)
      // The file in between has removed what older layers had here.
      if (obsolete.length > 0) this.opaque.add(path)
    } else if (this.folders.has(path)) {
      obsolete.push(...this.removeBelow(path))
    }
    this.records.set(path, record)
    this.place(path)
    return obsolete
  }

  /** Hard links whose target is not in this layer. */
  finish(): LayerRecord[] {
    return this.openLinks.filter((record) => {
      const target = this.records.get(record.entry.link as string)
      if (target === record) throw broken(record.entry.path, 'is a hard link to itself')
      record.target = target ?? null
      return record.target === null && this.records.get(record.entry.path) === record
    })
  }

  /** Whether this layer removes an older path. */
  hides(path: string): boolean {
    if (this.whiteouts.has(path)) return true
    for (let at = parentOf(path); at !== ''; at = parentOf(at)) {
      const type = this.records.get(at)?.entry.type
      if (this.whiteouts.has(at) || this.opaque.has(at) || (type !== undefined && type !== 'dir')) return true
    }
    return false
  }

  private bind(record: LayerRecord, old: LayerRecord | undefined): void {
    const target = this.records.get(record.entry.link as string)
    if (target !== undefined && target === old) throw broken(record.entry.path, 'is a hard link to itself')
    if (target !== undefined) record.target = target
    else this.openLinks.push(record)
  }

  private place(path: string): void {
    const parent = parentOf(path)
    const siblings = this.inside.get(parent)
    if (siblings === undefined) this.inside.set(parent, new Set([path]))
    else siblings.add(path)
  }

  private removeBelow(path: string): LayerRecord[] {
    const removed: LayerRecord[] = []
    const folders = [path]
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      this.folders.delete(folder)
      const found = this.inside.get(folder) ?? []
      this.inside.delete(folder)
      for (const item of found) {
        const record = this.records.get(item)
        if (record !== undefined) removed.push(record)
        this.records.delete(item)
        if (this.folders.has(item)) folders.push(item)
      }
    }
    return removed
  }
}

export function broken(path: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `a layer cannot be read in one way only: ${path} ${why}`, {
    subject: path,
    remedy: 'Build the image again with a tool that writes the real path of each file.',
  })
}
