/** Bytes of one body that may be under way at a time, so that a slow reader stops the sender and nothing is held in memory. */
export const windowBytes = 1 << 20

/** How much a sender may still send; waits where that is nothing. */
export class Credit {
  #left = windowBytes
  #wake: (() => void) | null = null
  #error: Error | null = null

  add(bytes: number): void {
    // Nobody gives back more than was under way.
    this.#left = Math.min(windowBytes, this.#left + bytes)
    this.#wake?.()
  }

  /** Ends every wait with an error. */
  fail(error: Error): void {
    this.#error ??= error
    this.#wake?.()
  }

  async take(bytes: number): Promise<void> {
    while (this.#left <= 0) {
      if (this.#error !== null) throw this.#error
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#error !== null) throw this.#error
    this.#left -= bytes
  }
}
