import { withPeers } from '../../testkit/peers.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { after, clock, place, revoked, say, start } from './support.ts'

for (const kind of ['docker', 'referrers'] as const) {
  withPeers([registryPeers[kind]], `a revocation is carried to a registry: ${kind}`, async () => {
    clock.now = start
    const registry = await startRegistry(kind)
    try {
      const { from, carry, gate } = await place(`${registry.host}/prod/app`)
      expect((await gate()).verified).toBe(true)
      clock.now = after(1)
      await say(`${from}:app`, revoked)
      expect(await carry()).toEqual(['carried', 'carried', 'carried'])
      expect(await carry()).toEqual(['present', 'present', 'present'])
      expect((await gate()).reasons).toEqual(['index-unattested', 'revoked'])
    } finally {
      await registry.close()
    }
  })
}
