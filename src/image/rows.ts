import type { Digest } from '../oci/types.ts'
import { NameKey, NamePool } from './name-pool.ts'
import { Places, type Place } from './places.ts'
import { doubles, RowMemory, words } from './row-memory.ts'
import type { EntryType, InventoryEntry, TarHeader } from './types.ts'
import { inventoryXattrs } from './xattrs.ts'

/** What a layer says of one path, by number. 0 is none. */
export type Row = number

type Xattrs = Readonly<Record<string, string>>

/** What is known of a row beside its columns. */
export const marks = {
  /** It is what its layer has under its path. */
  current: 1 << 16,
  /** Readers have got its content. */
  given: 1 << 17,
  /** It is part of the merged view. */
  visible: 1 << 18,
  /** A visible hard link shares its content. */
  held: 1 << 19,
  /** A hard link whose target a lower layer must have. */
  awaited: 1 << 20,
  /** Its SHA-256 is known. */
  hashed: 1 << 21,
  /** A folder that no layer has an entry for. */
  implied: 1 << 22,
  /** The row is in use. */
  taken: 1 << 23,
} as const

const entryTypes: readonly EntryType[] = ['file', 'dir', 'symlink', 'hardlink', 'char', 'block', 'fifo']
const typeShift = 12

/**
 * Entries of layers in columns: 96 bytes each and the bytes of the name, outside the engine's heap. As objects with texts they took more than
 * 500 bytes each, and millions of them made the engine collect garbage all the time.
 */
export class Rows {
  readonly places = new Places()
  names = new NamePool()
  private readonly memory = new RowMemory()
  private top = 1
  /** First of the freed rows, which are chained by `next`. */
  private freed: Row = 0
  private deadNames = 0
  private readonly attributes = new Map<Row, Xattrs>()
  private readonly nameKey = new NameKey()

  /** The last part of a path, to look for; valid until the next is asked for. */
  key(path: string): NameKey {
    return this.nameKey.base(path)
  }

  /** The name of a row, to look for; valid until the next is asked for. */
  keyOf(row: Row): NameKey {
    return this.names.load(this.memory.get(row, words.name), this.nameKey)
  }

  /** Takes an entry of a layer. @param serial number of the entry in its archive */
  add(header: TarHeader, layer: number, serial: number): Row {
    const { path, type, mode, uid, gid, size, mtime, position = 0, link, xattrs } = header
    const row = this.make(path, type, mode)
    this.memory.set(row, words.uid, uid)
    this.memory.set(row, words.gid, gid)
    this.memory.set(row, words.serial, serial)
    this.memory.set(row, words.layer, layer)
    this.memory.setDouble(row, doubles.size, this.hasDetail(type) ? this.detailOf(type, link, header) : size)
    this.memory.setDouble(row, doubles.mtime, mtime)
    this.memory.setDouble(row, doubles.position, position)
    if (Object.keys(xattrs).length > 0) this.attributes.set(row, xattrs)
    return row
  }

  /** Makes a folder of root's that no layer has an entry for. */
  addImplied(path: string, place: Place, mode: number, gid: number): Row {
    const row = this.make(path, 'dir', mode)
    this.mark(row, marks.implied)
    this.memory.set(row, words.gid, gid)
    this.setPlace(row, place)
    return row
  }

  type(row: Row): EntryType {
    return entryTypes[(this.memory.get(row, words.marks) >>> typeShift) & 0xf] ?? 'file'
  }

  /** Permission bits (12). */
  mode(row: Row): number {
    return this.memory.get(row, words.marks) & 0xfff
  }

  uid(row: Row): number {
    return this.memory.get(row, words.uid)
  }

  gid(row: Row): number {
    return this.memory.get(row, words.gid)
  }

  /** Index of the layer, counted from the lowest. */
  layer(row: Row): number {
    return this.memory.get(row, words.layer)
  }

  /** Number of the entry in its archive, to find its content again. */
  serial(row: Row): number {
    return this.memory.get(row, words.serial)
  }

