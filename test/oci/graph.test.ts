import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { walkGraph, type GraphGap, type GraphNode } from '../../src/oci/graph.ts'
import type { Digest, Store } from '../../src/oci/types.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { putGraph, putIndex } from './graph-image.ts'
import { codeOf, putImage, storeOf } from './helpers.ts'

const open = (text: string): Store => storeOf(text, testPorts())
const fresh = (): Store => open(`oci:${scratch()}`)

async function walked(store: Store, root: Digest): Promise<{ nodes: GraphNode[]; gaps: GraphGap[] }> {
  const gaps: GraphGap[] = []
  const nodes: GraphNode[] = []
  for await (const node of walkGraph(store, root, (gap) => gaps.push(gap))) nodes.push(node)
  return { nodes, gaps }
}

async function expectWhole(store: Store): Promise<void> {
  const graph = await putGraph(store)
  const { nodes, gaps } = await walked(store, graph.index)
  expect(gaps).toEqual([])
  expect(nodes.map(({ descriptor, relation, parent, depth }) => [descriptor.digest, relation, parent, depth])).toEqual([
    [graph.index, 'root', null, 0],
    [graph.a, 'child', graph.index, 1],
    [graph.ofA, 'referrer', graph.a, 2],
    [graph.receipt, 'referrer', graph.ofA, 3],
    [graph.b, 'child', graph.index, 1],
    [graph.ofB, 'tagged', graph.b, 2],
    [graph.ofIndex, 'referrer', graph.index, 1],
  ])
  expect(nodes[4]).toMatchObject({ platform: { architecture: 'arm64' }, tag: null })
  expect(nodes[5]?.tag).toBe(`sha256-${graph.b.slice(7)}.sig`)
  // From a child alone, nothing of the index is seen.
  expect((await walked(store, graph.a)).nodes).toHaveLength(3)
}

test('a graph is walked whole, each manifest before what hangs on it', () => expectWhole(fresh()))

withPeers([registryPeers.docker], 'the same in a registry without the referrers API', async () => {
  const registry = await startRegistry('docker')
  try {
    await expectWhole(open(`${registry.host}/team/app`))
  } finally {
    await registry.close()
  }
})

test('what is named and gone is told, and the walk goes on', async () => {
  const folder = scratch()
  const store = open(`oci:${folder}`)
  const graph = await putGraph(store)
  for (const digest of [graph.ofA, graph.b]) rmSync(join(folder, 'blobs/sha256', digest.slice(7)))
  const { nodes, gaps } = await walked(open(`oci:${folder}`), graph.index)
  expect(nodes.map(({ descriptor }) => descriptor.digest)).toEqual([graph.index, graph.a, graph.ofIndex])
  expect(gaps.map(({ manifest }) => manifest).sort()).toEqual([graph.ofA, graph.b].sort())
  expect(gaps.map(({ error }) => error.code)).toEqual(['missing-blob', 'missing-blob'])
  rmSync(join(folder, 'blobs/sha256', graph.index.slice(7)))
  expect(await codeOf(walked(open(`oci:${folder}`), graph.index))).toBe('missing-blob')
})

test('an index that two indexes name is walked once; one ten levels deep is refused', async () => {
  const store = fresh()
  const image = await putImage(store, 'a')
  const inner = await putIndex(store, [image])
  const other = await putIndex(store, [image, inner])
  const twice = await putIndex(store, [inner, other])
  expect((await walked(store, twice.digest)).nodes.map(({ descriptor }) => descriptor.digest)).toEqual([
    twice.digest,
    inner.digest,
    image.digest,
    other.digest,
  ])
  let deep = image
  for (let i = 0; i < 10; i++) deep = await putIndex(store, [deep])
  await expect(walked(store, deep.digest)).rejects.toMatchObject({
    code: 'format-invalid',
    remedy: 'Name one manifest by its digest.',
  })
})
