import { createHash } from 'node:crypto'
import { appendEntries, emptyEdge, type LogEdge } from '../../src/log/edge.ts'
import { decodeEntries, encodeEntries } from '../../src/log/entry-bundle.ts'
import { emptyRoot, leafHash } from '../../src/log/merkle.ts'
import { verifyConsistency, verifyInclusion } from '../../src/log/proof.ts'
import { consistencyProof, inclusionProof, rootOf } from '../../src/log/read-tree.ts'
import { tileAt, tilePath, tilesOf, tileWidth, type TileId } from '../../src/log/tiles.ts'

const entry = (i: number): Buffer => Buffer.from(`entry ${i}`)

/** MTH of RFC 6962 §2.1, written as the text has it. */
function mth(leaves: readonly Buffer[]): Buffer {
  const [first] = leaves
  if (first === undefined) return createHash('sha256').digest()
  if (leaves.length === 1) return createHash('sha256').update(Buffer.of(0)).update(first).digest()
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return createHash('sha256')
    .update(Buffer.of(1))
    .update(mth(leaves.slice(0, k)))
    .update(mth(leaves.slice(k)))
    .digest()
}

/** A log in memory whose tiles lie under their paths. */
function grow(steps: readonly number[]): { files: Map<string, Buffer>; edge: LogEdge; root: Buffer } {
  const files = new Map<string, Buffer>()
  let edge: LogEdge = { tree: emptyEdge, entries: Buffer.alloc(0) }
  let root = emptyRoot
  for (const step of steps) {
    const grown = appendEntries(
      edge,
      Array.from({ length: step }, (_, i) => entry(edge.tree.size + i)),
    )
    for (const { id, bytes } of grown.tiles) files.set(tilePath(id), bytes)
    ;({ edge, root } = grown)
  }
  return { files, edge, root }
}

const readerOf =
  (files: ReadonlyMap<string, Buffer>) =>
  (id: TileId): Promise<Buffer> => {
    const bytes = files.get(tilePath(id))
    return bytes === undefined ? Promise.reject(new Error(`no ${tilePath(id)}`)) : Promise.resolve(bytes)
  }

test.each([0, 1, 2, 3, 5, 7, 8, 200, 255, 256, 257, 300, 511, 512, 513, 1000])(
  'the root of %i entries is the one of RFC 6962, by the edge and by the tiles',
  async (size) => {
    const want = mth(Array.from({ length: size }, (_, i) => entry(i)))
    const { files, root } = grow([size])
    expect(root).toEqual(want)
    expect(await rootOf(size, readerOf(files))).toEqual(want)
  },
)

test('a tree is the same however many entries are appended at once', async () => {
  const atOnce = grow([1000])
  const steps = grow([1, 254, 1, 1, 255, 256, 232])
  expect(steps.root).toEqual(atOnce.root)
  for (const [path, bytes] of atOnce.files) expect(steps.files.get(path)).toEqual(bytes)
  const read = readerOf(steps.files)
  expect(steps.edge).toEqual(atOnce.edge)
  for (const id of tilesOf('entries', 1000)) {
    const entries = decodeEntries(await read(id), id, 'log')
    expect(entries[0]).toEqual(entry(id.index * tileWidth))
    expect(entries).toHaveLength(id.width)
  }
})

test('a tree of 65,537 entries has tiles of three levels, and proofs across them', async () => {
  const size = 65_537
  const { files, root } = grow([size])
  const read = readerOf(files)
  expect(await rootOf(size, read)).toEqual(root)
  expect([...files.keys()]).toEqual(
    expect.arrayContaining(['tile/0/255', 'tile/0/256.p/1', 'tile/1/000', 'tile/2/000.p/1', 'tile/entries/256.p/1']),
  )
  for (const index of [0, 1, 255, 256, 32_768, 65_535, 65_536]) {
    const proof = await inclusionProof(index, size, read)
    expect(proof.length).toBe(index === 65_536 ? 1 : 17)
    verifyInclusion(leafHash(entry(index)), index, { size, root }, proof, 'log')
  }
})