  /** The first four bytes of the content, big-endian; 0 where there are fewer. */
  magic(row: Row): number {
    return this.memory.get(row, words.magic)
  }

  setMagic(row: Row, magic: number): void {
    this.memory.set(row, words.magic, magic)
  }

  /** Bytes of content; 0 for all but files. */
  size(row: Row): number {
    return this.hasDetail(this.type(row)) ? 0 : this.memory.double(row, doubles.size)
  }

  /** Whole seconds since 1970. */
  mtime(row: Row): number {
    return this.memory.double(row, doubles.mtime)
  }

  /** Byte offset of its header in the archive. */
  position(row: Row): number {
    return this.memory.double(row, doubles.position)
  }

  /** Target of a symbolic or hard link; empty for all else. */
  link(row: Row): string {
    const type = this.type(row)
    return type === 'symlink' || type === 'hardlink' ? this.names.text(this.memory.double(row, doubles.size)) : ''
  }

  /** `major:minor` of a device; undefined for all else. */
  device(row: Row): string | undefined {
    const type = this.type(row)
    return type === 'char' || type === 'block' ? this.names.text(this.memory.double(row, doubles.size)) : undefined
  }

  /** Extended attributes, raw bytes as latin1. */
  xattrs(row: Row): Xattrs {
    return this.attributes.get(row) ?? noXattrs
  }

  /** The folder that it lies in; 0 for the root and as long as it is not known. */
  place(row: Row): Place {
    return this.memory.get(row, words.place)
  }

  setPlace(row: Row, place: Place): void {
    this.places.hold(place)
    this.memory.set(row, words.place, place)
  }

  path(row: Row): string {
    const place = this.place(row)
    if (place === 0) return '.'
    const folder = this.places.path(place)
    const name = this.name(row)
    return folder === '.' ? name : `${folder}/${name}`
  }

  /** The last part of the path. */
  name(row: Row): string {
    return this.names.text(this.memory.get(row, words.name))
  }

  /** Whether the row has this name in this folder. */
  isAt(row: Row, place: Place, key: NameKey): boolean {
    return this.place(row) === place && this.names.is(this.memory.get(row, words.name), key)
  }

  /** Hash of folder and name, equal to that of a key. */
  hash(row: Row): number {
    return this.names.hash(this.memory.get(row, words.name), this.place(row))
  }

  /** Orders names in one folder; `slash` stands for a slash behind the name. */
  compare(a: Row, slashA: boolean, b: Row, slashB: boolean): number {
    return this.names.compare(this.memory.get(a, words.name), slashA, this.memory.get(b, words.name), slashB)
  }

  /** The row behind this one in a chain that the holder of its first row keeps. */
  next(row: Row): Row {
    return this.memory.get(row, words.next)
  }

  setNext(row: Row, next: Row): void {
    this.memory.set(row, words.next, next)
  }

  /** For a hard link: the row that it shares content with; 0 as long as that is not known. */
  target(row: Row): Row {
    return this.memory.get(row, words.target)
  }

  setTarget(row: Row, target: Row): void {
    this.memory.set(row, words.target, target)
  }

  /** The row whose content a row has: itself, or the end of its chain of hard links. */
  contentOf(row: Row): Row {
    const end = this.endOf(row)
    if (this.type(end) === 'hardlink') throw new Error(`${this.path(row)} is a hard link whose target is not known`)
    return end
  }

  /**
   * The end of a chain of hard links as far as it is known, which may be a link whose target a lower layer must have. The chain is shortened on the
   * way: the work of a long one is done once.
   */
  endOf(row: Row): Row {
    let end = row
    for (let next = this.target(end); next !== 0; next = this.target(end)) end = next
    for (let at = row; at !== end;) {
      const next = this.target(at)
      this.setTarget(at, end)
      at = next
    }
    return end
  }

  /** Whether the row has any of some marks. */
  is(row: Row, mark: number): boolean {
    return (this.memory.get(row, words.marks) & mark) !== 0
  }

