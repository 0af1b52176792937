import type { BytePuller } from './bytes.ts'
import type { Fragment } from './sparse.ts'

/** Content of one entry. It can be read once; `now` gives it without waiting where all of it is at hand. */
export class TarBody implements AsyncIterable<Uint8Array> {
  private readonly puller: BytePuller
  /** Where the content begins in the archive, in bytes. */
  readonly offset: number
  /** Bytes of the archive that are not read yet. */
  left: number
  /** Whether the content is what the archive holds from `offset` on, with nothing in between. */
  readonly inOnePiece: boolean = true

  constructor(puller: BytePuller, stored: number) {
    this.puller = puller
    this.offset = puller.position
    this.left = stored
  }

  /** The whole content, when it lies in the chunk at hand; a view that is valid until the next entry is read. */
  now(): Buffer | null {
    if (this.puller.available < this.left) return null
    const part = this.puller.takeNow(this.left)
    this.left = 0
    return part
  }

  /** {@link magic} where it is at hand; null where it has to be waited for. */
  magicNow(): number | null {
    if (this.left < 4) return 0
    return this.puller.peekReady(4)?.readUInt32BE() ?? null
  }

  /** The first four bytes of what is left, big-endian, without taking them; 0 where fewer are left. */
  async magic(): Promise<number> {
    if (this.left < 4) return 0
    return (await this.puller.peek(4)).readUInt32BE()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    yield* this.take(this.left)
  }

  protected async *take(count: number): AsyncGenerator<Uint8Array> {
    for (let missing = count; missing > 0;) {
      if (this.puller.available === 0 && !(await this.puller.fill())) throw this.puller.truncated()
      const part = this.puller.takeNow(Math.min(missing, this.puller.available))
      missing -= part.length
      this.left -= part.length
      yield part
    }
  }
}

const zeros = Buffer.alloc(64 * 1024)

/** Content of a sparse file: what lies between its fragments reads as zeros. */
export class SparseBody extends TarBody {
  override readonly inOnePiece = false
  private readonly map: readonly Fragment[]
  private readonly size: number

  constructor(puller: BytePuller, stored: number, map: readonly Fragment[], size: number) {
    super(puller, stored)
    this.map = map
    this.size = size
  }

  override now(): Buffer | null {
    return this.size === 0 ? zeros.subarray(0, 0) : null
  }

  override magicNow(): null {
    return null
  }

  override async magic(): Promise<number> {
    const [first] = this.map.filter(({ length }) => length > 0)
    // Content whose first bytes are a hole is nothing that a magic tells.
    return first?.offset === 0 && first.length >= 4 ? super.magic() : 0
  }

  override async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    let at = 0
    for (const { offset, length } of this.map) {
      yield* hole(offset - at)
      yield* this.take(length)
      at = offset + length
    }
    yield* hole(this.size - at)
  }
}

function* hole(count: number): Generator<Uint8Array> {
  for (let missing = count; missing > 0; missing -= zeros.length)
    yield zeros.subarray(0, Math.min(missing, zeros.length))
}
