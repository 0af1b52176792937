import { replaceFile } from '../../base/files.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { cosignatureOf } from '../../log/collect-cosignatures.ts'
import { currentHead } from '../../log/open-log.ts'
import { openLogFiles } from '../../log/open-store.ts'
import { listenOn } from '../../log/serve/http.ts'
import { witnessAnswers } from '../../log/serve/witness-server.ts'
import { parseAddCheckpoint, Witness, withLines } from '../../log/witness.ts'
import type { CommandResult } from '../command.ts'
import { oneOf, pinnedOption, signerOption } from './common.ts'
import { untilSignal } from './until-signal.ts'

/** `log witness`: cosigns once, or serves. */
export async function logWitness(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const how = oneOf(inputs, ['log', 'listen'])
  const pinned = await pinnedOption(inputs)
  const signer = await signerOption(inputs, inputs.required('name'), 'cosignature')
  inputs.required('memory')
  ports.log.info(`verifier key of this witness, for policies: ${signer.vkey}`)
  const witness = new Witness(inputs.path('memory'), signer, [pinned], ports)
  if (how === 'listen') {
    const server = await listenOn(inputs.required('listen'), witnessAnswers(witness), ports)
    ports.log.info(`witness ${signer.name} of ${pinned.origin} on ${server.url}; Ctrl-C ends it`)
    await untilSignal()
    await server.close()
    return { outputs: { url: server.url, 'witness-key': signer.vkey } }
  }
  const files = openLogFiles(inputs.required('log'), ports)
  const head = await currentHead(files, pinned.key)
  const line = await cosignatureOf(files, head, (body) => witness.add(parseAddCheckpoint(body)))
  const note = withLines(head, [line])
  const outputs = { origin: pinned.origin, size: head.size, 'witness-key': signer.vkey, cosignature: line.trimEnd() }
  if (inputs.text('output') === '') return { outputs, text: note.toString('utf8') }
  await replaceFile(inputs.path('output'), note, { mode: 0o644 })
  return { outputs, text: `${inputs.path('output')}\n` }
}
