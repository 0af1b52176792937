/**
 * Keeps the last results of a pure function by a key that stands for all of its input, such as a hash. It can make nothing true that was not
 * computed; a function that throws is asked again.
 */
export class Memo<T> {
  readonly #most: number
  readonly #values = new Map<string, T>()

  /** @param most how many results are kept; the oldest goes first */
  constructor(most: number) {
    this.#most = most
  }

  get(key: string, compute: () => T): T {
    const known = this.#values.get(key)
    if (known !== undefined) {
      // Taken out and put in again: what is used stays.
      this.#values.delete(key)
      this.#values.set(key, known)
      return known
    }
    const value = compute()
    if (this.#values.size >= this.#most) {
      const [oldest] = this.#values.keys()
      if (oldest !== undefined) this.#values.delete(oldest)
    }
    this.#values.set(key, value)
    return value
  }
}
