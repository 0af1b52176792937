/**
 * A ring of pieces of shared memory with one writer and one or more readers, in any threads. Nothing is allocated and nothing collected while
 * bytes flow; a writer that is faster than the slowest reader waits.
 */
export interface RingMemory {
  readonly control: SharedArrayBuffer
  readonly data: SharedArrayBuffer
  readonly slots: number
  readonly readers: number
}

/** Cells of the control block. The first two count events: whoever waits, waits for a change of the other side's. */
const writerEvents = 0
const readerEvents = 1
/** Pieces written so far. */
const written = 2
const state = 3
/** Then one cell a reader, pieces given back so far, and one cell a slot, its length in bytes. */
const firstReader = 4

const states = { open: 0, ended: 1, failed: 2, stopped: 3 } as const
type State = keyof typeof states
const names: readonly State[] = ['open', 'ended', 'failed', 'stopped']

export function makeRing(slots: number, slotSize: number, readers: number): RingMemory {
  const cells = firstReader + readers + slots
  return {
    control: new SharedArrayBuffer(4 * cells),
    data: new SharedArrayBuffer(slots * slotSize),
    slots,
    readers,
  }
}

/** Makes a ring ready for other bytes; nobody may use it meanwhile. */
export function clearRing({ control }: RingMemory): void {
  new Int32Array(control).fill(0)
}

/** What both ends know of a ring. */
class RingEnd {
  protected readonly memory: RingMemory
  protected readonly control: Int32Array
  private readonly buffers: readonly Buffer[]

  constructor(memory: RingMemory) {
    this.memory = memory
    this.control = new Int32Array(memory.control)
    const size = memory.data.byteLength / memory.slots
    this.buffers = Array.from({ length: memory.slots }, (_, i) => Buffer.from(memory.data, i * size, size))
  }

  get state(): State {
    return names[this.load(state)] ?? 'failed'
  }

  /** Ends the flow for all: no side waits any longer. */
  stop(): void {
    this.change('stopped')
    this.wake(writerEvents)
    this.wake(readerEvents)
  }

  protected change(to: State): void {
    // The first word stays.
    Atomics.compareExchange(this.control, state, states.open, states[to])
  }

  protected slot(count: number): Buffer {
    return this.buffers[count % this.memory.slots] ?? Buffer.alloc(0)
  }

  protected lengthCell(count: number): number {
    return firstReader + this.memory.readers + (count % this.memory.slots)
  }

  protected load(cell: number): number {
    return Atomics.load(this.control, cell)
  }

  protected wake(cell: number): void {
    Atomics.add(this.control, cell, 1)
    Atomics.notify(this.control, cell)
  }

  /** Blocks until `ready` gives something; only outside of the main thread. */
  protected block<T>(cell: number, ready: () => T | undefined): T {
    for (;;) {
      const seen = this.load(cell)
      const found = ready()
      if (found !== undefined) return found
      Atomics.wait(this.control, cell, seen)
    }
  }

  protected async wait<T>(cell: number, ready: () => T | undefined): Promise<T> {
    for (;;) {
      const seen = this.load(cell)
      const found = ready()
      if (found !== undefined) return found
      const change = Atomics.waitAsync(this.control, cell, seen)
      if (change.async) await change.value
    }
  }
}

/** The writing end. */
export class RingWriter extends RingEnd {
  private count = 0

  /** Room for the next piece; null when the ring was stopped. Blocks. */
  room(): Buffer | null {
    return this.block(readerEvents, this.free)
  }

  /** As {@link room}, for the main thread. */
  roomLater(): Promise<Buffer | null> {
    return this.wait(readerEvents, this.free)
  }

  /** Hands over the first `length` bytes of the room. */
  publish(length: number): void {
    Atomics.store(this.control, this.lengthCell(this.count), length)
    Atomics.store(this.control, written, ++this.count)
    this.wake(writerEvents)
  }

  end(): void {
    this.change('ended')
    this.wake(writerEvents)
  }

  /** The reader gets what was written, then learns that there is no more. */
  fail(): void {
    this.change('failed')
    this.wake(writerEvents)
  }

  private readonly free = (): Buffer | null | undefined => {
    if (this.state !== 'open') return null
    for (let reader = 0; reader < this.memory.readers; reader++) {
      if (this.count - this.load(firstReader + reader) >= this.memory.slots) return undefined
    }
    return this.slot(this.count)
  }
}

/** One reading end. */
export class RingReader extends RingEnd {
  private readonly cell: number
  private count = 0

  constructor(memory: RingMemory, reader: number) {
    super(memory)
    this.cell = firstReader + reader
  }

  /** The next piece, or how the flow ended. Blocks. It stays valid until {@link giveBack}. */
  next(): Buffer | Exclude<State, 'open'> {
    return this.block(writerEvents, this.here)
  }

  /** As {@link next}, without waiting; undefined where the writer has not written it yet. */
  nextNow(): Buffer | Exclude<State, 'open'> | undefined {
    return this.here()
  }

  /** As {@link next}, for the main thread; what is here already costs no waiting. */
  nextLater(): Promise<Buffer | Exclude<State, 'open'>> | Buffer {
    const found = this.here()
    return Buffer.isBuffer(found) ? found : this.wait(writerEvents, this.here)
  }

  /** Gives pieces back, the oldest first, until only so many of those read are kept. */
  giveBack(keep = 0): void {
    const target = this.count - keep
    if (target <= this.load(this.cell)) return
    Atomics.store(this.control, this.cell, target)
    this.wake(readerEvents)
  }

  private readonly here = (): Buffer | Exclude<State, 'open'> | undefined => {
    const now = this.state
    if (now === 'stopped') return now
    // The state was read first: what was written before an end is still read.
    if (this.load(written) > this.count) {
      const count = this.count++
      return this.slot(count).subarray(0, this.load(this.lengthCell(count)))
    }
    return now === 'open' ? undefined : now
  }
}
