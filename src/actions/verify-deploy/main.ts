import type { ActionDoor } from '../../doors/context.ts'
import { verdictReport } from '../../report/verdict/report.ts'
import { runGate } from '../../tasks/gate/run.ts'
import { verdictLines } from '../../verify/verdict-lines.ts'
import { readInputs } from './inputs.ts'

/** The gate: verdict, launch, verification summary. */
export const door: ActionDoor = {
  name: 'verify-deploy',
  run: async (raw, context) => {
    const request = await readInputs(raw)
    const result = await runGate(request, context)
    const { verdict } = result
    const outputs = {
      verified: String(verdict.verified),
      image: verdict.verified ? verdict.image.reference : '',
      reasons: verdict.reasons.join(','),
      'verdict-path': result.verdictPath,
      'vsa-digest': result.vsaDigest,
      'public-key-path': result.publicKeyPath,
      'rootfs-path': result.rootfsPath,
    }
    const refused = !verdict.verified && request.enforce
    return { outputs, report: verdictReport(request, result), lines: verdictLines(verdict), refused }
  },
}
