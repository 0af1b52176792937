import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { isObject, parseJson } from '../../base/json.ts'
import { envelopePayload } from '../../sign/dsse.ts'
import { loadSigner } from '../../sign/keys.ts'
import { openCurrentReferenceValues, readReferenceEnvelope, sealReferenceValues } from '../../tee/reference/envelope.ts'
import { parseReferenceValues, type ReferenceValues } from '../../tee/reference/values.ts'
import { trusteeValues } from '../../tee/reference/trustee-values.ts'
import { writeNewFile } from '../new-file.ts'
import { optionFile } from '../option-file.ts'

interface Result {
  outputs: Record<string, string>
  text: string
}

/** `tee reference-values sign`: a predicted document becomes one that a policy can pin the signer of. */
export async function signReferenceValues(inputs: RawInputs, _context: ActionContext): Promise<Result> {
  inputs.required('document')
  inputs.required('output')
  const document = await optionFile(inputs, 'document')
  const key = await inputs.secret('key')
  if (key === null) {
    throw new InputError('input-missing', '--key is required', {
      subject: 'key',
      remedy: 'Give the private key: a PEM file, or env:NAME.',
    })
  }
  const signer = await loadSigner(key, await inputs.passwords('key-password'))
  const name = inputs.text('document')
  const { signList } = await import('./revocations.ts')
  const list = await signList(document, signer, name)
  const path = await writeNewFile(inputs, 'output', list ?? (await sealReferenceValues(document, signer, name)))
  return { outputs: { 'signed-path': path, 'key-hint': signer.hint }, text: `${path}\n` }
}

/** `tee reference-values verify`: the signature by a pinned key, the document, and whether its time is now. */
export async function verifyReferenceValues(inputs: RawInputs, context: ActionContext): Promise<Result> {
  const { readList } = await import('./revocations.ts')
  const { name, bytes, key } = await signedFile(inputs)
  const list = readList(bytes, key, name, context.ports.clock.now())
  if (list !== null) return list
  const document = await openNow(inputs, context)
  return { outputs: summary(document), text: `signature verified\n${describe(document)}` }
}

/** `tee reference-values trustee`: what a plan of `kbs-publish` gives to a Trustee, from values whose signature holds. */
export async function exportForTrustee(inputs: RawInputs, context: ActionContext): Promise<Result> {
  const document = await openNow(inputs, context)
  const { values, left } = trusteeValues(document)
  if (Object.keys(values).length === 0) {
    throw new InputError('unsupported', `Trustee's default policy compares none of: ${left.join(', ')}`, {
      subject: 'file',
      remedy: 'Predict a value that it knows (of a TPM: pcr11), or write an attestation policy of your own.',
    })
  }
  if (left.length > 0) context.ports.log.warn(`Trustee's default policy does not compare: ${left.join(', ')}.`)
  if (Object.keys(values).length > 1) {
    context.ports.log.warn('Trustee compares each list by itself: values of different rows are accepted together.')
  }
  const text = `${JSON.stringify({ 'reference-values': values }, null, 2)}\n`
  const outputs = { 'reference-values': JSON.stringify(values) }
  if (inputs.text('output') === '') return { outputs, text }
  const path = await writeNewFile(inputs, 'output', Buffer.from(text))
  return { outputs: { ...outputs, path }, text: `${path}\n` }
}

/** A document that the given key signed and that holds now. @throws VerificationError `signature-invalid`, `expired`, `format-invalid` */
async function openNow(inputs: RawInputs, { ports }: ActionContext): Promise<ReferenceValues> {
  const { name, bytes, key } = await signedFile(inputs)
  return openCurrentReferenceValues(bytes, [key], name, ports.clock.now())
}

async function signedFile(inputs: RawInputs): Promise<{ name: string; bytes: Buffer; key: string }> {
  const name = inputs.required('file')
  inputs.required('public-key')
  const key = (await optionFile(inputs, 'public-key')).toString('utf8')
  return { name, bytes: await optionFile(inputs, 'file'), key }
}

/** `tee reference-values show`: what a document says, signed or not. It checks no signature. */
export async function showReferenceValues(inputs: RawInputs, _context: ActionContext): Promise<Result> {
  const name = inputs.required('file')
  const bytes = await optionFile(inputs, 'file')
  const value = parseJson(bytes.toString('utf8'), name)
  const signed = isObject(value) && value['payloadType'] !== undefined
  const payload = signed ? envelopePayload(readReferenceEnvelope(bytes, name)) : bytes
  const document = parseReferenceValues(payload, name)
  const first = signed ? 'signed; the signature is not checked here' : 'not signed'
  return { outputs: summary(document), text: `${first}\n${describe(document)}` }
}

function summary(document: ReferenceValues): Record<string, string> {
  return {
    name: document.name,
    technology: document.technology,
    covers: document.covers.join(','),
    storage: document.storage,
    level: document.level,
    rows: String(document.values.length),
    experimental: (document.experimental ?? []).join(','),
  }
}

const shownRows = 20
const numbers = new Intl.Collator('en', { numeric: true })
const byNumber = ([a]: [string, string], [b]: [string, string]): number => numbers.compare(a, b)

function describe(document: ReferenceValues): string {
  const list = (items: readonly string[]): string => (items.length === 0 ? 'nothing' : items.join(', '))
  const inputs = Object.entries(document.inputs).map(
    ([key, { name, digest }]) => `  ${key.padEnd(16)} ${digest ?? 'no digest'}  ${JSON.stringify(name)}`,
  )
  const experimental = new Set(document.experimental)
  const rows = document.values.slice(0, shownRows).flatMap(({ shape, measured }) => [
    `  ${
      Object.entries(shape)
        .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
        .join(' ') || 'any shape'
    }`,
    ...Object.entries(measured)
      .sort(byNumber)
      .map(([key, value]) => `    ${key.padEnd(12)} ${value}${experimental.has(key) ? '  (experimental)' : ''}`),
  ])
  const more = document.values.length - shownRows
  return [
    `name        ${JSON.stringify(document.name)}`,
    `technology  ${document.technology}`,
    `covers      ${list(document.covers)}`,
    `storage     ${document.storage}`,
    `level       ${document.level}`,
    `jobs a boot ${document['boot-jobs'] ?? 1}`,
    `valid       ${document['not-before'] ?? 'always'} to ${document['not-after'] ?? 'always'}`,
    'inputs',
    ...inputs,
    `values, ${document.values.length} rows`,
    ...rows,
    ...(more > 0 ? [`  … and ${more} more`] : []),
    '',
  ].join('\n')
}
