import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError, VerificationError } from '../../base/errors.ts'
import { judge } from '../../tee/formats/judge.ts'
import { evidenceOfQuote } from '../../tee/formats/quote.ts'
import { readEvidence } from '../../tee/formats/read.ts'
import { evidenceFormats } from '../../tee/formats/types.ts'
import { trusteeMachine } from '../../tee/reference/trustee-machine.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'
import { optionFile } from '../option-file.ts'
import { readCompanions, timeOption } from './option-values.ts'
import { contextOf, readAccept } from './verify.ts'

/** `tee reference-values machine`: what Trustee's default policy asks for, out of evidence of a machine that is known to be good. */
export async function machineValues(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const path = inputs.required('evidence')
  const bytes = await optionFile(inputs, 'evidence')
  const companions = await readCompanions(inputs, ['signature', 'pcrs', 'ak'])
  const read = readEvidence(bytes, inputs.choice('format', ['auto', ...evidenceFormats]), path, companions)
  const at = timeOption(inputs, 'at', ports.clock.now())
  // The values are of the machine, not of one moment: nothing has to be bound.
  const accept = new Set([...readAccept(inputs, false), 'unbound' as const])
  const context = await contextOf(inputs, { policy: null, accept, at }, ports)
  const verdict = judge(read, { expected: null, accept, selection: null, context })
  const failed = verdict.checks.find(({ ok }) => !ok)
  if (failed !== undefined) {
    throw new VerificationError('evidence-invalid', `${path} does not verify: ${failed.name}: ${failed.why}`, {
      subject: path,
      remedy: 'See "sealwright tee verify --accept unbound" with the same `--evidence` and `--collateral`.',
    })
  }
  const taken = read.kind === 'evidence' ? read.evidence : read.kind === 'quote' ? evidenceOfQuote(read.quote) : null
  const { values, missing } = trusteeMachine(verdict, taken)
  if (Object.keys(values).length === 0) {
    throw new InputError('unsupported', `Trustee's default policy compares nothing of ${verdict.technology} evidence`, {
      subject: 'evidence',
      remedy: 'Give `--evidence` of snp, tdx, az-snp-vtpm, az-tdx-vtpm or tpm.',
    })
  }
  if (missing.length > 0)
    ports.log.warn(`Trustee's default policy also compares, and this evidence does not tell: ${missing.join(', ')}.`)
  const text = `${JSON.stringify({ 'reference-values': values }, null, 2)}\n`
  const outputs = {
    'reference-values': JSON.stringify(values),
    technology: verdict.technology,
    missing: missing.join(','),
  }
  if (inputs.text('output') === '') return { outputs, text }
  const written = await writeNewFile(inputs, 'output', Buffer.from(text))
  return { outputs: { ...outputs, path: written }, text: `${written}\n` }
}
