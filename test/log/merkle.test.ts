import { emptyRoot, isConsistent, isIncluded, leafHash, nodeHash, rootOfInclusion } from '../../src/log/merkle.ts'

/** RFC 9162 §2.1.1 to §2.1.4, as they are written: slow, recursive, and not how the verifier works. */
const split = (n: number): number => {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}
const rootOf = (leaves: readonly Buffer[]): Buffer => {
  if (leaves.length === 0) return emptyRoot
  if (leaves.length === 1) return leaves[0] as Buffer
  const k = split(leaves.length)
  return nodeHash(rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)))
}
const inclusion = (m: number, leaves: readonly Buffer[]): Buffer[] => {
  if (leaves.length <= 1) return []
  const k = split(leaves.length)
  return m < k
    ? [...inclusion(m, leaves.slice(0, k)), rootOf(leaves.slice(k))]
    : [...inclusion(m - k, leaves.slice(k)), rootOf(leaves.slice(0, k))]
}
const subproof = (m: number, leaves: readonly Buffer[], whole: boolean): Buffer[] => {
  if (m === leaves.length) return whole ? [] : [rootOf(leaves)]
  const k = split(leaves.length)
  return m <= k
    ? [...subproof(m, leaves.slice(0, k), whole), rootOf(leaves.slice(k))]
    : [...subproof(m - k, leaves.slice(k), false), rootOf(leaves.slice(0, k))]
}

const most = 33
const leaves = Array.from({ length: most }, (_, i) => leafHash(Buffer.from(`entry ${i}`)))
const other = leafHash(Buffer.from('another'))

test('every inclusion proof of trees up to 33 entries holds, and for no other entry, index, size or root', () => {
  let proofs = 0
  for (let size = 1; size <= most; size++) {
    const tree = leaves.slice(0, size)
    const root = rootOf(tree)
    for (let index = 0; index < size; index++) {
      const leaf = tree[index] as Buffer
      const proof = inclusion(index, tree)
      const holds = (l: Buffer, i: number, s: number, p: readonly Buffer[], r: Buffer): boolean =>
        isIncluded(l, BigInt(i), BigInt(s), p, r)
      expect(holds(leaf, index, size, proof, root)).toBe(true)
      expect(holds(other, index, size, proof, root)).toBe(false)
      expect(holds(leaf, index, size, proof, other)).toBe(false)
      expect(holds(leaf, index, size, [...proof, other], root)).toBe(false)
      if (proof.length > 0) expect(holds(leaf, index, size, proof.slice(0, -1), root)).toBe(false)
      for (const wrong of [-1, size, size + 1]) expect(holds(leaf, wrong, size, proof, root)).toBe(false)
      for (let i = 0; i < size; i++) if (i !== index) expect(holds(leaf, i, size, proof, root)).toBe(false)
      for (let i = 0; i < proof.length; i++) expect(holds(leaf, index, size, proof.with(i, other), root)).toBe(false)
      proofs++
    }
  }
  expect(proofs).toBe((most * (most + 1)) / 2)
})

test('every consistency proof of trees up to 33 entries holds, and not for another history', () => {
  let proofs = 0
  for (let size = 1; size <= most; size++) {
    const newer = { size: BigInt(size), root: rootOf(leaves.slice(0, size)) }
    for (let before = 1; before <= size; before++) {
      const older = { size: BigInt(before), root: rootOf(leaves.slice(0, before)) }
      const proof = subproof(before, leaves.slice(0, size), true)
      expect(isConsistent(older, newer, proof)).toBe(true)
      expect(isConsistent({ ...older, root: other }, newer, proof)).toBe(false)
      expect(isConsistent(older, { ...newer, root: other }, proof)).toBe(false)
      expect(isConsistent(older, newer, [...proof, other])).toBe(false)
      if (proof.length > 0) expect(isConsistent(older, newer, proof.slice(1))).toBe(false)
      for (let i = 0; i < proof.length; i++) expect(isConsistent(older, newer, proof.with(i, other))).toBe(false)
      if (before < size) expect(isConsistent(newer, older, proof)).toBe(false)
      proofs++
    }
  }
  expect(proofs).toBe((most * (most + 1)) / 2)
})

test('the empty tree is a beginning of every tree, if its root is the hash of nothing and nothing is to be proven', () => {
  const newer = { size: 3n, root: rootOf(leaves.slice(0, 3)) }
  expect(isConsistent({ size: 0n, root: emptyRoot }, newer, [])).toBe(true)
  expect(isConsistent({ size: 0n, root: other }, newer, [])).toBe(false)
  expect(isConsistent({ size: 0n, root: emptyRoot }, newer, [other])).toBe(false)
  expect(isConsistent({ size: 0n, root: emptyRoot }, { size: 0n, root: emptyRoot }, [])).toBe(true)
})

test('hashes of another size and negative numbers are no proof', () => {
  const leaf = leaves[0] as Buffer
  expect(rootOfInclusion(leaf.subarray(1), 0n, 1n, [])).toBe(null)
  expect(rootOfInclusion(leaf, 0n, 2n, [Buffer.alloc(31)])).toBe(null)
  expect(isConsistent({ size: -1n, root: leaf }, { size: 1n, root: leaf }, [])).toBe(false)
  expect(isConsistent({ size: 1n, root: leaf.subarray(1) }, { size: 1n, root: leaf.subarray(1) }, [])).toBe(false)
})
