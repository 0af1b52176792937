import { resolve } from 'node:path'
import type { JsonObject } from '../../base/json.ts'
import { printable } from '../../base/printable.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { resolveImage } from '../../oci/open.ts'
import { hintsOfFile, typedDigest, type Hints } from '../../tasks/repair/hints.ts'
import { repair, type Relisted, type Repaired } from '../../tasks/repair/repair.ts'
import type { CommandResult } from '../command.ts'
import { namedFile } from '../option-file.ts'

/** `repair`: lists again what was lost. */
export async function repairCommand(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const { store, descriptor, reference } = await resolveImage(inputs.required('image'), ports)
  const hints: Hints = { digests: new Set(), bundles: [] }
  for (const text of inputs.list('from')) {
    const digest = typedDigest(text)
    if (digest !== null) hints.digests.add(digest)
    else hintsOfFile(await namedFile(resolve(ports.roots.cwd, text), 'from'), text, hints)
  }
  const dryRun = inputs.boolean('dry-run')
  const repaired = await repair({
    store,
    root: descriptor.digest,
    hints,
    scan: inputs.boolean('scan'),
    dropMissing: inputs.boolean('drop-missing'),
    replaceImage: inputs.boolean('replace-image'),
    dryRun,
  })
  return {
    outputs: outputsOf(repaired, dryRun),
    text: textOf(repaired, reference, dryRun, inputs.boolean('drop-missing')),
  }
}

function outputsOf(repaired: Repaired, dryRun: boolean): JsonObject {
  const { listed, looked, added, restored, corrected, missing, dropped, notes } = repaired
  const json = ({ manifest, subject, artifactType }: Relisted): JsonObject => ({ manifest, subject, artifactType })
  return {
    'dry-run': dryRun,
    listed,
    looked,
    added: added.map(json),
    restored: restored.map(json),
    corrected: corrected.map(({ manifest, was, is }) => ({ manifest, was, is })),
    missing: [...missing],
    dropped,
    notes: [...notes],
  }
}

function textOf(repaired: Repaired, reference: string, dryRun: boolean, dropMissing: boolean): string {
  const { listed, looked, added, restored, corrected, missing, dropped, notes } = repaired
  const line = (done: string, { manifest, subject, artifactType }: Relisted): string =>
    `${done}  ${manifest}  ${artifactType ?? 'no artifact type'}, attached to ${subject}`
  const drop = dropMissing ? 'It would be dropped.' : '`--drop-missing` takes it out of the list.'
  const changes = added.length + restored.length + corrected.length + (dropped ? missing.length : 0)
  const lines = [
    `${reference}: ${listed} attached manifests were listed; ${looked} other digests were looked for`,
    ...added.map((one) => line('listed again', one)),
    ...restored.map((one) => line('attached again', one)),
    ...corrected.map(
      ({ manifest, was, is }) =>
        `corrected     ${manifest}  ${was === is ? 'its annotations or size' : `${was ?? 'no artifact type'} is ${is ?? 'no artifact type'}`}`,
    ),
    ...missing.map((digest) =>
      dropped ? `dropped  ${digest}` : `gone  ${digest}: listed, but its manifest is gone. ${drop}`,
    ),
    ...notes.map((note) => `note: ${note}`),
    dryRun
      ? 'Nothing was written (`--dry-run`).'
      : changes === 0
        ? 'Nothing was to be done.'
        : `${changes} ${changes === 1 ? 'change' : 'changes'}.`,
  ]
  return `${lines.map(printable).join('\n')}\n`
}
