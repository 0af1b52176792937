import { AwaitedLinks } from './awaited-links.ts'
import { opaque, reborn, type LayerFolder } from './layer-folders.ts'
import { LayerRecords, xattrLost } from './layer-records.ts'
import { MergedInventory } from './merged-inventory.ts'
import { baseOf, parentOf } from '../tar/paths.ts'
import { ambiguous, quote } from '../tar/refusals.ts'
import { marks, Rows, type Row } from './rows.ts'
import { lostXattr } from './xattrs.ts'
import { closed, covered, decided, expected, implicit, needed, ViewFolder } from './view-folders.ts'
import { VisibleRows } from './visible-rows.ts'

/**
 * The merged root file system, built from the top layer down, so that what is hidden is known before it is read. It is what applying the
 * layers from the bottom up gives, and what an overlay mount of them shows; layers for which these differ, or engines do, are refused. Each
 * layer costs as many steps as it has entries and folders.
 */
export class MergedView {
  readonly rows = new Rows()
  private readonly visible = new VisibleRows(this.rows)
  private readonly root = new ViewFolder(null, '.', this.rows.places)
  private readonly links = new AwaitedLinks(this.root, this.rows)
  private readonly waitingFolders: ViewFolder[] = []
  /** The folder that was asked for last, and whether lower layers are hidden in it. */
  private last: { path: string; folder: ViewFolder | null; hidden: boolean } | null = null

  /** The next lower layer, to be filled and applied before another is made. @param subject what errors name: the layer's digest */
  layer(subject: string): LayerRecords {
    return new LayerRecords(subject, this.rows)
  }

  /** Whether upper layers hide this path of the layer that comes next. */
  hides(path: string): boolean {
    if (path === '.') return this.visible.root !== 0
    const parent = parentOf(path)
    if (this.last?.path !== parent) this.last = { path: parent, ...this.locate(parent) }
    const { folder, hidden } = this.last
    if (hidden || folder === null) return hidden
    return this.visible.at(folder, path) !== 0 || (folder.gone?.has(baseOf(path)) ?? false)
  }

  /** Takes the next lower layer, whose rows without use are given back. @throws VerificationError `archive-ambiguous` */
  apply(layer: LayerRecords): void {
    this.last = null
    const bound = this.links.bind(layer)
    this.links.add(layer)
    const { record } = layer.root
    if (record !== 0 && this.visible.root === 0) this.visible.setRoot(record)
    new LayerMerge(layer, this.visible, this.waitingFolders, this.root.dispute).enter(layer.root, this.root)
    layer.release(bound)
  }

  /** The inventory, sorted by bytes; folders that no layer has an entry for are root's, 0755. @throws VerificationError `archive-ambiguous` */
  finish(): MergedInventory {
    this.links.finish()
    for (const folder of this.waitingFolders) if (folder.has(expected)) throw notThere(folder)
    const implied: [ViewFolder, Row][] = []
    const folders = [this.root]
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      if (folder.has(implicit) && this.visible.find(folder.path) === 0) implied.push([folder, this.implied(folder)])
      for (const below of folder.folders?.values() ?? []) folders.push(below)
    }
    const { rows, table, order, root } = this.visible
    for (const [{ path, parent }, row] of implied) if (parent !== null) table.set(parent.number, rows.key(path), row)
    return new MergedInventory(rows, table, { root, order, implied: implied.map(([, row]) => row), top: this.root })
  }

  /** A folder that no layer has an entry for: root's, 0755, with the group of a setgid folder that it is made in. */
  private implied({ path, parent, inherits, place }: ViewFolder): Row {
    const above = parent === null ? 0 : this.visible.find(parent.path)
    if (inherits === 'older' && above !== 0 && (this.rows.mode(above) & 0o2000) !== 0) {
      const why =
        'has no entry and lies in a setgid folder of an older layer: some engines give it that group, others do not'
      throw ambiguous(place ?? nowhere, path, why, 'Write an entry for the folder.')
    }
    const [mode, gid] = typeof inherits === 'number' ? [0o2755, inherits] : [0o755, 0]
    return this.rows.addImplied(path, parent?.number ?? 0, mode, gid)
  }

  private locate(path: string): { folder: ViewFolder | null; hidden: boolean } {
    let folder = this.root
    for (let at = 0; path !== '.' && at < path.length;) {
      const slash = path.indexOf('/', at)
      const end = slash === -1 ? path.length : slash
      const name = path.slice(at, end)
      if (folder.has(covered) || folder.gone?.has(name) === true) return { folder: null, hidden: true }
      const next = folder.folders?.get(name)
      if (next === undefined) return { folder: null, hidden: this.isLeaf(path.slice(0, end)) }
      if (this.isLeaf(next.path)) return { folder: null, hidden: true }
      folder = next
      at = end + 1
    }
    return { folder, hidden: folder.has(covered) }
  }

  private isLeaf(path: string): boolean {
    const row = this.visible.find(path)
    return row !== 0 && this.rows.type(row) !== 'dir'
  }
}

