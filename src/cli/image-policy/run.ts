import { InputError } from '../../base/errors.ts'
import type { RawInputs } from '../../doors/context.ts'
import {
  parseGuestPolicy,
  policyFaults,
  requirementsFor,
  skippedMembers,
  type Requirement,
} from '../../guests/play/policy.ts'
import { imagePolicy, imagePolicyProblems, policyImageForm, usualPolicyUri } from '../../kbs/image-policy.ts'
import { parseKbsUri } from '../../kbs/uri.ts'
import { isDigest } from '../../oci/digest.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'
import { optionFile } from '../option-file.ts'

/** `image-policy make`. */
export async function imagePolicyMake(inputs: RawInputs): Promise<CommandResult> {
  const images = inputs.list('rule').map((text) => {
    const [, image = '', key = ''] = /^([^=]+)=(.+)$/.exec(text) ?? []
    if (!policyImageForm.test(image)) throw wrong('rule', `"${text}" is not HOST/NAME=kbs:///repo/type/tag`)
    parseKbsUri(key)
    return { image, key }
  })
  const [problem] = imagePolicyProblems({ uri: usualPolicyUri, admit: [null], images }, [], false)
  if (problem !== undefined) throw wrong('rule', problem)
  const bytes = imagePolicy({ images })
  const path = inputs.text('output') === '' ? '' : await writeNewFile(inputs, 'output', bytes)
  return {
    outputs: { path, images: images.map(({ image }) => image) },
    text: path === '' ? bytes.toString('utf8') : `${path}\n`,
  }
}

/** `image-policy check`. */
export async function imagePolicyCheck(inputs: RawInputs): Promise<CommandResult> {
  const bytes = await optionFile(inputs, 'file')
  const policy = parseGuestPolicy(bytes, inputs.text('file'))
  const [name = '', digest = `sha256:${'0'.repeat(64)}`] = inputs.text('image').split('@')
  if (name !== '' && (!policyImageForm.test(name) || !isDigest(digest)))
    throw wrong('image', `"${name}" is not HOST/NAME[@sha256:…]`)
  const docker = Object.entries(policy.transports['docker'] ?? {})
  const one = name === '' || !isDigest(digest) ? null : requirementsFor(policy, name, digest)
  const rules =
    one === null
      ? [
          ...docker.map(([scope, list]) => row(scope === '' ? 'all of docker' : scope, list)),
          row('the default', policy.default),
        ]
      : [row(one.scope, one.requirements)]
  const faults = [
    ...policyFaults(policy, inputs.boolean('accept-anything')),
    ...skippedMembers(bytes, policy).map((member) => `${member}: guests skip this member`),
  ]
  const text = [
    ...rules.map(({ scope, demands }) => `${scope}: ${demands.join(' and ')}`),
    ...faults.map((fault) => `weak: ${fault}`),
    '',
  ].join('\n')
  return { outputs: { rules, faults }, text, refused: faults.length > 0 }
}

function row(scope: string, list: readonly Requirement[]): { scope: string; demands: string[] } {
  return { scope, demands: list.length === 0 ? ['takes anything'] : list.map(words) }
}

function words(one: Requirement): string {
  if (one.type === 'reject') return 'rejects'
  if (one.type === 'insecureAcceptAnything') return 'takes anything'
  const by = one.keyPath ?? (one.keyData === undefined ? 'no key' : 'a key in the policy')
  const identity =
    one.signedIdentity === null || one.signedIdentity === undefined ? 'any name' : one.signedIdentity.type
  return `${one.type} by ${by}, ${identity}`
}

function wrong(subject: string, what: string): InputError {
  return new InputError('input-invalid', `${subject}: ${what}`, {
    subject,
    remedy: 'Write HOST/NAME without a tag, as pods name the image.',
  })
}
