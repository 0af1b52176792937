import { VerificationError } from '../base/errors.ts'
import type { ByteSource } from '../base/streams.ts'
import { quote } from './refusals.ts'

/** A source that may be able to leave bytes out without reading them, as a file can. */
export interface TarSource extends ByteSource {
  /** Leaves out up to `count` bytes behind the last piece. @returns how many there were */
  skip?(count: number): number
}

/** Pulls exact amounts out of a stream without copying more than the pieces that cross a chunk's border. */
export class BytePuller {
  private readonly source: AsyncIterator<Uint8Array>
  private readonly leap: ((count: number) => number) | null
  private readonly subject: string
  private chunk: Buffer = Buffer.alloc(0)
  private at = 0
  private ended = false
  /** Bytes taken so far: the place that errors name. */
  position = 0
  /** The entry whose content comes, with the end of it, where it is known. */
  entry: { path: string; end: number } | null = null

  constructor(source: TarSource, subject: string) {
    this.source = source[Symbol.asyncIterator]()
    this.leap = source.skip?.bind(source) ?? null
    this.subject = subject
  }

  /** Bytes that are at hand without waiting. */
  get available(): number {
    return this.chunk.length - this.at
  }

  /** The next `n` bytes where they are at hand, else null: a promise for each of millions of headers would cost more than to read them. */
  ready(n: number): Buffer | null {
    return this.available >= n ? this.takeNow(n) : null
  }

  /** As {@link ready}, without taking them. */
  peekReady(n: number): Buffer | null {
    return this.available >= n ? this.chunk.subarray(this.at, this.at + n) : null
  }

  /** Skips `n` bytes where they are at hand. @returns false where they are not: nothing is skipped then */
  skipReady(n: number): boolean {
    if (this.available < n) return false
    this.at += n
    this.position += n
    return true
  }

  /** Takes `n` bytes that are at hand. */
  takeNow(n: number): Buffer {
    const part = this.chunk.subarray(this.at, this.at + n)
    this.at += n
    this.position += n
    return part
  }

  /** The next `n` bytes without taking them. @throws VerificationError `format-invalid` when the source has fewer */
  async peek(n: number): Promise<Buffer> {
    while (this.available < n) {
      const held = this.chunk.subarray(this.at)
      const next = await this.source.next()
      if (next.done === true) {
        this.ended = true
        throw this.truncated()
      }
      this.chunk = Buffer.concat([held, next.value])
      this.at = 0
    }
    return this.chunk.subarray(this.at, this.at + n)
  }

  /** Makes at least one byte available; false at the end of the source. */
  async fill(): Promise<boolean> {
    while (this.available === 0) {
      if (this.ended) return false
      const next = await this.source.next()
      if (next.done === true) this.ended = true
      else {
        this.chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength)
        this.at = 0
      }
    }
    return true
  }

  /** Exactly `n` bytes; null when the source ended before the first one. @throws VerificationError `format-invalid` when it is cut short */
  async take(n: number): Promise<Buffer | null> {
    if (this.available >= n) return this.takeNow(n)
    const parts: Buffer[] = []
    let missing = n
    while (missing > 0) {
      if (this.available === 0 && !(await this.fill())) {
        if (missing === n) return null
        throw this.truncated()
      }
      const part = this.takeNow(Math.min(missing, this.available))
      parts.push(part)
      missing -= part.length
    }
    return Buffer.concat(parts, n)
  }

  async skip(n: number): Promise<void> {
    let missing = n
    while (missing > 0) {
      if (this.available === 0 && this.leap !== null) {
        const skipped = this.leap(missing)
        this.position += skipped
        missing -= skipped
        if (missing > 0) throw this.truncated()
        return
      }
      if (this.available === 0 && !(await this.fill())) throw this.truncated()
      missing -= this.takeNow(Math.min(missing, this.available)).length
    }
  }

  /** Skips the filler behind content; the source may end in it, as Go has it. */
  async skipPadding(n: number): Promise<void> {
    for (let missing = n; missing > 0;) {
      if (this.available === 0 && !(await this.fill())) return
      missing -= this.takeNow(Math.min(missing, this.available)).length
    }
  }

  /** Reads to the end, so that whoever hashes the stream sees all of it. */
  async drain(): Promise<void> {
    while (await this.fill()) this.takeNow(this.available)
  }

  /** Lets the source go before its end. */
  async close(): Promise<void> {
    this.ended = true
    await this.source.return?.()
  }

  truncated(): VerificationError {
    const { subject, position, entry } = this
    const inside =
      entry === null || position >= entry.end ? '' : `: ${quote(entry.path)} needs its content up to byte ${entry.end}`
    return new VerificationError('format-invalid', `${subject} is cut short after ${position} bytes${inside}`, {
      subject: this.subject,
      remedy: 'The stored copy is incomplete: publish it again from its source.',
    })
  }
}
