import { keySecret, withKeyRequest } from '../../tasks/key-request.ts'
import { roles } from '../../journal/event.ts'
import { sbomSubject } from '../../tasks/sign/material.ts'
import { documentWriter } from '../../tasks/sbom/writer.ts'
import type { SbomResult } from '../../tasks/sbom/describe.ts'
import { performTask } from '../../tasks/tasks.ts'
import type { ActionContext, ActionDoor, ActionResult } from '../../doors/context.ts'
import { readInputs } from './inputs.ts'
import { engineRequest } from './engine.ts'
import { forWorker, serveSubject } from '../../tasks/sbom/serve.ts'
import { sbomReport } from '../../report/sbom.ts'

/** Outputs by role: CycloneDX 1.7 has the role of 1.6 where it is the only one. */
const outputNames: Readonly<Record<string, string>> = {
  [roles.spdx]: 'sbom-spdx-path',
  [roles.spdx3]: 'sbom-spdx3-path',
  [roles.cyclonedx]: 'sbom-cyclonedx-path',
  [roles.cyclonedx17]: 'sbom-cyclonedx17-path',
  [roles.inventory]: 'inventory-path',
  [roles.modelManifest]: 'model-manifest-path',
}

/** Describes an image or a tree of files; the documents lie in `directory`, and in the journal as outputs of an `sbom` event. */
export const door: ActionDoor = {
  name: 'sbom',
  run: async (raw, context) => {
    const { subject, describe, directory, keys, engine: wanted } = await readInputs(raw, context)
    // Fail early, before a long reading, if the agent is dead or belongs to another job.
    const agent = await context.state.agent()
    const engine = await engineRequest(wanted, context)
    const write = await documentWriter(directory, context)
    const result = await withKeyRequest(keys, context.ports, (keyRequest) =>
      performTask(
        'sbom',
        { ...(agent === null ? { subject, engine } : forWorker(subject, engine)), describe, keys: keyRequest },
        { fetch: serveSubject(subject, engine, context.ports), secret: keySecret(keys), deliver: write.deliver },
        context,
      ),
    )
    return describedResult(result, write.paths, context)
  },
}

/** Outputs and report of a description whose documents were written. */
export async function describedResult(
  result: SbomResult,
  paths: ReadonlyMap<string, string>,
  { state }: ActionContext,
): Promise<ActionResult> {
  const outputs: Record<string, string> = {}
  for (const [role, name] of Object.entries(outputNames)) {
    const path = paths.get(result.documents.find((document) => document.role === role)?.file ?? '')
    outputs[name] = path ?? ''
    if (path !== undefined) await state.remember(name, path)
  }
  // Without a journal this alone ties the documents to an image.
  await state.remember(sbomSubject, result.configDigest)
  outputs['packages'] = String(result.packages)
  outputs['complete'] = String(result.gaps.length === 0)
  outputs['unread'] = JSON.stringify(result.unread)
  outputs['coverage'] = result.coverage
  outputs['quality'] = result.quality.text
  const rows = result.documents.map(({ file, digest }) => [file, digest, paths.get(file) ?? ''])
  return { outputs, report: sbomReport(result, rows) }
}
