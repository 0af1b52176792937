import { InputError, VerificationError } from '../../base/errors.ts'
import { useOneOf } from '../../base/nearest.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { ofImage } from '../../deploy/agent-policy/of-image.ts'
import {
  agentPolicyProblems,
  agentPolicyWords,
  type AgentPolicyProblem,
  type AgentPolicyWord,
} from '../../deploy/agent-policy/problems.ts'
import { agentPolicy } from '../../deploy/agent-policy/write.ts'
import { loadImage } from '../../image/load.ts'
import { pulledImage } from '../pull-name.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'
import { optionFile } from '../option-file.ts'

/** `agent-policy make`. */
export async function agentPolicyMake(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const { name, digest, store } = await pulledImage(inputs, ports)
  const { config } = await loadImage(store, digest, inputs.text('platform'))
  const user = inputs.text('user')
  const request = ofImage(config, {
    image: `${name}@${digest}`,
    args: inputs.list('arg', true),
    env: inputs.list('env', true),
    user: user === '' ? null : user,
    readonly: inputs.boolean('read-only'),
    logs: inputs.boolean('logs'),
  })
  const text = agentPolicy(request)
  const path = inputs.text('output') === '' ? '' : await writeNewFile(inputs, 'output', text)
  return {
    outputs: { path, ...request, args: [...request.args], env: [...request.env] },
    text: path === '' ? text : `${path}\n`,
  }
}

/** `agent-policy check`. */
export async function agentPolicyCheck(inputs: RawInputs): Promise<CommandResult> {
  const image = inputs.required('image')
  if (!/^[^\s@]+\/[^\s@]+@sha256:[0-9a-f]{64}$/.test(image))
    throw new InputError('input-invalid', `--image: "${image}" is not HOST/NAME@sha256:…`, {
      subject: 'image',
      remedy: 'Name the image by its digest, as the pod does.',
    })
  const found = agentPolicyProblems((await optionFile(inputs, 'file')).toString('utf8'), image)
  const left = notAccepted(found, acceptedWords(inputs))
  const lines = found.map((one) => `${left.includes(one) ? 'OPEN' : 'accepted'}  ${one.what}${wordOf(one)}`)
  if (found.length === 0) lines.push(`Nothing was found that is open; the policy is about ${image}.`)
  return {
    outputs: { problems: found.map((one) => ({ ...one, accepted: !left.includes(one) })) },
    text: `${lines.join('\n')}\n`,
    refused: left.length > 0,
  }
}

/**
 * Refuses an agent policy that a pod would bring along.
 *
 * @throws VerificationError `policy-unsafe` for something open that `accept` does not name
 */
export function checkPodPolicy(text: string, image: string, inputs: RawInputs): void {
  const [first, ...more] = notAccepted(agentPolicyProblems(text, image), acceptedWords(inputs))
  if (first === undefined) return
  const rest = more.map((one) => one.what).join(' ')
  throw new VerificationError('policy-unsafe', `agent-policy: ${[first.what, rest].join(' ').trim()}`, {
    subject: 'agent-policy',
    remedy: 'Take a policy of `sealwright agent-policy make`, or accept by name what is intended, in `--accept`.',
  })
}

function acceptedWords(inputs: RawInputs): AgentPolicyWord[] {
  return inputs.list('accept').map((text) => {
    const word = agentPolicyWords.find((one) => one === text)
    if (word !== undefined) return word
    throw new InputError('input-invalid', `--accept: "${text}" is not known`, {
      subject: 'accept',
      remedy: useOneOf(text, agentPolicyWords),
    })
  })
}

function notAccepted(found: readonly AgentPolicyProblem[], words: readonly AgentPolicyWord[]): AgentPolicyProblem[] {
  return found.filter(({ accept }) => accept === null || !words.includes(accept))
}

function wordOf({ accept }: AgentPolicyProblem): string {
  return accept === null ? '' : ` (--accept ${accept})`
}
