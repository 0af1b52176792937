import { renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { walkGraph } from '../../src/oci/graph.ts'
import type { Digest, Store } from '../../src/oci/types.ts'
import { makeIssuer } from '../../testkit/chain.ts'
import { withPeers } from '../../testkit/peers.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { scratch } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { smallClaims } from '../../testkit/small-image.ts'
import { gatePolicy, open, place } from './support.ts'

/** All of a graph with parents and tags. */
async function shape(store: Store, root: Digest): Promise<string[]> {
  const found: string[] = []
  const walk = walkGraph(store, root, ({ error }) => {
    throw error
  })
  for await (const { descriptor, parent, tag, relation } of walk)
    found.push([relation, descriptor.digest, parent, tag].join(' '))
  return found.sort()
}

withPeers(
  [registryPeers.docker],
  'an image leaves a registry in an archive and is the same in another registry',
  async () => {
    const registry = await startRegistry('docker')
    try {
      const { from, digest, run } = await place()
      const outside = `${registry.host}/team/app`
      await run(`${outside}:v1`)
      const folder = scratch('air-gap')
      const out = await run(`oci-archive:${folder}/out.tar`, { from: `${outside}:v1` })
      expect([out.source.verified, out.target?.verified, out.left, out.image]).toEqual([
        true,
        true,
        [],
        `oci-archive:${folder}/out.tar:v1@${digest}`,
      ])
      // Nothing but the file goes along.
      renameSync(join(folder, 'out.tar'), join(folder, 'in.tar'))
      const into = await run(`${registry.host}/prod/app`, { from: `oci-archive:${folder}/in.tar` })
      expect([into.target?.verified, into.left, into.image]).toEqual([
        true,
        [],
        `${registry.host}/prod/app:v1@${digest}`,
      ])
      const wanted = await shape(open(from), digest)
      expect(wanted.length).toBeGreaterThan(6)
      for (const text of [outside, `oci-archive:${folder}/in.tar`, `${registry.host}/prod/app`])
        expect(await shape(open(text), digest)).toEqual(wanted)
      // What the policy refuses changes no archive.
      const { ino } = statSync(join(folder, 'in.tar'))
      const strict = await gatePolicy(policyText({ claims: smallClaims } as never, makeIssuer()))
      const refused = await run(`oci-archive:${folder}/in.tar:v2`, { policy: strict })
      expect([refused.source.verified, statSync(join(folder, 'in.tar')).ino]).toEqual([false, ino])
      await expect(run(`docker-archive:${folder}/x.tar`)).rejects.toMatchObject({ code: 'unsupported' })
    } finally {
      await registry.close()
    }
  },
)
