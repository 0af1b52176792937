import { InputError } from '../../base/errors.ts'
import { parseTime } from '../../base/time.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { hexOf } from '../../oci/digest.ts'
import { resolveImage } from '../../oci/open.ts'
import { statusNames } from '../../statement/notices.ts'
import { setStatus, type NewStatus } from '../../tasks/status/set.ts'
import { durationForm, seconds } from '../../verify/policy/duration.ts'
import type { CommandResult } from '../command.ts'
import { readNoticeSigning } from './signing.ts'

/** Which option belongs to which status. */
const own = { by: 'superseded', reason: 'revoked', from: 'revoked', date: 'end-of-life' } as const

/** `status set`. */
export async function statusSet(inputs: RawInputs, context: ActionContext): Promise<CommandResult> {
  const { ports } = context
  const image = inputs.required('image')
  const status = await newStatus(inputs, context)
  const serial = inputs.text('serial') === '' ? null : inputs.integer('serial', 1, 999_999_999_999)
  const valid = inputs.text('valid')
  if (valid !== '' && !durationForm.test(valid))
    throw new InputError('input-invalid', `valid: ${JSON.stringify(valid)} is not a duration`, {
      subject: 'valid',
      remedy: 'Write a number with s, m, h or d, such as 14d.',
    })
  const done = await setStatus(
    {
      image,
      status,
      serial,
      validSeconds: valid === '' ? null : seconds(valid),
      renew: inputs.boolean('renew'),
      only: inputs.boolean('only'),
      signing: await readNoticeSigning(inputs),
    },
    ports,
  )
  const text = done.map(
    ({ subject, serial: number, state }) =>
      `${subject}: ${status.status}, serial ${number} (${state === 'added' ? 'signed' : 'already there'})\n`,
  )
  return {
    outputs: { status: status.status, statements: done.map((one) => ({ ...one })) },
    text: text.join(''),
  }
}

async function newStatus(inputs: RawInputs, { ports }: ActionContext): Promise<NewStatus> {
  const status = inputs.choice('status', statusNames)
  for (const [name, belongs] of Object.entries(own)) {
    if (inputs.text(name) !== '' && belongs !== status)
      throw new InputError('input-invalid', `${name} was given, but the status is ${status}`, {
        subject: name,
        remedy: `Leave \`${name}\` out, or set \`status: ${belongs}\`.`,
      })
  }
  const time = (name: string): string => parseTime(inputs.required(name), `--${name}`).toISOString()
  switch (status) {
    case 'active':
      return { status }
    case 'revoked':
      return { status, reason: inputs.required('reason'), from: inputs.text('from') === '' ? undefined : time('from') }
    case 'end-of-life':
      return { status, date: time('date') }
    case 'superseded': {
      const { store, descriptor } = await resolveImage(inputs.required('by'), ports)
      return { status, by: { name: store.identity, digest: { sha256: hexOf(descriptor.digest) } } }
    }
  }
}
