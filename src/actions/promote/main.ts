import { writeFile } from '../../base/write-file.ts'
import { jcs } from '../../encoding/jcs.ts'
import type { ActionDoor } from '../../doors/context.ts'
import { promotionLines, promotionOutputs, promotionReport } from '../../report/promotion/report.ts'
import { carriedResult } from '../../report/promotion/statuses.ts'
import { openPromoter } from '../../tasks/receive/run.ts'
import { promoteEntry, runSubscription } from '../../tasks/receive/subscription/run.ts'
import { keySecret, withKeyRequest } from '../../tasks/key-request.ts'
import { carryAsked } from '../../tasks/receive/subscription/statuses.ts'
import { readCarry, readInputs } from './inputs.ts'

/** Verifies, copies, verifies again, signs the record and tags: one image, or all that are new. */
export const door: ActionDoor = {
  name: 'promote',
  run: async (raw, context) => {
    const { ports, state } = context
    if (raw.boolean('status-only')) return carriedResult(await carryAsked(await readCarry(raw), ports))
    const inputs = await readInputs(raw)
    const { entries, many, supersedes, refresh, run } = inputs
    const { results, signer } = await withKeyRequest(inputs.keys, ports, async (keys) => {
      const promoter = await openPromoter({ ...run, keys, secret: keySecret(inputs.keys) }, context)
      const results = many
        ? await runSubscription(entries, promoter, { refresh, dryRun: run.dryRun }, ports)
        : await Promise.all(entries.map((entry) => promoteEntry(entry, promoter, supersedes, run.dryRun)))
      return { results, signer: promoter.signer }
    })
    const keep = async (name: string, bytes: string | Buffer | null): Promise<string> => {
      if (bytes === null) return ''
      const path = await state.path(name)
      await writeFile(path, bytes)
      return path
    }
    const { verdict, ...outputs } = promotionOutputs(results)
    const signed = outputs['record-digest'] === '' ? null : signer.publicKeyPem
    return {
      outputs: {
        ...outputs,
        'verdict-path': await keep('promotion-verdict.json', verdict === null ? null : jcs(verdict)),
        'public-key-path': await keep('receiver.pub', signed),
      },
      report: promotionReport(results, { dryRun: run.dryRun, refresh }),
      lines: promotionLines(results, run.dryRun),
      exitCode: Math.max(0, ...results.map(({ exitCode }) => exitCode)),
    }
  },
}