test('every entry of small trees has a proof, and only at its own place', async () => {
  for (const size of [1, 2, 3, 6, 7, 8, 21]) {
    const { files, root } = grow([size])
    for (let index = 0; index < size; index++) {
      const proof = await inclusionProof(index, size, readerOf(files))
      verifyInclusion(leafHash(entry(index)), index, { size, root }, proof, 'log')
      const check = (leaf: Buffer, at: number, hashes: Buffer[], head = { size, root }) =>
        expect(() => verifyInclusion(leaf, at, head, hashes, 'log')).toThrow(
          expect.objectContaining({ code: 'log-broken' }),
        )
      check(leafHash(entry(index + 1)), index, proof)
      check(leafHash(entry(index)), size, proof)
      check(leafHash(entry(index)), -1, proof)
      check(leafHash(entry(index)), index, [...proof, root])
      if (size > 1) check(leafHash(entry(index)), index, proof.slice(0, -1))
      if (size > 1) check(leafHash(entry(index)), index === 0 ? 1 : index - 1, proof)
      check(leafHash(entry(index)), index, proof, { size, root: leafHash(root) })
    }
  }
})

test('every tree of up to 20 entries continues each smaller one, and no other', async () => {
  for (let size = 1; size <= 20; size++) {
    const { files, root } = grow([size])
    for (let old = 0; old <= size; old++) {
      const before = { size: old, root: grow([old]).root }
      const proof = await consistencyProof(old, size, readerOf(files))
      verifyConsistency(before, { size, root }, proof, 'log')
      const check = (one: typeof before, other: typeof before, hashes: Buffer[], code = 'log-broken') =>
        expect(() => verifyConsistency(one, other, hashes, 'log')).toThrow(expect.objectContaining({ code }))
      const strange = leafHash(root)
      check({ size: old, root: strange }, { size, root }, proof)
      check(before, { size, root }, [...proof, strange])
      if (old > 0) check(before, { size, root: strange }, proof)
      if (proof.length > 0) check(before, { size, root }, proof.slice(0, -1))
      if (proof.length > 0) check(before, { size, root }, [])
      if (old < size) check({ size, root }, before, proof, 'rolled-back')
    }
  }
})

test('tiles have the paths of C2SP tlog-tiles', () => {
  expect(tilePath({ level: 0, index: 0, width: 256 })).toBe('tile/0/000')
  expect(tilePath({ level: 1, index: 1_234_067, width: 256 })).toBe('tile/1/x001/x234/067')
  expect(tilePath({ level: 'entries', index: 1_234_067, width: 8 })).toBe('tile/entries/x001/x234/067.p/8')
  expect(tilePath({ level: 0, index: 1000, width: 1 })).toBe('tile/0/x001/000.p/1')
  expect(tileAt(0, 1, 256)).toBeNull()
  expect(tileAt(1, 0, 255)).toBeNull()
  expect(tileAt(1, 0, 70_000)).toEqual({ level: 1, index: 0, width: 256 })
  expect(tileAt(1, 1, 70_000)).toEqual({ level: 1, index: 1, width: 17 })
})

test('a bundle of entries is read only whole', () => {
  const id = { level: 'entries', index: 0, width: 2 } as const
  const bytes = encodeEntries([entry(0), entry(1)])
  expect(decodeEntries(bytes, id, 'log')).toEqual([entry(0), entry(1)])
  for (let length = 0; length < bytes.length; length++)
    expect(() => decodeEntries(bytes.subarray(0, length), id, 'log')).toThrow(
      expect.objectContaining({ code: 'format-invalid' }),
    )
  expect(() => decodeEntries(Buffer.concat([bytes, encodeEntries([entry(2)])]), id, 'log')).toThrow(
    expect.objectContaining({ code: 'format-invalid' }),
  )
})

test('an entry has at most 65,535 bytes', () => {
  expect(encodeEntries([Buffer.alloc(65_535)])).toHaveLength(65_537)
  expect(() => encodeEntries([Buffer.alloc(65_536)])).toThrow(expect.objectContaining({ code: 'input-invalid' }))
})

test('proofs are refused for entries and sizes that a log does not have', async () => {
  const { files } = grow([3])
  await expect(inclusionProof(3, 3, readerOf(files))).rejects.toMatchObject({ code: 'input-invalid' })
  await expect(inclusionProof(1.5, 3, readerOf(files))).rejects.toMatchObject({ code: 'input-invalid' })
  await expect(consistencyProof(4, 3, readerOf(files))).rejects.toMatchObject({ code: 'input-invalid' })
})
