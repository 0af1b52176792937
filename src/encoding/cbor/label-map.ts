import { VerificationError } from '../../base/errors.ts'
import type { CborInteger, CborItem } from './types.ts'

/** A key of the maps of COSE and CWT (RFC 9052 §1.5): an integer or a text. 1 and "1" are two labels. */
export type Label = CborInteger | string

/** A map whose keys are integers and texts, with typed access to its values. */
export class LabelMap {
  /** What it is, for errors. */
  readonly subject: string
  readonly #entries: ReadonlyMap<Label, CborItem>

  /** @throws VerificationError `format-invalid` for another item, or a key of another type */
  constructor(item: CborItem, subject: string) {
    this.subject = subject
    if (item.kind !== 'map') throw this.#refuse('is not a map')
    const entries = new Map<Label, CborItem>()
    for (const [key, value] of item.entries) {
      if (key.kind !== 'integer' && key.kind !== 'text')
        throw this.#refuse('has a key that is not an integer or a text')
      entries.set(key.value, value)
    }
    this.#entries = entries
  }

  labels(): Label[] {
    return [...this.#entries.keys()]
  }

  has(label: Label): boolean {
    return this.#entries.has(label)
  }

  get(label: Label): CborItem | undefined {
    return this.#entries.get(label)
  }

  /** The text under a label; null where the label is absent. @throws VerificationError `format-invalid` for another type */
  text(label: Label): string | null {
    const item = this.get(label)
    if (item === undefined) return null
    if (item.kind !== 'text') throw this.#wrong(label, 'a text')
    return item.value
  }

  /** The byte string under a label; null where the label is absent. @throws VerificationError `format-invalid` for another type */
  bytes(label: Label): Buffer | null {
    const item = this.get(label)
    if (item === undefined) return null
    if (item.kind !== 'bytes') throw this.#wrong(label, 'a byte string')
    return item.value
  }

  /** The integer under a label; null where the label is absent. @throws VerificationError `format-invalid` for another type */
  integer(label: Label): CborInteger | null {
    const item = this.get(label)
    if (item === undefined) return null
    if (item.kind !== 'integer') throw this.#wrong(label, 'an integer')
    return item.value
  }

  /** The items of the array under a label; null where the label is absent. @throws VerificationError `format-invalid` for another type */
  array(label: Label): readonly CborItem[] | null {
    const item = this.get(label)
    if (item === undefined) return null
    if (item.kind !== 'array') throw this.#wrong(label, 'an array')
    return item.items
  }

  /** The map under a label; null where the label is absent. @throws VerificationError `format-invalid` for another type */
  map(label: Label): LabelMap | null {
    const item = this.get(label)
    return item === undefined ? null : new LabelMap(item, `label ${label} of ${this.subject}`)
  }

  #wrong(label: Label, kind: string): VerificationError {
    return this.#refuse(`has something under label ${label} that is not ${kind}`)
  }

  #refuse(why: string): VerificationError {
    return new VerificationError('format-invalid', `${this.subject} ${why}`, { subject: this.subject })
  }
}
