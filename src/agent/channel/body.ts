import { VerificationError } from '../../base/errors.ts'
import { windowBytes } from './credit.ts'
import { pieceBytes } from './frames.ts'

/** Pieces that wait to be read. */
const mostPieces = 65_536

/** A body that arrives in frames: pieces wait here until they are taken, and each one taken is credited back to the sender. */
export class IncomingBody implements AsyncIterable<Uint8Array> {
  readonly #pieces: Buffer[] = []
  readonly #taken: (bytes: number) => void
  #ended = false
  #error: Error | null = null
  #wake: (() => void) | null = null
  #dropped = false
  /** Bytes that came and were not credited back. */
  #held = 0
  /** Of these, bytes that the reader has taken: credited together, since each credit is a frame. */
  #due = 0

  /** @param taken told how many bytes the reader has taken, or dropped */
  constructor(taken: (bytes: number) => void) {
    this.#taken = (bytes) => {
      this.#held -= bytes
      taken(bytes)
    }
  }

  /** @throws VerificationError `format-invalid` when more came than the sender had credit for */
  push(piece: Buffer): void {
    this.#held += piece.length
    // A sender may begin a piece as long as it has any credit. Credit does not count how many pieces there are, and each of them costs more than
    // its bytes.
    if (this.#held >= windowBytes + pieceBytes || this.#pieces.length > mostPieces || piece.length === 0) {
      throw new VerificationError('format-invalid', 'the task channel is broken: a body ignores its flow control', {
        subject: 'channel',
      })
    }
    // Nobody reads it any more: the sender must not wait for ever.
    if (this.#dropped) return this.#taken(piece.length)
    // A short piece of its own, so that it does not keep the whole chunk that it came in.
    this.#pieces.push(piece.length < 4096 ? Buffer.from(piece) : piece)
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
    for (const piece of this.#pieces.splice(0)) this.#due += piece.length
    this.#credit()
  }

  #credit(): void {
    const due = this.#due
    this.#due = 0
    this.#taken(due)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const piece = this.#pieces.shift()
        if (piece !== undefined) {
          yield piece
          this.#due += piece.length
          if (this.#due >= windowBytes / 4) this.#credit()
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
