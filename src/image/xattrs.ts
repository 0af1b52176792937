import { hash } from 'node:crypto'

type Xattrs = Readonly<Record<string, string>>

/** Longest value that an inventory holds as it is, in bytes; file capabilities have 20 or 24. */
const plainLimit = 64

/**
 * Extended attributes as an inventory has them: each value in hexadecimal, or `sha256:` and its digest where it has more than 64 bytes or none.
 *
 * @param xattrs raw bytes as latin1
 */
export function inventoryXattrs(xattrs: Xattrs): Record<string, string> | undefined {
  const entries = Object.entries(xattrs)
  if (entries.length === 0) return undefined
  return Object.fromEntries(
    entries.map(([name, value]) => {
      const bytes = Buffer.from(value, 'latin1')
      return [
        name,
        bytes.length > plainLimit || bytes.length === 0 ? `sha256:${hash('sha256', bytes)}` : bytes.toString('hex'),
      ]
    }),
  )
}

/** Extended attributes of many files that come one at a time. Adding one takes the same time however many its file has. */
export class XattrLists<File> {
  private readonly lists = new Map<File, Map<string, string>>()

  /** The last value of a name counts. @param value raw bytes as latin1 */
  add(file: File, name: string, value: string): void {
    const list = this.lists.get(file)
    if (list === undefined) this.lists.set(file, new Map([[name, value]]))
    else list.set(name, value)
  }

  get isEmpty(): boolean {
    return this.lists.size === 0
  }

  /** Files that have attributes. */
  files(): IterableIterator<File> {
    return this.lists.keys()
  }

  /** The attributes of a file in the form of {@link inventoryXattrs}; empty where it has none. */
  of(file: File): Record<string, string> {
    return inventoryXattrs(Object.fromEntries(this.lists.get(file) ?? [])) ?? {}
  }
}

/** A name that `before` has and `after` has not; null where there is none. */
export function lostXattr(before: Xattrs, after: Xattrs): string | null {
  return Object.keys(before).find((name) => !Object.hasOwn(after, name)) ?? null
}

/** A name that `more` has with another value than `base`; null where there is none. */
export function otherXattr(base: Xattrs, more: Xattrs): string | null {
  return Object.keys(more).find((name) => !Object.hasOwn(base, name) || base[name] !== more[name]) ?? null
}
