import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { currentHead } from '../../log/open-log.ts'
import { openLogStore } from '../../log/open-store.ts'
import { openRecorder } from '../../log/recorder.ts'
import { firstOf, listenOn } from '../../log/serve/http.ts'
import { logAnswers } from '../../log/serve/log-server.ts'
import { scrapiErrors } from '../../log/serve/scrapi/answers.ts'
import { parseNoteKey } from '../../sign/signed-note.ts'
import type { CommandResult } from '../command.ts'
import { publicKeysOption, signerMemory, signerOption, witnessesOption } from './common.ts'
import { scittServiceOption } from './scitt-service.ts'
import { untilSignal } from './until-signal.ts'

/** `log serve`: until the process is told to end. */
export async function logServe(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const signer = await signerOption(inputs, inputs.required('origin'))
  // A transparency service may take statements alone.
  const isService = inputs.text('scitt-policy') !== '' && inputs.text('signer') === ''
  const keys = isService ? [] : await publicKeysOption(inputs, ports.roots.cwd, 'signer')
  const store = openLogStore(inputs.required('log'), ports)
  // Refuses here what no entry could be appended to.
  const { size } = await currentHead(store, parseNoteKey(signer.vkey, 'the key of the log'))
  const memory = signerMemory(inputs, ports)
  const recorder = openRecorder(store, signer, memory, witnessesOption(inputs, ports), ports)
  const signers = keys.map(({ object }) => object.export({ format: 'der', type: 'spki' }))
  const service = await scittServiceOption(inputs, recorder, signer, ports)
  const answer = firstOf([service?.answer, logAnswers(store, recorder, signers)])
  const server = await listenOn(inputs.required('listen'), answer, ports, service === null ? undefined : scrapiErrors)
  if (service !== null) ports.log.info(`SCITT transparency service; entry ${service.policyIndex} is its policy`)
  ports.log.info(`log ${signer.name} (${size} entries) on ${server.url}; Ctrl-C ends it`)
  await untilSignal()
  await server.close()
  await service?.finish()
  return { outputs: { url: server.url } }
}
