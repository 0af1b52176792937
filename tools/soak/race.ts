import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { scratch } from '../../testkit/ports.ts'
import { startRegistry } from '../../testkit/registry.ts'
import { raceSigners, type RaceResult } from '../../testkit/sign-race.ts'
import type { Soak } from './names.ts'

/** Jobs that sign one image at once: what a registry without conditional writes loses is noticed by whoever wrote it. */
export const raceSoak: Soak = {
  what: 'rounds in each of which two to four jobs sign one image at once, in docker-registry 2.8 (fallback index), a registry with the referrers API, and a layout',
  full: 50,
  async run({ count, tell }) {
    const all: (RaceResult & { place: string })[] = []
    for (const kind of ['docker', 'referrers'] as const) {
      const registry = await startRegistry(kind)
      try {
        for (let round = 0; round < count; round++) {
          all.push({ place: kind, ...(await raceSigners(`${registry.host}/team/app${round}`, 2 + (round % 3))) })
          tell(round)
        }
      } finally {
        await registry.close()
      }
    }
    for (let round = 0; round < count; round++) {
      const folder = scratch('race')
      all.push({ place: 'layout', ...(await raceSigners(`oci:${join(folder, 'layout')}`, 2 + (round % 3))) })
      rmSync(folder, { recursive: true, force: true })
    }
    const findings = all.flatMap((one) => one.findings)
    const told = (place: string): number =>
      all.filter((one) => one.place === place).reduce((sum, one) => sum + one.told, 0)
    return {
      good: findings.length === 0,
      text: `${count} rounds each; runs that ended with an error and were repaired by a second run: docker-registry ${told('docker')}, referrers API ${told('referrers')}, layout ${told('layout')}; ${findings.length} findings`,
      findings,
    }
  },
}
