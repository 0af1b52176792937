import { bindLink, linkRemedy } from './hard-links.ts'
import type { LayerFolder } from './layer-folders.ts'
import { opaque, reborn } from './layer-folders.ts'
import type { LayerRecords } from './layer-records.ts'
import { baseOf } from '../tar/paths.ts'
import { ambiguous, quote } from '../tar/refusals.ts'
import { marks, type Row, type Rows } from './rows.ts'
import type { ViewFolder } from './view-folders.ts'

/** A folder in which links are being bound. */
interface OpenFolder {
  from: LayerFolder
  view: ViewFolder
  /** Folders in it that are to come. */
  rest: Iterator<[string, LayerFolder]> | null
}

/** Hard links whose targets lie in lower layers than their own. */
export class AwaitedLinks {
  private readonly root: ViewFolder
  private readonly rows: Rows
  /** Links that the last layer has bound. */
  private bound: Row[] = []
  /** By the number of a layer: what errors name. */
  private readonly subjects = new Map<number, string>()

  constructor(root: ViewFolder, rows: Rows) {
    this.root = root
    this.rows = rows
  }

  /**
   * Binds what this layer has, in no more steps than it has entries, and gives the links of upper layers that are bound now.
   *
   * @throws VerificationError `archive-ambiguous` for what it takes away
   */
  bind(layer: LayerRecords): readonly Row[] {
    this.bound = []
    if (this.root.waiting > 0) this.bindIn(layer.root, this.root)
    return this.bound
  }

  /** Takes the links that this layer could not bind. */
  add(layer: LayerRecords): void {
    for (const link of layer.openLinks) {
      this.subjects.set(this.rows.layer(link), layer.subject)
      this.rows.mark(link, marks.awaited)
      const target = this.rows.link(link)
      const folder = this.enter(target)
      const name = baseOf(target)
      folder.awaited ??= new Map()
      const others = folder.awaited.get(name)
      if (others === undefined) {
        folder.awaited.set(name, [link])
        folder.countWaiting(1)
      } else others.push(link)
    }
  }

  /** @throws VerificationError `archive-ambiguous` where a target was in no layer */
  finish(): void {
    if (this.root.waiting > 0) this.refuse(this.root, 'is nowhere')
  }

  /** Without recursion, since a path may have more than 2000 folders. */
  private bindIn(top: LayerFolder, topView: ViewFolder): void {
    const open = [this.open({ from: top, view: topView })]
    for (let at = open.at(-1); at !== undefined; at = open.at(-1)) {
      const next = at.rest?.next()
      if (next === undefined || next.done === true) {
        this.takeAway(at.from, at.view)
        open.pop()
        continue
      }
      const [name, from] = next.value
      const links = at.view.awaited?.get(name)
      if (links !== undefined && from.isUsed) throw this.refusal(links, 'is a folder')
      const view = at.view.folders?.get(name)
      if (view !== undefined && view.waiting > 0) open.push(this.open({ from, view }))
    }
  }

  private open({ from, view }: Omit<OpenFolder, 'rest'>): OpenFolder {
    for (let row = from.firstLeaf; row !== 0; row = this.rows.next(row)) {
      if (this.rows.is(row, marks.current)) this.bindTo(row, view)
    }
    return { from, view, rest: from.folders?.entries() ?? null }
  }

  private takeAway(from: LayerFolder, view: ViewFolder): void {
    for (const name of from.gone?.keys() ?? []) {
      const links = view.awaited?.get(name)
      if (links !== undefined) throw this.refusal(links, 'a layer between takes away')
      const below = view.folders?.get(name)
      if (below !== undefined && below.waiting > 0) this.refuse(below, 'a layer between takes away')
    }
    if ((from.flags & (opaque | reborn)) !== 0 && view.waiting > 0) this.refuse(view, 'a layer between takes away')
  }

  private bindTo(target: Row, view: ViewFolder): void {
    if (view.awaited === null && view.folders === null) return
    const name = this.rows.name(target)
    const links = view.awaited?.get(name)
    if (links !== undefined) {
      for (const link of links) {
        bindLink(this.rows, link, target, { subject: this.subjectOf(link), path: this.rows.path(link) })
        this.rows.unmark(link, marks.awaited)
        this.bound.push(link)
      }
      view.awaited?.delete(name)
      view.countWaiting(-1)
    }
    const below = view.folders?.get(name)
    if (below !== undefined && below.waiting > 0)
      this.refuse(below, `lies below ${quote(this.rows.path(target))}, which is not a folder`)
  }

  private enter(path: string): ViewFolder {
    let folder = this.root
    for (let at = 0; ;) {
      const slash = path.indexOf('/', at)
      if (slash === -1) return folder
      folder = folder.folder(path.slice(at, slash), path.slice(0, slash), this.rows.places)
      at = slash + 1
    }
  }

  /** Refuses one of the links that are awaited here or below. */
  private refuse(view: ViewFolder, why: string): never {
    for (let at = view; ;) {
      const [links] = at.awaited?.values() ?? []
      if (links !== undefined) throw this.refusal(links, why)
      const next: ViewFolder | undefined = [...(at.folders?.values() ?? [])].find(({ waiting }) => waiting > 0)
      if (next === undefined) throw new Error('a hard link is awaited and was not found')
      at = next
    }
  }

  private refusal(links: readonly Row[], why: string): Error {
    const [link] = links
    if (link === undefined) return new Error('no link is awaited')
    const place = { subject: this.subjectOf(link), position: this.rows.position(link) }
    const what = `is a hard link to ${JSON.stringify(this.rows.link(link))}, which ${why}`
    return ambiguous(place, this.rows.path(link), what, linkRemedy)
  }

  private subjectOf(link: Row): string {
    return this.subjects.get(this.rows.layer(link)) ?? 'a layer'
  }
}
