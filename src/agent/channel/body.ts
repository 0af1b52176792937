/** A body that arrives in frames: pieces wait here until they are taken, and each one taken is credited back to the sender. */
export class IncomingBody implements AsyncIterable<Uint8Array> {
  readonly #pieces: Buffer[] = []
  readonly #taken: (bytes: number) => void
  #ended = false
  #error: Error | null = null
  #wake: (() => void) | null = null
  #dropped = false

  /** @param taken told how many bytes the reader has taken, or dropped */
  constructor(taken: (bytes: number) => void) {
    this.#taken = taken
  }

  push(piece: Buffer): void {
    // Nobody reads it any more: the sender must not wait for ever.
    if (this.#dropped) return this.#taken(piece.length)
    this.#pieces.push(piece)
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  fail(error: Error): void {
    if (this.#ended) return
    this.#error ??= error
    this.#wake?.()
  }

  /** Drops what comes: for a body that nobody wants. */
  drop(): void {
    this.#dropped = true
    for (const piece of this.#pieces.splice(0)) this.#taken(piece.length)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const piece = this.#pieces.shift()
        if (piece !== undefined) {
          yield piece
          this.#taken(piece.length)
        } else if (this.#error !== null) throw this.#error
        else if (this.#ended) return
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
      }
    } finally {
      this.drop()
    }
  }
}
