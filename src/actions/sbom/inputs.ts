import { InputError } from '../../base/errors.ts'
import type { ActionContext, RawInputs } from '../context.ts'
import type { KeyInputs } from '../verify-deploy/keys.ts'
import { ownImage } from './plain-form.ts'

export const formats = ['spdx-json', 'cyclonedx-json'] as const
export type SbomFormat = (typeof formats)[number]

export interface SbomInputs extends KeyInputs {
  /** Reference as given, or the job's own image. */
  image: string
  formats: SbomFormat[]
  /** Absolute folder for the documents; null: the state directory. */
  directory: string | null
  /** SOURCE_DATE_EPOCH, in seconds. */
  epoch: number | undefined
}

/** Reads the inputs of `sbom` (INTERFACE §3). @throws InputError */
export async function readInputs(inputs: RawInputs, { state, ports }: ActionContext): Promise<SbomInputs> {
  const image = inputs.text('image') || (await ownImage(state))
  if (image === null) {
    throw new InputError('input-missing', 'no image was given, and this job has built none', {
      subject: 'image',
      remedy: 'Give image, or run build-reproducible before.',
    })
  }
  const wanted = inputs.list('formats').map((name) => {
    const found = formats.find((format) => format === name)
    if (found !== undefined) return found
    throw new InputError('input-invalid', `formats: ${name} is not a format that we write`, {
      subject: 'formats',
      remedy: `Use ${formats.join(', ')}.`,
    })
  })
  const decryptionKey = await inputs.secret('decryption-key')
  const kbsUrl = inputs.text('kbs-url')
  if (decryptionKey !== null && kbsUrl !== '') {
    throw new InputError('input-invalid', 'decryption-key and kbs-url were both given', {
      subject: 'kbs-url',
      remedy: 'Give one of them.',
    })
  }
  return {
    image,
    formats: wanted.length === 0 ? [...formats] : [...new Set(wanted)],
    directory: inputs.text('directory') === '' ? null : inputs.path('directory'),
    decryptionKey,
    kbsUrl,
    trusteeUrl: inputs.text('trustee-url'),
    epoch: readEpoch(ports.env['SOURCE_DATE_EPOCH']),
  }
}

function readEpoch(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  if (/^\d{1,11}$/.test(text)) return Number(text)
  throw new InputError('input-invalid', `SOURCE_DATE_EPOCH is ${text}, which is no number of seconds`, {
    subject: 'SOURCE_DATE_EPOCH',
    remedy: 'Set it to whole seconds since 1970, or leave it out.',
  })
}
