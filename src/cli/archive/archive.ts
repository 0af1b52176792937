import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { parseInterval, parseKept } from '../../tasks/archive/interval.ts'
import { purgeArchive } from '../../tasks/archive/purge.ts'
import { recordArchive } from '../../tasks/archive/record.ts'
import type { CommandResult } from '../command.ts'
import { readNoticeSigning } from '../status/signing.ts'

/** `archive record`. */
export async function archiveRecord(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const inProduction = parseInterval(inputs.required('in-production'), 'in-production')
  const keys = inputs.list('key-kept').map((text) => parseKept(text, 'key-kept'))
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
