import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Http } from '../../src/base/ports.ts'
import { copyGraph } from '../../src/oci/copy-graph.ts'
import { walkGraph } from '../../src/oci/graph.ts'
import type { Digest, Store } from '../../src/oci/types.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { putGraph } from './graph-image.ts'
import { codeOf, readAll, storeOf } from './helpers.ts'

const open = (text: string): Store => storeOf(text, testPorts())
const fresh = (): Store => open(`oci:${scratch()}`)

/** Digest, parent and tag of all in a graph, for comparison. */
async function shape(store: Store, root: Digest): Promise<string[]> {
  const found: string[] = []
  const walk = walkGraph(store, root, ({ error }) => {
    throw error
  })
  for await (const { descriptor, parent, tag, relation } of walk)
    found.push([relation, descriptor.digest, parent, tag].join(' '))
  return found
}

for (const kind of ['docker', 'referrers'] as const) {
  withPeers([registryPeers[kind]], `a graph goes through a registry (${kind}) and comes back the same`, async () => {
    const registry = await startRegistry(kind)
    try {
      const [from, back] = [fresh(), fresh()]
      const graph = await putGraph(from)
      const puts: string[] = []
      const ports = testPorts()
      const http: Http = {
        ...ports.http,
        request: (url, options) => {
          if (options?.method === 'PUT') puts.push(new URL(url).pathname.replace(/^.*\/manifests\//, ''))
          return ports.http.request(url, options)
        },
      }
      const there = storeOf(`${registry.host}/team/app`, { ...ports, http })
      const { copied, left, gaps } = await copyGraph(from, there, graph.index, { tag: 'v1' })
      expect([copied.length, left, gaps]).toEqual([7, [], []])
      expect(await shape(there, graph.index)).toEqual(await shape(from, graph.index))
      // The tag comes last, and each subject's listing is written once.
      expect(puts.at(-1)).toBe('v1')
      const listings = puts.filter((name) => /^sha256-[0-9a-f]{64}$/.test(name))
      expect(new Set(listings).size).toBe(listings.length)
      expect(listings).toHaveLength(kind === 'docker' ? 3 : 0)
      const other = open(`${registry.host}/other/app`)
      await copyGraph(open(`${registry.host}/team/app`), other, graph.index)
      expect(await other.tags()).not.toContain('v1')
      await copyGraph(other, back, graph.index, { tag: 'v1' })
      expect(await shape(back, graph.index)).toEqual(await shape(from, graph.index))
      const layer = (await back.getManifest(graph.a)).content
      expect(await readAll(back, ('layers' in layer && layer.layers[0]) || { digest: graph.a, size: 0 })).toBe('a')
      puts.length = 0
      await copyGraph(from, there, graph.index, { tag: 'v1' })
      expect(puts).toEqual([])
    } finally {
      await registry.close()
    }
  })
}

test('what is left out leaves out what hangs on it, and is told', async () => {
  const [from, to] = [fresh(), fresh()]
  const graph = await putGraph(from)
  const { copied, left } = await copyGraph(from, to, graph.index, {
    takes: ({ descriptor }) => descriptor.artifactType !== 'application/x-of-a',
  })
  expect(left.map(({ descriptor }) => descriptor.digest)).toEqual([graph.ofA, graph.receipt])
  expect(copied).toHaveLength(5)
  expect(await codeOf(to.getManifest(graph.ofA))).toBe('missing-blob')
})

test('no tag is written when what looks at the copy is not content', async () => {
  const [from, to] = [fresh(), fresh()]
  const graph = await putGraph(from)
  const beforeTags = async (target: Store): Promise<boolean> => {
    expect(await shape(target, graph.ofA)).toHaveLength(2)
    return false
  }
  expect(await copyGraph(from, to, graph.index, { tag: 'v1', beforeTags })).toMatchObject({ tagged: false })
  expect(await to.tags()).toEqual([])
})

test('an index whose child is gone is no whole image; a referrer that is gone is told', async () => {
  const folder = scratch()
  const graph = await putGraph(open(`oci:${folder}`))
  rmSync(join(folder, 'blobs/sha256', graph.ofIndex.slice(7)))
  const { gaps, copied } = await copyGraph(open(`oci:${folder}`), fresh(), graph.index)
  expect([gaps.map(({ manifest }) => manifest), copied.length]).toEqual([[graph.ofIndex], 6])
  rmSync(join(folder, 'blobs/sha256', graph.b.slice(7)))
  const target = fresh()
  expect(await codeOf(copyGraph(open(`oci:${folder}`), target, graph.index, { tag: 'v1' }))).toBe('missing-blob')
  expect(await codeOf(target.tags())).not.toContain('v1')
})
