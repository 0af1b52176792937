import { hash } from 'node:crypto'
import { Md5Lanes } from '../../src/encoding/md5-lanes.ts'
import { ExtentDigests, laneBytes } from '../../src/image/extent-digests.ts'
import { besideLimit, ExtentQueue, makeExtentMemory } from '../../src/image/extents.ts'
import type { ExtraDigest } from '../../src/image/types.ts'
import { Random } from '../../testkit/random.ts'

const pieceBytes = 512 * 1024
const pieces = 8
const pool = Buffer.alloc(6 << 20)
const seed = new Random(9)
for (let i = 0; i < pool.length; i += 4) pool.writeUInt32LE(seed.next(), i)

interface File {
  bytes: Buffer
  extra: readonly ExtraDigest[]
}

/** The digests of files that lie one behind the other, by both ends in turn, and how many had come before each piece. */
async function digestsOf(
  files: readonly File[],
  lanes: () => Md5Lanes | null,
): Promise<{ found: string[]; came: number[] }> {
  const layer = Buffer.concat(files.flatMap(({ bytes }) => [Buffer.alloc(512), bytes]))
  const memory = makeExtentMemory(pieces, pieceBytes)
  const queue = new ExtentQueue(memory)
  const digests = new ExtentDigests(memory, lanes)
  const [found, came]: [string[], number[]] = [[], []]
  let [next, offset] = [0, 512]
  for (let at = 0; at < layer.length; at += pieceBytes) {
    const piece = layer.subarray(at, at + pieceBytes)
    queue.begin(piece.length)
    for (let file = files[next]; file !== undefined && offset < at + piece.length; file = files[++next]) {
      const { bytes, extra } = file
      queue.want(offset, bytes.length, extra, (sha256, more) => {
        const all = [sha256, ...extra.map((name) => more.get(name) ?? Buffer.alloc(0))]
        found.push(all.map((digest) => digest.toString('hex')).join(' '))
      })
      offset += bytes.length + 512
    }
    await queue.publish()
    came.push(found.length)
    expect(digests.take(piece)).toBe(true)
  }
  // The last ones need no more room than there is: nobody takes any meanwhile.
  await queue.publish()
  expect(digests.end()).toBe(true)
  await queue.finish()
  return { found, came }
}

function expected(files: readonly File[]): string[] {
  return files.map(({ bytes, extra }) => ['sha256', ...extra].map((name) => hash(name, bytes)).join(' '))
}

function filesOf(random: Random, sizes: readonly number[]): File[] {
  const asked: readonly (readonly ExtraDigest[])[] = [[], ['md5'], ['md5'], ['sha1'], ['md5', 'sha1']]
  return sizes.map((size) => {
    const at = random.below(pool.length - size)
    return { bytes: pool.subarray(at, at + size), extra: random.pick(asked) }
  })
}

const mixed = [
  ...Array.from({ length: 500 }, (_, i) => 1 + 7 * i),
  ...[besideLimit + 1, besideLimit, 3, 2_000_000, 1_500_000, 1, 900_000],
  ...Array.from({ length: 30 }, (_, i) => 400_000 + 10_007 * i),
]

test.each([
  ['side by side', () => Md5Lanes.make(laneBytes)],
  ['side by side, in a memory for one piece', () => Md5Lanes.make(pieceBytes + 512 * 72)],
  ['one by one, where there are no lanes', () => null],
])('files of all sizes: %s', async (_title, lanes) => {
  const files = filesOf(new Random(1), mixed)
  const { found } = await digestsOf(files, lanes)
  expect(found).toEqual(expected(files))
})

test('lanes that another layer left in the middle of a file', async () => {
  const files = filesOf(new Random(2), [100, 200, 700_000])
  const lanes = Md5Lanes.make(laneBytes)
  lanes?.put(Buffer.from('begun'), Buffer.alloc(16))
  lanes?.put(Buffer.from('left'), null)
  const { found } = await digestsOf(files, () => lanes)
  expect(found).toEqual(expected(files))
})

test('digests wait for no more than 64 pieces', async () => {
  const large = Array.from({ length: 90 }, () => pieceBytes - 1024)
  const files = filesOf(new Random(3), [10, ...large]).map((file, i) => ({
    ...file,
    extra: i === 0 ? ['md5' as const] : [],
  }))
  const { found, came } = await digestsOf(files, () => Md5Lanes.make(laneBytes))
  expect(found).toEqual(expected(files))
  expect(came.slice(0, 64).at(-1)).toBe(0)
  expect(came[67]).toBeGreaterThan(0)
})

test('without MD5 nothing waits', async () => {
  const files = filesOf(
    new Random(4),
    Array.from({ length: 20 }, () => 200_000),
  )
  const plain = files.map(({ bytes }) => ({ bytes, extra: [] }))
  const { came } = await digestsOf(plain, () => {
    throw new Error('nobody needs lanes')
  })
  expect(came.slice(0, 4)).toEqual([0, 2, 5, 7])
})

test('a reader that has stopped', () => {
  const memory = makeExtentMemory(pieces, pieceBytes)
  const digests = new ExtentDigests(memory, () => null)
  digests.stop()
  expect(digests.take(Buffer.alloc(10))).toBe(false)
})