  mark(row: Row, mark: number): void {
    this.memory.set(row, words.marks, this.memory.get(row, words.marks) | mark)
  }

  unmark(row: Row, mark: number): void {
    this.memory.set(row, words.marks, this.memory.get(row, words.marks) & ~mark)
  }

  /** @param sha256 raw, 32 bytes, of which a copy is made */
  setDigest(row: Row, sha256: Uint8Array): void {
    this.memory.setDigest(row, sha256)
    this.mark(row, marks.hashed)
  }

  digest(row: Row): Digest | undefined {
    return this.is(row, marks.hashed) ? `sha256:${this.memory.digest(row)}` : undefined
  }

  /** A row as a line of the inventory. A hard link is another name of its content: what belongs to the file is the same. */
  entry(row: Row, path = this.path(row)): InventoryEntry {
    const type = this.type(row)
    const content = type === 'hardlink' ? this.contentOf(row) : row
    const entry: InventoryEntry = {
      path,
      type,
      mode: this.mode(row),
      uid: this.uid(row),
      gid: this.gid(row),
      size: this.size(content),
    }
    const sha256 = this.digest(content)
    if (sha256 !== undefined) entry.sha256 = sha256
    if (type === 'symlink' || type === 'hardlink') entry.link = this.link(row)
    const device = this.device(row)
    if (device !== undefined) entry.device = device
    const xattrs = this.inventoryXattrs(row, content)
    if (xattrs !== undefined) entry.xattrs = xattrs
    return entry
  }

  /** Attributes as an inventory has them. */
  inventoryXattrs(row: Row, content: Row): Xattrs | undefined {
    const held = this.attributes.get(content) ?? this.attributes.get(row)
    return held === undefined ? undefined : inventoryXattrs(held)
  }

  /** Gives a row back that nothing refers to any more. */
  free(row: Row): void {
    const place = this.place(row)
    if (place !== 0) this.places.release(place)
    this.deadNames += this.names.bytesAt(this.memory.get(row, words.name))
    if (this.hasDetail(this.type(row))) this.deadNames += this.names.bytesAt(this.memory.double(row, doubles.size))
    this.attributes.delete(row)
    this.memory.set(row, words.marks, 0)
    this.setNext(row, this.freed)
    this.freed = row
  }

  /** Gives the memory of names back, once most of them are of freed rows. */
  sweepNames(): void {
    const live = this.names.size - this.deadNames
    // No more work than there is garbage.
    if (this.deadNames < Math.max(live, smallestSweep, 4 * this.top)) return
    const names = new NamePool()
    for (let row = 1; row < this.top; row++) {
      if (!this.is(row, marks.taken)) continue
      this.memory.set(row, words.name, names.copy(this.names, this.memory.get(row, words.name)))
      if (this.hasDetail(this.type(row)))
        this.memory.setDouble(row, doubles.size, names.copy(this.names, this.memory.double(row, doubles.size)))
    }
    this.names = names
    this.deadNames = 0
  }

  private make(path: string, type: EntryType, mode: number): Row {
    const row = this.freed === 0 ? this.top++ : this.freed
    if (row === this.freed) this.freed = this.next(row)
    this.memory.clear(row)
    this.memory.set(row, words.marks, marks.taken | (entryTypes.indexOf(type) << typeShift) | mode)
    this.memory.set(row, words.name, this.names.put(this.key(path)))
    return row
  }

  /** Links and devices have no size: there stands where their target or number is in the pool. */
  private hasDetail(type: EntryType): boolean {
    return type === 'symlink' || type === 'hardlink' || type === 'char' || type === 'block'
  }

  private detailOf(type: EntryType, link: string, { devMajor, devMinor }: TarHeader): number {
    const text = type === 'symlink' || type === 'hardlink' ? link : `${devMajor}:${devMinor}`
    return this.names.put(this.nameKey.text(text))
  }
}
const noXattrs: Xattrs = {}
const smallestSweep = 1 << 20
