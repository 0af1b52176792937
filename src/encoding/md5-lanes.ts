import { blockBytes, firstState, lanes, layout, md5Kernel, stateAddress, stepConstants } from './md5-kernel.ts'

/** Bytes behind a message at most: a set bit, zeros and the length in bits (RFC 1321, 3.1 and 3.2). */
const mostPadding = blockBytes + 8
const pageBytes = 64 * 1024

/** Blocks of one message that wait, in one piece. */
interface Part {
  at: number
  blocks: number
  /** State before its first block. */
  state: readonly number[]
  /** Takes the digest, at this place; null where the message goes on. */
  into: Uint8Array | null
  intoAt: number
}

/** A message that has begun and not ended. */
interface Open {
  /** Where those of its bytes that wait begin. */
  at: number
  /** Bytes of it in all. */
  length: number
  state: readonly number[]
}

/**
 * MD5 of many messages, several at a time (see {@link md5Kernel}). Messages are copied into memory of its own and wait there until
 * {@link run} hashes all of them; they come one after another, each in one or more pieces.
 */
export class Md5Lanes {
  private readonly memory: DataView
  private readonly bytes: Buffer
  private readonly kernel: (blocks: number) => void
  private readonly parts: Part[] = []
  private open: Open | null = null
  private used: number = layout.free

  /** @param capacity bytes that may wait @returns null where this machine runs no WebAssembly with vectors, or gives no memory */
  static make(capacity: number): Md5Lanes | null {
    try {
      const pages = Math.ceil((layout.free + capacity) / pageBytes)
      const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(md5Kernel()), { env: { memory } })
      const { run } = exports
      return typeof run === 'function' ? new Md5Lanes(memory.buffer, (blocks) => void run(blocks)) : null
    } catch {
      // Node's own MD5 gives the same: whoever asked takes that.
      return null
    }
  }

  private constructor(memory: ArrayBuffer, kernel: (blocks: number) => void) {
    this.memory = new DataView(memory)
    this.bytes = Buffer.from(memory)
    this.kernel = kernel
    for (const [step, constant] of stepConstants().entries())
      this.memory.setUint32(layout.constants + 4 * step, constant, true)
  }

  /** Whether so much can be put in before the next {@link run}. @param length in bytes @param pieces that these come in */
  fits(length: number, pieces = 1): boolean {
    return this.used + length + pieces * mostPadding <= this.bytes.length
  }

  /**
   * Puts in the next piece of the message at hand, or of a new one.
   *
   * @param into takes the digest, 16 bytes, at the next {@link run}; null where more pieces of the message follow
   * @param intoAt where in `into` @throws RangeError where the piece does not fit
   */
  put(piece: Uint8Array, into: Uint8Array | null, intoAt = 0): void {
    if (!this.fits(piece.length)) throw new RangeError(`${piece.length} bytes are more than fit`)
    const open = (this.open ??= { at: this.used, length: 0, state: firstState })
    this.bytes.set(piece, this.used)
    this.used += piece.length
    open.length += piece.length
    if (into === null) return
    this.pad(open.length)
    this.parts.push({ at: open.at, blocks: (this.used - open.at) / blockBytes, state: open.state, into, intoAt })
    this.open = null
  }

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.parts.length === 0 && this.open === null
  }

  /** Forgets all that waits. */
  clear(): void {
    this.parts.length = 0
    this.open = null
    this.used = layout.free
  }

  /** Hashes all that waits. A message that has not ended goes on afterwards. */
  run(): void {
    const { open } = this
    const blocks = open === null ? 0 : Math.floor((this.used - open.at) / blockBytes)
    const going = { at: open?.at ?? 0, blocks, state: open?.state ?? firstState, into: null, intoAt: 0 }
    if (blocks > 0) this.parts.push(going)
    this.hashParts()
    this.parts.length = 0
    if (open === null) this.used = layout.free
    else {
      // Less than a block stays.
      const rest = open.at + blocks * blockBytes
      this.bytes.copyWithin(layout.free, rest, this.used)
      this.used = layout.free + this.used - rest
      open.at = layout.free
      open.state = going.state
    }
  }

  /** The long ones first, so that no lane works on alone for long. */
  private hashParts(): void {
    const waiting = this.parts.sort((a, b) => a.blocks - b.blocks)
    const working: (Part | undefined)[] = Array.from({ length: lanes }, () => undefined)
    for (;;) {
      let run = 0
      for (let lane = 0; lane < lanes; lane++) {
        const part = (working[lane] ??= this.begin(lane, waiting.pop()))
        if (part !== undefined && (run === 0 || part.blocks < run)) run = part.blocks
      }
      if (run === 0) return
      this.kernel(run)
      for (let lane = 0; lane < lanes; lane++) {
        const part = working[lane]
        if (part === undefined || (part.blocks -= run) > 0) continue
        this.finish(lane, part)
        working[lane] = undefined
      }
    }
  }

  private begin(lane: number, part: Part | undefined): Part | undefined {
    // A lane without work hashes what lies there, for nothing.
    this.memory.setUint32(layout.pointers + 4 * lane, part?.at ?? layout.free, true)
    for (let word = 0; part !== undefined && word < 4; word++)
      this.memory.setUint32(stateAddress(lane, word), part.state[word] ?? 0, true)
    return part
  }

  private finish(lane: number, part: Part): void {
    if (part.into === null) {
      part.state = firstState.map((_, word) => this.memory.getUint32(stateAddress(lane, word), true))
      return
    }
    for (let word = 0; word < 4; word++) {
      const at = stateAddress(lane, word)
      for (let byte = 0; byte < 4; byte++) part.into[part.intoAt + 4 * word + byte] = this.bytes[at + byte] ?? 0
    }
  }

  private pad(length: number): void {
    const zeros = (2 * blockBytes - 9 - (length % blockBytes)) % blockBytes
    this.bytes[this.used] = 0x80
    this.bytes.fill(0, this.used + 1, this.used + 1 + zeros)
    this.used += 1 + zeros
    this.memory.setBigUint64(this.used, BigInt(length) * 8n, true)
    this.used += 8
  }
}