function notThere({ path, place }: ViewFolder): Error {
  const why = 'is the folder of a whiteout, and no layer has it: Docker and Podman make it, umoci does not'
  return ambiguous(place ?? nowhere, path, why, 'Leave the whiteout out.')
}
const nowhere = { subject: 'a layer', position: 0 }

/** A folder that is being merged. */
interface OpenFolder {
  from: LayerFolder
  view: ViewFolder
  /** Folders in it that are to come. */
  rest: Iterator<[string, LayerFolder]> | null
  /** What holds outside of it: see {@link LayerMerge}. */
  dispute: string | null
  ownHidden: boolean
}

/** Puts one layer below those above it. */
class LayerMerge {
  private readonly layer: LayerRecords
  private readonly rows: Rows
  private readonly visible: VisibleRows
  private readonly waitingFolders: ViewFolder[]
  /** Why engines differ in whether what is entered is seen; null where they do not. */
  private dispute: string | null
  /** What is entered is hidden by this layer's own whiteouts. */
  private ownHidden = false

  constructor(layer: LayerRecords, visible: VisibleRows, waitingFolders: ViewFolder[], dispute: string | null) {
    this.layer = layer
    this.rows = layer.rows
    this.visible = visible
    this.waitingFolders = waitingFolders
    this.dispute = dispute
  }

  /** Merges what lies in a folder and below it; without recursion, since a path may have more than 2000 folders. */
  enter(from: LayerFolder, view: ViewFolder): void {
    const { dispute, ownHidden } = this
    const open = [this.open({ from, view, dispute, ownHidden })]
    for (let at = open.at(-1); at !== undefined; at = open.at(-1)) {
      const next = at.rest?.next()
      if (next === undefined || next.done === true) {
        // Marks act on lower layers only, so they are set last.
        this.mark(at.from, at.view)
        this.dispute = at.dispute
        this.ownHidden = at.ownHidden
        open.pop()
      } else {
        const below = this.folder(...next.value, at)
        if (below !== null) open.push(below)
      }
    }
  }

  private open(folder: Omit<OpenFolder, 'rest'>): OpenFolder {
    const { from, view } = folder
    const { rows } = this
    for (let row = from.firstLeaf; row !== 0; row = rows.next(row))
      if (rows.is(row, marks.current)) this.leaf(row, view)
    return { ...folder, rest: from.folders?.entries() ?? null }
  }

  private leaf(row: Row, view: ViewFolder): void {
    const isPlain = view.folders === null && view.gone === null && view.globals === null
    const name = isPlain ? '' : this.rows.name(row)
    const folder = view.folders?.get(name)
    if (view.gone?.has(name) === true || folder?.has(closed) === true) return
    if (folder?.has(needed) === true) {
      const { subject, position } = folder.place ?? nowhere
      const why = `is not a folder, but ${subject} has an entry below it (at byte ${position}): some engines follow a link there, others replace it`
      throw this.refuse(this.rows.position(row), this.rows.path(row), why)
    }
    if (this.dispute !== null) throw this.refuse(this.rows.position(row), this.rows.path(row), this.dispute)
    if (view.globals?.has(name) === true) throw this.refuse(this.rows.position(row), this.rows.path(row), globalAbove)
    if (folder?.has(decided) !== true) this.visible.offer(view, row)
    if (folder !== undefined) folder.flags |= covered | closed
  }

