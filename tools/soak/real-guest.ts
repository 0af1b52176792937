import { cases } from '../../testkit/real-guest/cases.ts'
import { livePrograms, versionOf } from '../../testkit/real-guest/programs.ts'
import { runRealGuest } from '../../testkit/real-guest/run.ts'
import type { Soak } from './names.ts'

/** The real guest beside `guest check`; CI has no guest, so the environment names the programs (docs/trustee.md). */
export const realGuestSoak: Soak = {
  what: 'publications for a guest of Confidential Containers (SEALWRIGHT_LIVE_KBS, _AA, _CDH, _CDH_TOOL name its programs; needs root): the real guest takes each image that guest check lets through, with the root file system that was built, and refuses each other one',
  full: Object.keys(cases).length,
  async run({ count, tell }) {
    const { hub } = livePrograms()
    let done = 0
    const told = await runRealGuest(Object.keys(cases).slice(0, count), () => tell(++done))
    const findings = told.flatMap((one) => one.findings)
    const ran = told.filter(({ guest }) => guest.ok).length
    return {
      good: findings.length === 0,
      text: `guest-components ${versionOf(hub)}: ${told.length} publications, ${ran} run, ${told.length - ran} refused; ${findings.length} findings`,
      findings,
    }
  },
}
