import type { ActionContext, ActionDoor, ActionResult, RawInputs } from '../../doors/context.ts'
import { parts as doors } from './parts.ts'
import { chainReport } from '../../report/chain.ts'
import { InputError, InternalError } from '../../base/errors.ts'
import { readInputs as readKbsInputs } from '../kbs-publish/inputs.ts'
import { readInputs as readSignInputs } from '../sign-attest/inputs.ts'
import { describeAndEncrypt } from './joint.ts'

/** Inputs of the whole that mean something else to one part: `output` is the published image, not the built one. */
const hidden: Readonly<Record<string, readonly string[]>> = {
  'build-reproducible': ['output'],
  sbom: ['image', 'kbs-url', 'decryption-key'],
  'sign-attest': ['image'],
}

/**
 * The publishing chain in one process: setup (where no agent runs), build, sbom, encrypt, sign-attest, kbs-publish. The layers are read once
 * for SBOM and encryption, and what is encrypted goes straight to where it is published.
 */
export const door: ActionDoor = {
  name: 'publish',
  run: async (inputs, context) => {
    refuseForeign(inputs)
    const parts = await chain(inputs, context)
    await readAhead(inputs, parts, context)
    // Without an agent there is no journal that a step could read the image from.
    const agent = inputs.text('technology') !== 'none'
    let image = inputs.text('image')
    let joint: Awaited<ReturnType<typeof describeAndEncrypt>> | null = null
    const done: { name: string; result: ActionResult }[] = []
    for (const name of parts) {
      context.ports.log.progress(`${name} …`)
      const raw = part(inputs, hidden[name] ?? [], agent ? '' : image)
      if (name === 'sbom' && parts.includes('encrypt')) {
        const encrypt = part(inputs, hidden['encrypt'] ?? [], agent ? '' : image)
        joint = await describeAndEncrypt({ sbom: raw, encrypt }, inputs.required('output'), context)
      }
      const result =
        (name === 'sbom' || name === 'encrypt' ? joint?.[name] : undefined) ?? (await runPart(name, raw, context))
      image = result.outputs['image'] ?? image
      context.ports.log.info(`${name}: ${result.report.headline}`)
      done.push({ name, result })
    }
    const outputs = Object.assign({}, ...done.map((part) => part.result.outputs)) as Record<string, string>
    return {
      outputs: pick(outputs),
      report: chainReport(done.map(({ name, result }) => ({ name, report: result.report }))),
    }
  },
}

/**
 * The chain describes its own image by its own catalogers. A runner passes on inputs that action.yml does not have and only warns of them.
 *
 * @throws InputError `unsupported`
 */
function refuseForeign(inputs: RawInputs): void {
  for (const [name, only] of [
    ['engine', 'builtin'],
    ['subject', 'image'],
  ] as const) {
    const value = inputs.text(name)
    if (value === '' || value === only) continue
    throw new InputError('unsupported', `${name}: the whole chain supports "${only}" only, found "${value}"`, {
      subject: name,
      remedy: `Leave ${name} out, or run the steps one by one: the action sbom has this input.`,
    })
  }
}

async function runPart(name: string, raw: RawInputs, context: ActionContext): Promise<ActionResult> {
  const load = doors[name]
  if (load === undefined) throw new InternalError(`there is no action ${name}`)
  return (await load()).run(raw, context)
}

/** What the last parts need is looked at before the first one starts: nothing is built, and no key made, for a step that cannot end. */
async function readAhead(inputs: RawInputs, parts: readonly string[], context: ActionContext): Promise<void> {
  inputs.required('output')
  await readSignInputs(part(inputs, hidden['sign-attest'] ?? [], ''))
  if (parts.includes('kbs-publish')) await readKbsInputs(inputs, context.ports)
}

async function chain(inputs: RawInputs, context: ActionContext): Promise<string[]> {
  const parts: string[] = []
  const running = (await context.state.agent()) !== null
  if (inputs.text('technology') !== 'none' && !running) parts.push('setup-cvm-runner')
  if (inputs.text('image') === '') parts.push('build-reproducible')
  else if (running || parts.length > 0) {
    throw new InputError('input-invalid', 'image was given, but an agent signs only what its own job built', {
      subject: 'image',
      remedy: 'Leave `image` out, so that it is built here; or set `technology: none` and `signer: key`.',
    })
  }
  parts.push('sbom')
  if (inputs.list('recipients').length > 0) parts.push('encrypt')
  parts.push('sign-attest')
  if (inputs.text('kbs-url') !== '') parts.push('kbs-publish')
  return parts
}

/** The inputs as one part of the chain sees them. */
function part(inputs: RawInputs, names: readonly string[], image: string): RawInputs {
  const hide = (name: string): boolean => names.includes(name)
  const text = (name: string): string => (name === 'image' ? image : hide(name) ? '' : inputs.text(name))
  return {
    ...inputs,
    text,
    required: (name) => (name === 'image' && image !== '' ? image : inputs.required(name)),
    list: (name, linesOnly) => (hide(name) ? [] : inputs.list(name, linesOnly)),
    secret: async (name) => (hide(name) ? null : inputs.secret(name)),
  }
}

function pick(outputs: Record<string, string>): Record<string, string> {
  const names = [
    'image',
    'digest',
    'plain-digest',
    'bundles-path',
    'public-key-path',
    'signer-identity',
    'signer-issuer',
  ]
  return Object.fromEntries(names.flatMap((name) => (outputs[name] === undefined ? [] : [[name, outputs[name]]])))
}
