import { appendFile, writeFile } from 'node:fs/promises'
import { buildImage } from '../../build/build.ts'
import type { BuildResult } from '../../build/types.ts'
import { roles, type EventFacts } from '../../journal/event.ts'
import { formatReference } from '../../oci/reference.ts'
import { mediaTypes, type Reference } from '../../oci/types.ts'
import { buildParameters } from '../../statement/parameters.ts'
import type { ActionContext, ActionDoor } from '../context.ts'
import { readInputs } from './inputs.ts'
import { buildReport } from './summary.ts'

export const door: ActionDoor = {
  name: 'build-reproducible',
  async run(inputs, context) {
    const { options, output } = await readInputs(inputs, context)
    // A dead or foreign agent is told before minutes of work.
    const agent = await context.state.agent()
    const result = await buildImage(options, context.ports)
    const report = buildReport(options.output.store.identity, result)
    if (!result.published) return { outputs: { reproducible: 'false' }, report, refused: true }

    const outputs = await keep(result, output, context)
    if (agent !== null) await agent.append(buildEvent(result, options.output.store.identity))
    return { outputs, report }
  },
}

/** Writes the record, remembers where things lie and tells the runner of the artifact. */
async function keep(
  result: BuildResult,
  output: Reference & { tag: string },
  context: ActionContext,
): Promise<Record<string, string>> {
  const { state, ports } = context
  const recordPath = await state.path('build', `${result.digest.slice(7, 19)}.build-record.json`)
  await writeFile(recordPath, result.recordBytes)
  const full = formatReference({ ...output, digest: result.digest })
  await state.rememberImage(result.digest, full, 'plain')
  await state.remember('build-record-path', recordPath)
  const artifacts = ports.env['GITHUB_ARTIFACTS']
  if (artifacts !== undefined && artifacts !== '') {
    await appendFile(artifacts, `oci://${full.replace(/^oci:/, '')}\n`)
  }
  return {
    image: full,
    digest: result.digest,
    'config-digest': result.configDigest,
    'layout-path': output.directory ?? '',
    reproducible: String(result.reproducible),
    'build-record-path': recordPath,
  }
}

function buildEvent(result: BuildResult, identity: string): EventFacts {
  const { record } = result
  const octets = 'application/octet-stream'
  return {
    kind: 'build',
    inputs: [
      {
        role: roles.context,
        name: record.context.path,
        digest: record.context.digest,
        mediaType: 'application/vnd.sealwright.context.v1+jsonl',
      },
      { role: roles.file, name: record.containerfile.path, digest: record.containerfile.digest, mediaType: octets },
      ...record.baseImages.map(({ name, digest }) => ({
        role: roles.base,
        name,
        digest,
        mediaType: mediaTypes.manifest,
      })),
    ],
    outputs: [
      { role: roles.image, name: identity, digest: result.digest, mediaType: mediaTypes.manifest },
      { role: roles.config, name: identity, digest: result.configDigest, mediaType: mediaTypes.config },
      {
        role: roles.buildRecord,
        name: 'build-record.json',
        digest: result.recordDigest,
        mediaType: 'application/vnd.sealwright.build-record.v1+json',
      },
    ],
    result: {
      reproducible: result.reproducible,
      rebuilds: record.rebuilds.count,
      independence: record.rebuilds.independence,
      parameters: buildParameters(record),
    },
  }
}
