import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import type { Ports } from '../../base/ports.ts'
import { InputError } from '../../base/errors.ts'
import { evidenceOfQuote } from '../../tee/formats/quote.ts'
import { readEvidence } from '../../tee/formats/read.ts'
import { evidenceFormats, type ReadEvidence } from '../../tee/formats/types.ts'
import { outputForms, writeEvidence, writeQuote, type OutputFile, type OutputForm } from '../../tee/formats/write.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'
import { optionFile } from '../option-file.ts'
import { readCompanions } from './option-values.ts'

/** `tee convert`: evidence in the form that another program reads. It verifies nothing. */
export async function teeConvert(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const source = inputs.required('evidence')
  inputs.required('output')
  const to = inputs.choice('to', outputForms)
  const bytes = await optionFile(inputs, 'evidence')
  const companions = await readCompanions(inputs, ['signature', 'pcrs', 'ak'])
  const read = readEvidence(bytes, inputs.choice('format', ['auto', ...evidenceFormats]), source, companions)
  const { files, lost } = convert(await completed(read, to, inputs, ports), to)
  const base = inputs.path('output')
  for (const { suffix } of files) await refuseExisting(`${base}${suffix}`)
  const written: string[] = []
  for (const { suffix, bytes: content } of files) {
    written.push(await writeNewFile({ ...inputs, path: () => `${base}${suffix}` }, 'output', content))
  }
  const notes = [...read.notes, ...lost.map((name) => `${name} has no place in ${to}`)]
  return {
    outputs: { form: to, files: written, notes },
    text: [...written, ...notes.map((note) => `Note: ${note}`), ''].join('\n'),
  }
}

function convert(read: ReadEvidence, to: OutputForm): { files: OutputFile[]; lost: string[] } {
  if (read.kind === 'hcl') {
    throw new InputError('unsupported', 'a paravisor report alone is not evidence', {
      subject: 'evidence',
      remedy: 'Give the JSON of an az-snp-vtpm or az-tdx-vtpm attester.',
    })
  }
  if (read.kind === 'evidence') {
    const written = writeEvidence(read.evidence, to)
    return read.binding === null ? written : { ...written, lost: ['binding', ...written.lost] }
  }
  if (to === 'tpm-quote' || to === 'keylime') return { files: writeQuote(read.quote, to), lost: [] }
  const evidence = evidenceOfQuote(read.quote)
  if (evidence !== null) return writeEvidence(evidence, to)
  throw new InputError('unsupported', `${to} has a place for all 24 PCRs of SHA-256 only`, {
    subject: 'to',
    remedy: 'Take tpm-quote or keylime.',
  })
}

/** With collateral beside the evidence, where some is named. */
async function completed(read: ReadEvidence, to: OutputForm, inputs: RawInputs, ports: Ports): Promise<ReadEvidence> {
  const paths = inputs.list('collateral').map((path) => resolve(ports.roots.cwd, path))
  if (paths.length === 0) return read
  if (read.kind !== 'evidence' || to !== 'sealwright') {
    throw new InputError('input-invalid', '--collateral goes along only in the form sealwright', {
      subject: 'collateral',
      remedy: 'Write --to sealwright, or leave --collateral out.',
    })
  }
  const { readCollateral } = await import('../../tee/collateral/directory.ts')
  const { withCollateral } = await import('../../tee/collateral/travel.ts')
  const collateral = await readCollateral(paths)
  return { ...read, evidence: withCollateral(read.evidence, collateral, ports.clock.now()) }
}

/** Before anything is written, so that no half of it stays behind. */
async function refuseExisting(path: string): Promise<void> {
  if ((await stat(path).catch(() => null)) === null) return
  throw new InputError('exists', `${path} exists already`, { subject: 'output', remedy: 'Name a new file.' })
}
