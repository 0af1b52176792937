import { hash } from 'node:crypto'
import { md5Kernel } from '../../src/encoding/md5-kernel.ts'
import { Md5Lanes } from '../../src/encoding/md5-lanes.ts'
import { signed, unsigned } from '../../src/encoding/wasm-code.ts'
import { Random } from '../../testkit/random.ts'

function make(capacity: number): Md5Lanes {
  const made = Md5Lanes.make(capacity)
  if (made === null) throw new Error('this machine runs no WebAssembly with vectors')
  return made
}

/** A part of a pool, so that many messages are made in no time. */
function bytesOf(random: Random, length: number): Buffer {
  const at = random.below(pool.length - length)
  return pool.subarray(at, at + length)
}
const seed = new Random(0)
const pool = Buffer.from(Uint32Array.from({ length: 1 << 18 }, () => seed.next()).buffer)

/** Messages with the digests that the lanes gave and those that OpenSSL gives. */
class Both {
  readonly lanes: Md5Lanes
  private readonly found: { title: string; ours: Buffer; theirs: Buffer }[] = []

  constructor(capacity: number) {
    this.lanes = make(capacity)
  }

  message(message: Buffer, pieces: readonly Buffer[] = [message]): void {
    const ours = Buffer.alloc(16)
    for (const [i, piece] of pieces.entries()) {
      if (!this.lanes.fits(piece.length)) this.lanes.run()
      this.lanes.put(piece, i === pieces.length - 1 ? ours : null)
    }
    this.found.push({
      title: `${this.found.length}: ${message.length} bytes`,
      ours,
      theirs: hash('md5', message, 'buffer'),
    })
  }

  /** Titles of the messages whose digests differ. */
  differing(): string[] {
    this.lanes.run()
    return this.found.filter(({ ours, theirs }) => !ours.equals(theirs)).map(({ title }) => title)
  }
}

test('every length up to 300 bytes', () => {
  const [random, both] = [new Random(1), new Both(1 << 20)]
  for (let length = 0; length <= 300; length++) both.message(bytesOf(random, length))
  expect(both.differing()).toEqual([])
})

test('100,000 messages of random lengths, through a memory that they fill again and again', () => {
  const [random, both] = [new Random(2), new Both(1 << 17)]
  for (let i = 0; i < 100_000; i++) both.message(bytesOf(random, random.below(1 << random.below(11))))
  for (let i = 0; i < 500; i++) both.message(bytesOf(random, random.below(60_000)))
  expect(both.differing()).toEqual([])
})

test.each([
  ['one message alone', [777_777]],
  ['one long, the others short', [500_000, ...Array.from({ length: 40 }, (_, i) => i)]],
  ['as many as lanes', [1, 1000, 64, 63, 100_000, 55, 56, 57]],
  ['one more than lanes', [9, 8, 7, 6, 5, 4, 3, 2, 1]],
  ['nothing but empty ones', [0, 0, 0]],
])('lanes of different lengths: %s', (_title, lengths) => {
  const [random, both] = [new Random(3), new Both(1 << 20)]
  for (const length of lengths) both.message(bytesOf(random, length))
  expect(both.differing()).toEqual([])
})

test('messages in pieces, run at any place within them', () => {
  const [random, both] = [new Random(4), new Both(1 << 18)]
  for (let i = 0; i < 400; i++) {
    const message = bytesOf(random, random.below(random.pick([10, 200, 30_000, 300_000])))
    const pieces: Buffer[] = []
    for (let at = 0; at < message.length || pieces.length === 0;) {
      const piece = message.subarray(at, at + random.below(random.pick([2, 65, 20_000])))
      pieces.push(piece)
      at += piece.length
    }
    const before = random.below(4)
    if (before === 0) both.lanes.run()
    both.message(message, pieces)
  }
  expect(both.differing()).toEqual([])
})

test('a digest is not there before it was asked for, and what is written later stays out of it', () => {
  const [lanes, into, message] = [make(1 << 16), Buffer.alloc(16), Buffer.from('abc')]
  lanes.put(message, into)
  message.fill(0)
  expect(into.equals(Buffer.alloc(16))).toBe(true)
  lanes.run()
  // RFC 1321, A.5.
  expect(into.toString('hex')).toBe('900150983cd24fb0d6963f7d28e17f72')
})

test('what does not fit is refused and changes nothing', () => {
  const lanes = make(1000)
  const [into, whole] = [Buffer.alloc(16), Buffer.alloc(1 << 16)]
  expect(lanes.fits(1000)).toBe(true)
  expect(lanes.fits(whole.length)).toBe(false)
  expect(() => lanes.put(whole, into)).toThrow(RangeError)
  lanes.put(Buffer.from('a'), into)
  lanes.run()
  expect(into.toString('hex')).toBe(hash('md5', 'a'))
})

test('a machine that gives no memory has no lanes', () => {
  expect(Md5Lanes.make(2 ** 40)).toBeNull()
})

test('the module is valid and small', () => {
  expect(WebAssembly.validate(md5Kernel())).toBe(true)
  expect(md5Kernel().length).toBeLessThan(12_000)
})

// WebAssembly core 2.0, 5.2.2.
test.each([
  [0, [0], [0]],
  [63, [0x3f], [0x3f]],
  [64, [0x40], [0xc0, 0]],
  [127, [0x7f], [0xff, 0]],
  [128, [0x80, 1], [0x80, 1]],
  [624_485, [0xe5, 0x8e, 0x26], [0xe5, 0x8e, 0x26]],
])('LEB128 of %d', (value, plain, withSign) => {
  expect([unsigned(value), signed(value)]).toEqual([plain, withSign])
})

test('LEB128 of numbers below zero', () => {
  expect([signed(-1), signed(-64), signed(-65), signed(-123_456)]).toEqual([
    ...[[0x7f], [0x40], [0xbf, 0x7f], [0xc0, 0xbb, 0x78]],
  ])
})
