import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { publishedKeys, scrapiUrl } from '../../log/scitt/scrapi.ts'
import { coseKeyThumbprint } from '../../sign/cose/key.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'

/** `scitt keys`: saves the keys of a service for `--service`, and prints what to compare them by. */
export async function scittKeys(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const { bytes, keys } = await publishedKeys(scrapiUrl(inputs.required('url'), '--url'), ports)
  const isPem = inputs.choice('format', ['cose', 'pem']) === 'pem'
  const pems = keys.map(({ key }) => key.export({ format: 'pem', type: 'spki' }).toString())
  await writeNewFile(inputs, 'output', isPem ? pems.join('') : bytes)
  const thumbprints = keys.map(({ key }) => coseKeyThumbprint(key).toString('hex'))
  return { outputs: { thumbprints }, text: thumbprints.map((one) => `${one}\n`).join('') }
}
