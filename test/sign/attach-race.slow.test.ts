import { join } from 'node:path'
import { raceAttachers } from '../../testkit/attach-race.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'

const rounds = 10

for (const kind of ['docker', 'referrers'] as const) {
  withPeers(
    [registryPeers[kind]],
    `20 writers that attach to one image at once lose nothing unnoticed (${kind})`,
    async () => {
      const registry = await startRegistry(kind)
      try {
        for (let round = 0; round < rounds; round++)
          expect((await raceAttachers(`${registry.host}/team/app${round}`)).findings).toEqual([])
      } finally {
        await registry.close()
      }
    },
  )
}

test('20 writers that attach to one image in a layout at once lose nothing, and none fails', async () => {
  for (let round = 0; round < rounds; round++)
    expect(await raceAttachers(`oci:${join(scratch('attach'), 'layout')}`)).toEqual({ told: 0, findings: [] })
}, 120_000)
