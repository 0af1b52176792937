import { rename } from 'node:fs/promises'
import { appendFile } from '../../base/write-file.ts'
import { writeDelivered } from '../../tasks/delivered.ts'
import { packSource } from '../../tasks/build/pack.ts'
import { performTask } from '../../tasks/tasks.ts'
import type { Caller } from '../../agent/caller.ts'
import type { ActionContext, ActionDoor } from '../../doors/context.ts'
import { readInputs, type BuildInputs } from './inputs.ts'
import { differenceLines, uncleanWarnings } from '../../report/build/lines.ts'
import { buildReport } from '../../report/build/report.ts'

/** Builds an image reproducibly. */
export const door: ActionDoor = {
  name: 'build-reproducible',
  async run(inputs, context) {
    const { state, ports } = context
    const { request, source, directory } = await readInputs(inputs, context)
    // Fail early, before a long build, if the agent is dead or belongs to another job.
    const agent = await state.agent()
    const delivered = await state.path('build', 'delivered.json')
    const caller = callerOf(source, delivered, context)
    const result = await performTask('build', { ...request, local: agent === null ? source : null }, caller, context)
    const report = buildReport(result.identity, result)
    const lines = differenceLines(result)
    for (const warning of uncleanWarnings(result)) ports.log.warn(warning)
    if (!result.published) return { outputs: { reproducible: 'false' }, report, lines, refused: true }

    const recordPath = await state.path('build', `${result.digest.slice(7, 19)}.build-record.json`)
    await rename(delivered, recordPath)
    await state.rememberImage(result.digest, result.reference, 'plain')
    await state.remember('build-record-path', recordPath)
    const artifacts = ports.env['GITHUB_ARTIFACTS']
    if (artifacts !== undefined && artifacts !== '') {
      await appendFile(artifacts, `oci://${result.reference.replace(/^oci:/, '')}\n`)
    }
    const outputs = {
      image: result.reference,
      digest: result.digest,
      'config-digest': result.configDigest,
      'layout-path': directory ?? '',
      reproducible: String(result.reproducible),
      'build-record-path': recordPath,
    }
    return { outputs, report, lines }
  },
}

function callerOf(source: BuildInputs['source'], delivered: string, { ports }: ActionContext): Caller {
  return {
    fetch: () => packSource(source, ports),
    secret: () => Promise.resolve(null),
    deliver: (_name, bytes) => writeDelivered(delivered, bytes),
  }
}