  /** Places a folder; null where there is nothing to merge in it. */
  private folder(name: string, from: LayerFolder, above: OpenFolder): OpenFolder | null {
    const { path } = from
    const upper = this.visible.at(above.view, path)
    if (above.view.gone?.has(name) === true || (upper !== 0 && this.rows.type(upper) !== 'dir')) return null
    const view = above.view.folder(name, path, this.rows.places)
    if (view.has(closed)) return null
    const hidden = view.has(covered)
    const { dispute, ownHidden } = this
    this.ownHidden ||= (above.from.flags & (opaque | reborn)) !== 0 || above.from.gone?.has(name) === true
    if (from.isUsed) this.place(from, view, above.view)
    else this.expect(from, view)
    this.dispute ??= view.dispute
    if (!hidden) return this.open({ from, view, dispute, ownHidden })
    this.dispute = dispute
    this.ownHidden = ownHidden
    return null
  }

  private place(from: LayerFolder, view: ViewFolder, above: ViewFolder): void {
    const { path, record } = from
    const position = record === 0 ? from.position : this.rows.position(record)
    if (this.dispute !== null) throw this.refuse(position, path, this.dispute)
    if (above.globals?.has(baseOf(path)) === true) throw this.refuse(position, path, globalAbove)
    view.flags &= ~expected
    if (record === 0) {
      view.flags |= view.has(decided) ? needed : needed | implicit
      // The lowest layer is the one that makes it.
      view.inherits = from.inherits
      view.place ??= { subject: this.layer.subject, position }
      return
    }
    const upper = this.visible.at(above, path)
    const lost =
      upper === 0 || view.dispute !== null ? null : lostXattr(this.rows.xattrs(record), this.rows.xattrs(upper))
    if (lost !== null) throw xattrLost({ subject: this.layer.subject, position }, path, lost)
    if (!view.has(decided)) this.visible.set(above, path, record)
    view.flags = (view.flags | decided) & ~needed
  }

  /** A folder that only a whiteout needs. */
  private expect(from: LayerFolder, view: ViewFolder): void {
    view.place ??= { subject: this.layer.subject, position: from.position }
    if (this.ownHidden) throw notThere(view)
    if (!view.has(decided | implicit | expected)) {
      view.flags |= expected
      this.waitingFolders.push(view)
    }
    view.flags |= needed
  }

  private mark(from: LayerFolder, view: ViewFolder): void {
    for (const name of from.gone?.keys() ?? []) {
      const below = view.folders?.get(name)
      if (below?.has(expected) === true) throw notThere(below)
      // What came after the whiteout stands for itself: a file hides what is below it, a folder is marked as reborn.
      if (from.folders?.get(name)?.isUsed !== true) (view.gone ??= new Set<string>()).add(name)
    }
    for (const name of from.globals?.keys() ?? []) {
      const path = from.parent === null ? name : `${from.path}/${name}`
      if (this.layer.find(path) === 0) (view.globals ??= new Set<string>()).add(name)
    }
    const isOpaque = (from.flags & opaque) !== 0
    if (isOpaque && from.parent === null) view.dispute ??= rootOpaque
    else if (isOpaque) view.flags |= covered
    else if ((from.flags & reborn) !== 0) {
      view.dispute ??= rebornAbove
      view.flags = (view.flags | decided) & ~needed
    }
  }

  private refuse(position: number, path: string, why: string): Error {
    const remedy = `Build the image again with a tool that writes the real path of each file; ${quote(path)} is affected.`
    return ambiguous({ subject: this.layer.subject, position }, path, why, remedy)
  }
}

const globalAbove =
  'has the name of a pax global header of a layer above: some engines remove it for that, others do not'
const rebornAbove =
  'lies in a folder that a layer above takes away and makes again: an overlay mount still shows it, other engines do not'
const rootOpaque =
  'lies below a layer with an opaque whiteout of the root: an overlay mount still shows it, other engines do not'
