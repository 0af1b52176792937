import { join } from 'node:path'
import { scratch } from '../../testkit/ports.ts'
import { killPromotions, type KillResult } from '../../testkit/promote-kill.ts'
import { startRegistry } from '../../testkit/registry.ts'
import type { Soak } from './names.ts'

/** Promotions that are killed: the target's tag names the old image or a whole new one, at every moment. */
export const promoteSoak: Soak = {
  what: 'promotions killed (SIGKILL) at moments spread over their run, half to a layout, half to docker-registry 2.8; the tag of the target has to name the old image or the new one with all that vouches for it',
  full: 50,
  async run({ count, tell }) {
    const folder = scratch('promote-soak')
    const half = Math.ceil(count / 2)
    const layout = await killPromotions(half, (number) => `oci:${join(folder, String(number))}`, tell)
    const registry = await startRegistry('docker')
    let docker: KillResult
    try {
      docker = await killPromotions(
        count - half,
        (number) => `${registry.host}/prod/app${number}`,
        (done) => tell(half + done),
      )
    } finally {
      await registry.close()
    }
    const findings = [...layout.findings, ...docker.findings]
    return {
      good: findings.length === 0,
      text: `${count} runs, ${layout.killed + docker.killed} of them killed before they ended, ${layout.moved + docker.moved} after the tag was written; ${findings.length} findings`,
      findings,
    }
  },
}
