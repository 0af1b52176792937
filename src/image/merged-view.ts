import { broken, contentOf, type LayerRecord, type LayerRecords } from './layer-records.ts'
import { compareUtf8, parentOf } from './paths.ts'
import type { InventoryEntry } from './types.ts'

/** An upper layer has decided what this path is. */
const decided = 1
/** An upper layer hides what lower layers have below this path. */
const covered = 2
/** An upper layer put something below this path without an entry for it: it must turn out to be a folder. */
const needed = 4

/**
 * The merged root file system, built from the top layer down, so that what is hidden is known before it is read.
 * It is what applying the layers from the bottom up gives, as long as no layer writes through a symbolic link of another one: that is
 * refused, because extractors differ there.
 */
export class MergedView {
  readonly visible = new Map<string, LayerRecord>()
  private readonly flags = new Map<string, number>()
  private readonly implicit = new Set<string>()
  private readonly awaited = new Map<string, LayerRecord[]>()
  /** Answers of `below` during one layer. */
  private memo = new Map<string, boolean>()

  /** Whether upper layers hide this path of the layer that comes next. */
  hides(path: string): boolean {
    return (this.flag(path) & decided) !== 0 || this.below(parentOf(path))
  }

  /** Takes the next lower layer. @throws VerificationError `format-invalid` */
  apply(layer: LayerRecords): void {
    this.bindAwaited(layer)
    for (const link of layer.finish()) {
      const path = link.entry.link as string
      const others = this.awaited.get(path)
      if (others === undefined) this.awaited.set(path, [link])
      else others.push(link)
    }
    for (const [path, record] of layer.records) {
      if (!this.below(parentOf(path))) this.place(path, record)
    }
    // Marks of this layer act on lower ones only: `memo` keeps the answers from before.
    for (const path of layer.whiteouts) {
      if (!this.below(parentOf(path))) this.flags.set(path, (this.flag(path) | decided | covered) & ~needed)
    }
    for (const folder of layer.folders) {
      if (layer.records.has(folder) || folder === '.' || this.below(folder)) continue
      this.implicit.add(folder)
      if (!layer.whiteouts.has(folder)) this.flags.set(folder, this.flag(folder) | needed)
    }
    for (const path of layer.opaque) this.flags.set(path, this.flag(path) | covered)
    this.memo = new Map()
  }

  /** The inventory, sorted by UTF-8 bytes; folders that no layer has an entry for are root's, 0755. */
  finish(): InventoryEntry[] {
    for (const [path, links] of this.awaited) {
      if (links.length > 0) throw broken(links[0]?.entry.path ?? path, `is a hard link to ${path}, which is nowhere`)
    }
    const entries: InventoryEntry[] = []
    for (const record of this.visible.values()) {
      if (record.entry.type === 'hardlink') {
        const content = contentOf(record)
        if (content.entry.type === 'dir') throw broken(record.entry.path, 'is a hard link to a folder')
        record.entry.size = content.entry.size
        if (content.entry.sha256 !== undefined) record.entry.sha256 = content.entry.sha256
      }
      entries.push(record.entry)
    }
    for (const path of this.implicit) {
      if (!this.visible.has(path)) entries.push({ path, type: 'dir', mode: 0o755, uid: 0, gid: 0, size: 0 })
    }
    return entries.sort((a, b) => compareUtf8(a.path, b.path))
  }

  private place(path: string, record: LayerRecord): void {
    const flag = this.flag(path)
    if (record.entry.type === 'dir') {
      if ((flag & decided) === 0) this.visible.set(path, record)
      this.flags.set(path, (flag | decided) & ~needed)
      return
    }
    if ((flag & needed) !== 0) throw broken(path, 'is not a folder, but a layer above writes below it')
    if ((flag & decided) === 0) this.visible.set(path, record)
    this.flags.set(path, flag | decided | covered)
  }

  private bindAwaited(layer: LayerRecords): void {
    for (const [path, links] of this.awaited) {
      const target = layer.records.get(path)
      if (target !== undefined) {
        for (const link of links) link.target = target
        this.awaited.delete(path)
      } else if (layer.hides(path)) {
        throw broken(links[0]?.entry.path ?? path, `is a hard link to ${path}, which is gone`)
      }
    }
  }

  private flag(path: string): number {
    return this.flags.get(path) ?? 0
  }

  private below(folder: string): boolean {
    if (folder === '') return false
    let known = this.memo.get(folder)
    if (known === undefined) {
      known = (this.flag(folder) & covered) !== 0 || this.below(parentOf(folder))
      this.memo.set(folder, known)
    }
    return known
  }
}
