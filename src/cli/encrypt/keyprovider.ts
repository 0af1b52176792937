import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { isObject, parseJson } from '../../base/json.ts'
import { collect } from '../../base/streams.ts'
import { messageLimit } from '../../encrypt/provider/messages.ts'
import { answerProvider, type ProviderKeys } from '../../encrypt/provider/provider.ts'
import { askingOnce } from '../../encrypt/open-key.ts'
import type { CommandResult } from '../command.ts'
import { untilSignal } from '../log/until-signal.ts'
import { readKeks, type Keks } from './read-keys.ts'

/** `keyprovider exec`: one request on stdin, its answer on stdout. */
export async function keyproviderExec(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const keks = await readKeks(inputs, ports)
  try {
    const request = await collect(process.stdin, messageLimit, 'the key provider request')
    const text = await answerProvider(request, providerKeys(inputs, keks), ports.random)
    const answer = parseJson(text, 'the answer')
    return { outputs: isObject(answer) ? answer : {}, text: `${text}\n` }
  } finally {
    await keks.close()
  }
}

/** `keyprovider serve`: until the process is told to end. */
export async function keyproviderServe(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const { serveProvider } = await import('../../encrypt/provider/serve.ts')
  const keks = await readKeks(inputs, ports)
  try {
    const keys = providerKeys(inputs, keks)
    const answer = (request: Buffer, op: 'keywrap' | 'keyunwrap'): Promise<string> =>
      answerProvider(request, keys, ports.random, op)
    const server = await serveProvider(inputs.required('listen'), answer, ports.log)
    if (!server.address.startsWith('unix:'))
      ports.log.warn(
        'every user and process of this machine can use these keys: a unix socket is open to this user alone',
      )
    ports.log.info(`key provider on ${server.address}; Ctrl-C ends it`)
    await untilSignal()
    await server.close()
    return { outputs: { address: server.address } }
  } finally {
    await keks.close()
  }
}

function providerKeys(inputs: RawInputs, keks: Keks): ProviderKeys {
  if (keks.files.size === 0 && inputs.text('kbs-url') === '')
    throw new InputError('input-missing', 'no key was given', {
      subject: 'key-file',
      remedy: 'Give `key-file` or `kbs-url`.',
    })
  const named = [...keks.files.keys()].filter((uri) => uri !== '')
  const name = inputs.text('provider')
  return {
    kek: askingOnce({ kek: keks.kek }).kek ?? keks.kek,
    usual: named.length === 1 ? (named[0] ?? null) : null,
    name: name === '' ? null : name,
  }
}
