import { join } from 'node:path'
import { withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { raceSigners } from '../../testkit/sign-race.ts'

const rounds = 10

for (const kind of ['docker', 'referrers'] as const) {
  withPeers([registryPeers[kind]], `jobs that sign one image at once lose nothing (${kind})`, async () => {
    const registry = await startRegistry(kind)
    try {
      for (let round = 0; round < rounds; round++)
        expect((await raceSigners(`${registry.host}/team/app${round}`, 2 + (round % 3))).findings).toEqual([])
    } finally {
      await registry.close()
    }
  })
}

test('jobs that sign one image in a layout at once lose nothing, and none fails', async () => {
  for (let round = 0; round < rounds; round++) {
    const layout = join(scratch('race'), 'layout')
    expect(await raceSigners(`oci:${layout}`, 2 + (round % 3))).toEqual({ told: 0, findings: [] })
  }
}, 120_000)
