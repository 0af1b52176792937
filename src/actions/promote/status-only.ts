import type { ActionContext, ActionResult, RawInputs } from '../../doors/context.ts'
import { carriedLines, carriedReport, carriedResults, isUnclear } from '../../report/promotion/statuses.ts'
import { promotionOutputs } from '../../report/promotion/report.ts'
import { carryStatuses } from '../../tasks/status/carry.ts'
import { loadPolicy } from '../../verify/policy/load.ts'

/** `status-only`: carries what the publisher says of images that were promoted before, and nothing else. */
export async function runStatusOnly(raw: RawInputs, { ports }: ActionContext): Promise<ActionResult> {
  raw.required('policy')
  const policy = await loadPolicy(raw.path('policy'))
  const carried = await carryStatuses({ from: raw.required('from'), to: raw.required('to'), policy }, ports)
  const { verdict: _none, ...outputs } = promotionOutputs([])
  return {
    outputs: {
      ...outputs,
      promoted: 'false',
      'results-json': JSON.stringify(carriedResults(carried)),
      'verdict-path': '',
      'public-key-path': '',
    },
    report: carriedReport(carried),
    lines: carriedLines(carried),
    refused: isUnclear(carried),
  }
}
