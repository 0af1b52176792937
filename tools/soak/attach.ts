import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { raceAttachers, type AttachRace } from '../../testkit/attach-race.ts'
import { scratch } from '../../testkit/ports.ts'
import { startRegistry } from '../../testkit/registry.ts'
import type { Soak } from './names.ts'

const writers = 20

/** Twenty writers at one subject: docker-registry keeps no writers apart, and still none of them is told that it attached what is not listed. */
export const attachSoak: Soak = {
  what: `rounds in each of which ${writers} writers attach a referrer and a signature under the .sig tag to one image at once, in docker-registry 2.8 (fallback index), a registry with the referrers API, and a layout`,
  full: 100,
  async run({ count, tell }) {
    const all: (AttachRace & { place: string })[] = []
    for (const kind of ['docker', 'referrers'] as const) {
      const registry = await startRegistry(kind)
      try {
        for (let round = 0; round < count; round++) {
          all.push({ place: kind, ...(await raceAttachers(`${registry.host}/team/app${round}`, writers)) })
          tell(round)
        }
      } finally {
        await registry.close()
      }
    }
    for (let round = 0; round < count; round++) {
      const folder = scratch('attach')
      all.push({ place: 'layout', ...(await raceAttachers(`oci:${join(folder, 'layout')}`, writers)) })
      rmSync(folder, { recursive: true, force: true })
    }
    const findings = all.flatMap((one) => one.findings)
    const told = (place: string): number =>
      all.filter((one) => one.place === place).reduce((sum, one) => sum + one.told, 0)
    return {
      good: findings.length === 0 && told('layout') === 0,
      text: `${count} rounds each; writers that ended with an error naming what was lost, and were repaired by a second run: docker-registry ${told('docker')}, referrers API ${told('referrers')}, layout ${told('layout')}; ${findings.length} findings`,
      findings,
    }
  },
}
