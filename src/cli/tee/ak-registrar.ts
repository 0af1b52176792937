import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { readPem } from '../../encoding/pem.ts'
import { loadSigner } from '../../sign/keys.ts'
import { makeChallenge, parseKeys, signActivation } from '../../tee/tpm/enrolment.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'
import { namedFile, optionFile } from '../option-file.ts'

/** `tee ak challenge`: a registrar's question to the machine that says it holds these keys. */
export async function challengeKeys(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  for (const name of ['keys', 'output', 'pending']) inputs.required(name)
  const keys = parseKeys(await optionFile(inputs, 'keys'), inputs.text('keys'))
  const roots = await certificates(inputs, 'ek-root')
  const authorities = await certificates(inputs, 'ek-authority')
  const now = ports.clock.now()
  const makers = roots.length === 0 ? null : { roots, authorities, at: now }
  const { challenge, pending } = makeChallenge(keys, makers, ports.random(32), now)
  const outputs = {
    'pending-path': await writeNewFile(inputs, 'pending', pending),
    'challenge-path': await writeNewFile(inputs, 'output', challenge),
  }
  const note =
    makers === null
      ? 'No --ek-root was given: whether a maker vouches for this TPM is left to each gate.\n'
      : 'A chain of the TPM’s maker holds.\n'
  return { outputs, text: `${outputs['challenge-path']}: for the machine, to be answered within an hour\n${note}` }
}

/** `tee ak record`: the registrar's word that both keys are of one TPM. */
export async function recordActivation(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  for (const name of ['pending', 'answer', 'output']) inputs.required(name)
  const key = await inputs.secret('key')
  if (key === null) {
    throw new InputError('input-missing', '--key is required', {
      subject: 'key',
      remedy: 'Give the private key of the registrar: a PEM file, or env:NAME.',
    })
  }
  const signer = await loadSigner(key, await inputs.passwords('key-password'))
  const answer = await optionFile(inputs, 'answer')
  const record = await signActivation(await optionFile(inputs, 'pending'), answer, signer, ports.clock.now())
  const path = await writeNewFile(inputs, 'output', record)
  return { outputs: { 'record-path': path, 'key-hint': signer.hint }, text: `${path}\n` }
}

/** Certificates of files that an option names, PEM or DER. */
async function certificates(inputs: RawInputs, name: string): Promise<Buffer[]> {
  const found: Buffer[] = []
  for (const path of inputs.list(name)) {
    const bytes = await namedFile(path, name)
    if (bytes[0] === 0x30) found.push(bytes)
    else found.push(...readPem(bytes.toString('latin1'), path).map((block) => block.bytes))
  }
  return found
}
