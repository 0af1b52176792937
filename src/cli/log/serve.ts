import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { currentHead } from '../../log/open-log.ts'
import { openLogStore } from '../../log/open-store.ts'
import { openRecorder } from '../../log/recorder.ts'
import { listenOn } from '../../log/serve/http.ts'
import { logAnswers } from '../../log/serve/log-server.ts'
import { parseNoteKey } from '../../sign/signed-note.ts'
import type { CommandResult } from '../command.ts'
import { publicKeysOption, signerMemory, signerOption, witnessesOption } from './common.ts'
import { untilSignal } from './until-signal.ts'

/** `log serve`: until the process is told to end. */
export async function logServe(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const signer = await signerOption(inputs, inputs.required('origin'))
  const keys = await publicKeysOption(inputs, ports.roots.cwd, 'signer')
  const store = openLogStore(inputs.required('log'), ports)
  // Refuses here what no entry could be appended to.
  const { size } = await currentHead(store, parseNoteKey(signer.vkey, 'the key of the log'))
  const memory = signerMemory(inputs, ports)
  const recorder = openRecorder(store, signer, memory, witnessesOption(inputs, ports), ports)
  const signers = keys.map(({ object }) => object.export({ format: 'der', type: 'spki' }))
  const server = await listenOn(inputs.required('listen'), logAnswers(store, recorder, signers), ports)
  ports.log.info(`log ${signer.name} (${size} entries) on ${server.url}; Ctrl-C ends it`)
  await untilSignal()
  await server.close()
  return { outputs: { url: server.url } }
}
