import { findLimits } from '../sign/find.ts'

/** Why something that is attached to an image did not count. */
export const noteKinds = {
  missing: 'is listed as a referrer, but is not there',
  unreadable: 'cannot be read as a statement',
  'evidence-unreadable': 'cannot be read as evidence',
  foreign: 'is signed by no key that counts',
  elsewhere: 'speaks of another image',
  text: 'has a predicate that is a text, which is not read',
  evidence: 'is evidence that does not count: its job or its key does not vouch for this image',
  older: 'is evidence of another run, which was not needed',
  unneeded: 'is a statement that the policy does not ask for',
  unread: `was not read: over the budget of ${findLimits.budget} bytes for large documents that nothing asks for`,
  stamp: 'has a time stamp that no pinned authority made over this signature, which was not counted',
  artifact: 'is neither a statement nor evidence',
} as const
export type NoteKind = keyof typeof noteKinds

/** How many of a kind are named. */
const shown = 3

/**
 * What is attached and was ignored, for the reader of a verdict: anybody who may push can attach things, so they are counted and never kept.
 * The lines do not depend on the order in which a store lists.
 */
export class Notes {
  #unreadBytes = 0
  readonly #seen = new Map<NoteKind, { first: string[]; count: number }>()

  add(kind: NoteKind, manifest: string): void {
    const found = this.#seen.get(kind) ?? { first: [], count: 0 }
    this.#seen.set(kind, found)
    found.count += 1
    found.first.push(manifest)
    if (found.first.length > shown) found.first = found.first.toSorted().slice(0, shown)
  }

  /** Large documents that were not read, and their bytes. */
  addUnread(manifests: readonly string[], bytes: number): void {
    for (const manifest of manifests) this.add('unread', manifest)
    this.#unreadBytes += bytes
  }

  /** For the end of a sentence that says what is missing: it may be in what was not read. */
  unread(): string {
    const count = this.count('unread')
    if (count === 0) return ''
    return `; ${count} referrer(s) of ${this.#unreadBytes} bytes were not read: over the budget of ${findLimits.budget} bytes`
  }

  count(kind: NoteKind): number {
    return this.#seen.get(kind)?.count ?? 0
  }

  /** Kinds of which anything was seen. */
  kinds(): NoteKind[] {
    return [...this.#seen.keys()]
  }

  /** One line a kind: what it is, how many, and the first few digests. */
  lines(): string[] {
    const kinds = Object.keys(noteKinds) as NoteKind[]
    return kinds.flatMap((kind) => {
      const found = this.#seen.get(kind)
      if (found === undefined) return []
      const more = found.count - found.first.length
      const named = found.first.toSorted().join(', ')
      const size = kind === 'unread' ? ` (${this.#unreadBytes} bytes)` : ''
      return [`ignored, ${found.count} × ${noteKinds[kind]}${size}: ${named}${more > 0 ? ` and ${more} more` : ''}`]
    })
  }
}
