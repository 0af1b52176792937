import { join } from 'node:path'
import { raceAttachers } from '../../testkit/attach-race.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'

/** Rounds in docker-registry, which keeps no writers apart; the others lose nothing by their making. */
const rounds = { docker: 10, referrers: 5, layout: 5 } as const
/** Of one test: other work on the machine makes twenty writers slow. */
const timeoutMs = 300_000

for (const kind of ['docker', 'referrers'] as const) {
  withPeers(
    [registryPeers[kind]],
    `20 writers that attach to one image at once lose nothing unnoticed (${kind})`,
    async () => {
      const registry = await startRegistry(kind)
      try {
        for (let round = 0; round < rounds[kind]; round++)
          expect((await raceAttachers(`${registry.host}/team/app${round}`)).findings).toEqual([])
      } finally {
        await registry.close()
      }
    },
    timeoutMs,
  )
}

test(
  '20 writers that attach to one image in a layout at once lose nothing, and none fails',
  async () => {
    for (let round = 0; round < rounds.layout; round++)
      expect(await raceAttachers(`oci:${join(scratch('attach'), 'layout')}`)).toEqual({ told: 0, findings: [] })
  },
  timeoutMs,
)
