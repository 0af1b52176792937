import { messageOf } from '../../base/errors.ts'
import { counted } from '../../base/counted.ts'
import { shownText } from './foreign.ts'

/** Entries of one file that cannot be read. Each costs itself and not the others of the file. */
export class Losses {
  private first: string | null = null
  private count = 0

  /** What `read` gives; undefined where it throws, which is counted. @param name what a reader finds the entry by */
  try<T>(name: string, read: () => T): T | undefined {
    try {
      return read()
    } catch (error) {
      this.add(name, messageOf(error))
      return undefined
    }
  }

  add(name: string, why: string): void {
    this.count++
    this.first ??= `${shownText(name)}: ${why}`
  }

  /** What a gap says of them; null where there are none. */
  get why(): string | null {
    if (this.first === null) return null
    return this.count === 1
      ? `the entry ${this.first}`
      : `${counted(this.count, 'entry', 'entries')} cannot be read, first ${this.first}`
  }
}
