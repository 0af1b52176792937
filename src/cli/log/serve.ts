import { resolve } from 'node:path'
import { counted } from '../../base/counted.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { currentHead } from '../../log/open-log.ts'
import { openLogStore } from '../../log/open-store.ts'
import { openRecorder } from '../../log/recorder.ts'
import type { TakenSigners } from '../../log/serve/entries.ts'
import { firstOf, listenOn } from '../../log/serve/http.ts'
import { logAnswers } from '../../log/serve/log-server.ts'
import { scrapiErrors } from '../../log/serve/scrapi/answers.ts'
import { readAuthorityChain, spkiOf } from '../../log/timestamp/authority.ts'
import { parseNoteKey } from '../../sign/signed-note.ts'
import { asInput } from '../../base/as-input.ts'
import type { CommandResult } from '../command.ts'
import { namedFile } from '../option-file.ts'
import { publicKeysOption, signerMemory, signerOption, witnessesOption } from './common.ts'
import { scittServiceOption } from './scitt-service.ts'
import { untilSignal } from './until-signal.ts'

/** `log serve`: until the process is told to end. */
export async function logServe(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const signer = await signerOption(inputs, inputs.required('origin'))
  const taken = await takenSigners(inputs, ports.roots.cwd)
  const store = openLogStore(inputs.required('log'), ports)
  // Refuses here what no entry could be appended to.
  const { size } = await currentHead(store, parseNoteKey(signer.vkey, 'the key of the log'))
  const memory = signerMemory(inputs, ports)
  const recorder = openRecorder(store, signer, memory, witnessesOption(inputs, ports), ports)
  const service = await scittServiceOption(inputs, recorder, signer, ports)
  const answer = firstOf([service?.answer, logAnswers(store, recorder, taken, ports.clock)])
  const server = await listenOn(inputs.required('listen'), answer, ports, service === null ? undefined : scrapiErrors)
  if (service !== null) ports.log.info(`SCITT transparency service; entry ${service.policyIndex} is its policy`)
  const entries = counted(Math.max(size, (service?.policyIndex ?? -1) + 1), 'entry', 'entries')
  ports.log.info(`log ${signer.name} (${entries}) on ${server.url}; Ctrl-C ends it`)
  await untilSignal()
  await server.close()
  await service?.finish()
  return { outputs: { url: server.url } }
}

/** Whose signatures the options name. @throws InputError `input-missing` for nobody, `file-invalid` */
async function takenSigners(inputs: RawInputs, cwd: string): Promise<TakenSigners> {
  const files = inputs.list('signer-authority')
  // A transparency service may take statements alone.
  const others = files.length > 0 || inputs.text('scitt-policy') !== ''
  const keys = others && inputs.list('signer').length === 0 ? [] : await publicKeysOption(inputs, cwd, 'signer')
  const authorities = await Promise.all(
    files.map(async (file) => {
      const pem = (await namedFile(resolve(cwd, file), 'signer-authority')).toString('utf8')
      const chain = asInput('signer-authority', () => readAuthorityChain(pem, file))
      return { name: file, chain, window: { notBefore: null, notAfter: null } }
    }),
  )
  return { keys: keys.map(({ object }) => spkiOf(object)), authorities }
}
