import type { NameKey } from './name-pool.ts'
import type { Place } from './places.ts'
import type { Row, Rows } from './rows.ts'

/** Rows by folder and name. */
export class RowTable {
  private readonly rows: Rows
  private slots = new Uint32Array(64)
  private taken = 0

  constructor(rows: Rows) {
    this.rows = rows
  }

  /** 0 where there is none. */
  find(place: Place, key: NameKey): Row {
    return this.slots[this.slot(place, key)] ?? 0
  }

  /** Puts a row in. @returns the one that it replaces, or 0 */
  set(place: Place, key: NameKey, row: Row): Row {
    if (4 * (this.taken + 1) > 3 * this.slots.length) this.grow()
    const slot = this.slot(place, key)
    const old = this.slots[slot] ?? 0
    this.slots[slot] = row
    if (old === 0) this.taken++
    return old
  }

  /** Puts a row in where there is none. @returns whether it was put in */
  offer(place: Place, key: NameKey, row: Row): boolean {
    if (4 * (this.taken + 1) > 3 * this.slots.length) this.grow()
    const slot = this.slot(place, key)
    if (this.slots[slot] !== 0) return false
    this.slots[slot] = row
    this.taken++
    return true
  }

  /** Where a name is, or the empty slot where it belongs. */
  private slot(place: Place, key: NameKey): number {
    const mask = this.slots.length - 1
    for (let at = key.hash(place) & mask; ; at = (at + 1) & mask) {
      const row = this.slots[at] ?? 0
      if (row === 0 || this.rows.isAt(row, place, key)) return at
    }
  }

  private grow(): void {
    const old = this.slots
    // Small tables grow by more: each time all names are hashed anew.
    this.slots = new Uint32Array((old.length < largeTable ? 8 : 2) * old.length)
    const mask = this.slots.length - 1
    for (const row of old) {
      if (row === 0) continue
      let at = this.rows.hash(row) & mask
      while (this.slots[at] !== 0) at = (at + 1) & mask
      this.slots[at] = row
    }
  }
}
const largeTable = 1 << 18
