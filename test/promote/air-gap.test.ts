import { renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { walkGraph } from '../../src/oci/graph.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { Digest, Store } from '../../src/oci/types.ts'
import { promote, type Promoted } from '../../src/tasks/promote/promote.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { forgeChain, makeIssuer } from '../../testkit/chain.ts'
import { withPeers } from '../../testkit/peers.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { putSmallImage, smallBase, smallFiles } from '../../testkit/small-image.ts'

const ports = testPorts()
const open = (text: string): Store => openStore(parseReference(text, '/'), ports)

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
  'an image leaves a registry in an archive, crosses an air gap and verifies in another registry',
  async () => {
    const registry = await startRegistry('docker')
    try {
      const from = `${registry.host}/team/app`
      const issuer = makeIssuer()
      const base = await smallBase(open(from), await putSmallImage(open(from), smallFiles, 'v1'))
      await forgeChain(open(from), base, { issuer, at: new Date() })
      const policy = await parsePolicy(policyText(base, issuer), '/policy.yml')
      const { digest } = base.subject
      const run = (source: string, to: string): Promise<Promoted> =>
        promote({ from: source, to, policy, filter: { include: [], exclude: [] }, dryRun: false }, ports)
      const folder = scratch('air-gap')
      const out = await run(`${from}:v1`, `oci-archive:${folder}/out.tar`)
      expect([out.source.verified, out.target?.verified, out.graph?.left, out.image]).toEqual([
        true,
        true,
        [],
        `oci-archive:${folder}/out.tar:v1@${digest}`,
      ])
      // A copy on another disk: nothing but the file goes along.
      renameSync(join(folder, 'out.tar'), join(folder, 'in.tar'))
      const into = await run(`oci-archive:${folder}/in.tar`, `${registry.host}/prod/app`)
      expect([into.target?.verified, into.graph?.left, into.tag]).toEqual([true, [], 'v1'])
      const wanted = await shape(open(from), digest)
      expect(wanted.length).toBeGreaterThan(6)
      for (const text of [`oci-archive:${folder}/in.tar`, `${registry.host}/prod/app`])
        expect(await shape(open(text), digest)).toEqual(wanted)
      // What the policy refuses changes no archive.
      const { ino } = statSync(join(folder, 'in.tar'))
      const other = await parsePolicy(policyText(base, makeIssuer()), '/policy.yml')
      const refused = await promote(
        {
          from: `${from}:v1`,
          to: `oci-archive:${folder}/in.tar:v2`,
          policy: other,
          filter: { include: [], exclude: [] },
          dryRun: false,
        },
        ports,
      )
      expect([refused.source.verified, statSync(join(folder, 'in.tar')).ino]).toEqual([false, ino])
      await expect(run(`${from}:v1`, `docker-archive:${folder}/x.tar`)).rejects.toMatchObject({ code: 'unsupported' })
    } finally {
      await registry.close()
    }
  },
)
