import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { checkLogUrl, signingConfigFile, trustedRootFile } from '../../log/client-files.ts'
import { openLogStore } from '../../log/open-store.ts'
import { createLog } from '../../log/writer.ts'
import type { CommandResult } from '../command.ts'
import { signerMemory, signerOption } from './common.ts'

/** `log init`: an empty log, and what its readers need. */
export async function logInit(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const origin = inputs.required('origin')
  const url = inputs.text('url') === '' ? `https://${origin}` : inputs.text('url')
  checkLogUrl(url, origin)
  const signer = await signerOption(inputs, origin)
  const store = openLogStore(inputs.required('log'), ports)
  const request = { log: signer, url, start: ports.clock.now() }
  await createLog(store, signer, signerMemory(inputs, ports), {
    'log.vkey': Buffer.from(`${signer.vkey}\n`),
    'log.pub': Buffer.from(signer.publicKeyPem),
    'trusted_root.json': trustedRootFile(request),
    'signing_config.json': signingConfigFile(request),
  })
  return {
    outputs: { log: store.name, origin, 'log-key': signer.vkey },
    text: `${store.name}: a new log, ${origin}\nverifier key: ${signer.vkey}\n`,
  }
}
