import { InputError } from '../../base/errors.ts'
import { parseTime } from '../../base/time.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { purgeArchive } from '../../tasks/archive/purge.ts'
import { recordArchive, seconds } from '../../tasks/archive/record.ts'
import type { CommandResult } from '../command.ts'
import { readNoticeSigning } from '../status/signing.ts'

/** `archive record`. */
export async function archiveRecord(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const [from, to] = pair(inputs.required('in-production'), 'in-production')
  const inProduction = { from: timeOf(from, 'in-production'), to: timeOf(to, 'in-production') }
  if (Date.parse(inProduction.from) > Date.parse(inProduction.to))
    throw invalid('in-production', `${from} is later than ${to}`)
  const keys = inputs.list('key-kept').map((text) => {
    const [uri, until] = pair(text, 'key-kept')
    return { uri, until: timeOf(until, 'key-kept') }
  })
  const request = { image: inputs.required('image'), inProduction, keys, signing: await readNoticeSigning(inputs) }
  const done = await recordArchive(request, ports)
  return {
    outputs: { records: done.map((one) => ({ ...one })) },
    text: done
      .map(({ subject, state }) => `${subject}: ${state === 'added' ? 'recorded' : 'already recorded'}\n`)
      .join(''),
  }
}

/** `archive purge`. */
export async function archivePurge(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const request = { image: inputs.required('image'), signing: await readNoticeSigning(inputs) }
  const { layers, shared, bytes } = await purgeArchive(request, ports)
  return {
    outputs: { layers, shared, bytes },
    text: `${layers.length} layer(s) are deleted, ${bytes} bytes freed by this run\n${shared.map((digest) => `kept, because another image has it: ${digest}\n`).join('')}`,
  }
}

/** `A..B`; the last `..` separates, since a URI may hold one. */
function pair(text: string, name: string): [string, string] {
  const at = text.lastIndexOf('..')
  if (at <= 0 || at + 2 === text.length) throw invalid(name, `${JSON.stringify(text)} has no two parts`)
  return [text.slice(0, at), text.slice(at + 2)]
}

function timeOf(text: string, name: string): string {
  return seconds(parseTime(text, `--${name}`))
}

function invalid(name: string, why: string): InputError {
  const form = name === 'key-kept' ? 'URI..2036-01-01' : '2025-01-01..2026-01-01'
  return new InputError('input-invalid', `${name}: ${why}`, {
    subject: name,
    remedy: `Write \`${name}: ${form}\`.`,
  })
}
