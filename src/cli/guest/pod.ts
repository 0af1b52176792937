import { InputError } from '../../base/errors.ts'
import { podManifest } from '../../deploy/pod.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { guestFiles } from '../../initdata/guest-files.ts'
import { keptInitdata, makeInitdata, type MadeInitdata } from '../../initdata/make.ts'
import { readInitdata } from '../../initdata/document.ts'
import { usualPolicyUri } from '../../kbs/image-policy.ts'
import { checkKbsUrl, parseKbsUri } from '../../kbs/uri.ts'
import { asInput } from '../../base/as-input.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'
import { optionFile } from '../option-file.ts'
import { checkPodPolicy } from '../agent-policy/run.ts'
import { pulledImage } from '../pull-name.ts'

/** `guest pod REF`: a pod that runs the image in a confidential guest, and the initdata of that guest. */
export async function guestPod(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const { name: place, digest } = await pulledImage(inputs, ports)
  const made = await initdataFor(inputs)
  const image = `${place}@${digest}`
  const own = inputs.text('name')
  const manifest = podManifest({
    name: own === '' ? labelOf(place) : own,
    image,
    runtimeClass: inputs.required('runtime-class'),
    initdata: made.annotation,
  })
  const policy = readInitdata(made.bytes, 'initdata').files.get('policy.rego')
  if (policy !== undefined) checkPodPolicy(policy, image, inputs)
  const notes =
    policy !== undefined
      ? []
      : [
          'the initdata has no policy.rego: the guest allows what the agent policy of its own image allows: give --agent-policy (docs/initdata.md)',
        ]
  for (const note of notes) ports.log.warn(note)
  const document =
    inputs.text('initdata-output') === '' ? '' : await writeNewFile(inputs, 'initdata-output', made.bytes)
  const path = inputs.text('output') === '' ? '' : await writeNewFile(inputs, 'output', manifest)
  return {
    outputs: { image, path, initdata: { path: document, algorithm: made.algorithm, digest: made.digest }, notes },
    text: path === '' ? manifest : `${path}: ${image}\ninitdata: ${made.algorithm} ${made.digest}\n`,
  }
}

function labelOf(place: string): string {
  return (place.split('/').at(-1) ?? '').replaceAll(/[^a-z0-9]+/g, '-').slice(0, 63)
}

const settings = ['kbs-url', 'kbs-cert', 'registry-ca', 'agent-policy', 'policy-uri'] as const

async function initdataFor(inputs: RawInputs): Promise<MadeInitdata> {
  const given = settings.filter((name) => inputs.text(name) !== '')
  if (inputs.text('initdata') !== '') {
    if (given.length > 0)
      throw new InputError('input-invalid', `\`initdata\` is a whole document, so \`${given[0]}\` has no effect`, {
        subject: 'initdata',
        remedy: 'Give either the document or what it is to be made of.',
      })
    const bytes = await optionFile(inputs, 'initdata')
    return asInput('initdata', () => keptInitdata(bytes))
  }
  const text = async (name: string): Promise<string | null> =>
    inputs.text(name) === '' ? null : (await optionFile(inputs, name)).toString('utf8')
  const policyUri = inputs.text('policy-uri') === '' ? usualPolicyUri : inputs.text('policy-uri')
  parseKbsUri(policyUri)
  const authorities = await text('registry-ca')
  return makeInitdata(
    guestFiles({
      kbsUrl: checkKbsUrl(inputs.required('kbs-url'), 'kbs-url'),
      kbsCertificate: await text('kbs-cert'),
      policyUri,
      registryAuthorities: authorities === null ? [] : [authorities],
      agentPolicy: await text('agent-policy'),
    }),
  )
}
