import { hash } from 'node:crypto'
import { InputError } from '../../base/errors.ts'
import { asInput } from '../../base/as-input.ts'
import { technologies } from '../../base/technology.ts'
import { identityText } from '../../bundle/identity.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { baseName, recorded, type RecordedInputs } from '../../tee/predict/files.ts'
import { readPublished, type Choice } from '../../tee/published/read.ts'
import type { CommandResult } from '../command.ts'
import { optionFile } from '../option-file.ts'
import { showNotes, writeDocument } from '../tee/document.ts'

const signerOptions = ['public-key', 'identity', 'identity-pattern', 'issuer']

/** `tee reference-values import`: values that others published become a document that can be signed. */
export async function importValues(inputs: RawInputs, context: ActionContext): Promise<CommandResult> {
  const file = inputs.required('file')
  inputs.required('output')
  const choice = choiceOf(inputs)
  const bytes = await optionFile(inputs, 'file')
  const signature = await signatureOf(inputs, bytes, file, context)
  const published = asInput('file', () => readPublished(bytes, choice, file))
  showNotes(published, context.ports.log)
  const own = { published: recorded(baseName(file), hash('sha256', bytes, 'buffer')), ...signature }
  return writeDocument(inputs, { ...published, inputs: { ...published.inputs, ...own } })
}

/**
 * The verified signature as the document records it. What nobody signed is imported only on request.
 *
 * @throws VerificationError where the bundle does not hold; InputError `input-missing`, `input-invalid`
 */
async function signatureOf(
  inputs: RawInputs,
  bytes: Buffer,
  file: string,
  { ports }: ActionContext,
): Promise<RecordedInputs> {
  const accepts = inputs.text('accept') !== '' && inputs.choice('accept', ['unsigned']) === 'unsigned'
  if (inputs.text('bundle') === '') {
    const lost = signerOptions.find((name) => inputs.text(name) !== '')
    if (accepts && lost === undefined) return {}
    throw new InputError('input-missing', `no bundle is given, so nothing says who published ${file}`, {
      subject: 'bundle',
      remedy:
        'Give `bundle` with `public-key`, or with `identity` and `issuer`. Only where nobody signed the values: `accept` unsigned, without a signer.',
    })
  }
  if (accepts)
    throw new InputError('input-invalid', 'accept: unsigned excludes a bundle', {
      subject: 'accept',
      remedy: 'Leave `accept` out: the bundle has to hold.',
    })
  const { verifyBytes } = await import('../bundle/verify-bundle.ts')
  const { signer } = await verifyBytes(inputs, bytes, file, ports)
  const who = signer.kind === 'key' ? `public key ${signer.hint}` : identityText(signer.identity)
  return { signature: recorded(who, hash('sha256', await optionFile(inputs, 'bundle'), 'buffer')) }
}

function choiceOf(inputs: RawInputs): Choice {
  const technology = inputs.text('technology') === '' ? null : inputs.choice('technology', technologies)
  const text = inputs.text('pick')
  if (text === '') return { technology, pick: new Map() }
  const [, name = '', id = ''] = /^([a-z0-9-]+)=(.+)$/s.exec(text) ?? []
  if (name !== '') return { technology, pick: new Map([[name, id]]) }
  throw new InputError('input-invalid', `pick: "${text}" is not NAME=IDENTIFIER`, {
    subject: 'pick',
    remedy: 'Write a measured value and an identifier of the CoRIM, e.g. pcr11=ACME/Board/7.',
  })
}
