import { killPublications } from '../../testkit/kbs-kill.ts'
import type { Soak } from './names.ts'

/** Runs of `kbs-publish` that are killed: a guest that the plan does not admit never gets its bytes, and the next run reaches the planned state. */
export const kbsApplySoak: Soak = {
  what: 'runs of kbs-publish killed (SIGKILL) at moments spread over their run, on a KBS whose earlier rule let every sample in; a sample asks for both resources all the time and must never get bytes of the plan; the next run has to reach the planned state',
  full: 50,
  async run({ count, tell }) {
    const { killed, asked, findings } = await killPublications(count, tell)
    return {
      good: findings.length === 0,
      text: `${count} runs, ${killed} of them killed before they ended; the guest asked ${asked} times; ${findings.length} findings`,
      findings,
    }
  },
}
