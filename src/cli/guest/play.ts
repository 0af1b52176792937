import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { machineAttester } from '../../agent/machine/attester.ts'
import { asInput } from '../../base/as-input.ts'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { technologies } from '../../base/technology.ts'
import type { RawInputs } from '../../doors/context.ts'
import { attestedKbs, tokenKbs, type GuestKbs } from '../../guests/play/answer.ts'
import { configurationStep } from '../../guests/play/configuration.ts'
import { configuredAuthorities, configuredPolicy } from '../../guests/play/configured.ts'
import { planKbs } from '../../guests/play/plan-kbs.ts'
import { playGuest } from '../../guests/play/play.ts'
import type { Step } from '../../guests/play/step.ts'
import type { ImageFacts } from '../../guests/types.ts'
import { initdataClaim } from '../../initdata/claim.ts'
import { readInitdata } from '../../initdata/document.ts'
import { keptInitdata } from '../../initdata/make.ts'
import { usualPolicyUri, withImagePolicy } from '../../kbs/image-policy.ts'
import { fillPlan, hasPlaceholder } from '../../kbs/placeholders.ts'
import { currentPlan, parsePlan } from '../../kbs/plan.ts'
import type { Plan } from '../../kbs/plan-schema.ts'
import { rcarSession } from '../../kbs/rcar.ts'
import { checkKbsUrl } from '../../kbs/uri.ts'
import { optionFile } from '../option-file.ts'

const sources = ['plan', 'technology', 'token'] as const

/** Whether the options ask for a guest to be played. */
export function playsGuest(inputs: RawInputs): boolean {
  return sources.some((name) => inputs.text(name) !== '')
}

/** Plays the guest that the options describe. @throws InputError `input-invalid`, `input-missing`, `file-missing`, `file-invalid`; TransportError */
export async function playedSteps(inputs: RawInputs, image: ImageFacts, ports: Ports): Promise<Step[]> {
  const document = inputs.text('initdata') === '' ? null : await optionFile(inputs, 'initdata')
  const kbs =
    inputs.text('plan') === '' ? await liveKbs(inputs, document, ports) : await planned(inputs, image, document, ports)
  const initdata = document === null ? null : asInput('initdata', () => readInitdata(document, 'initdata'))
  const policy =
    initdata === null
      ? { uri: inputs.text('policy-uri') === '' ? usualPolicyUri : inputs.text('policy-uri') }
      : asInput('initdata', () => configuredPolicy(initdata))
  const authorities = initdata === null ? null : configuredAuthorities(initdata)
  const plain = inputs.text('plain')
  const url = inputs.text('plan') === '' ? inputs.text('kbs-url') : ''
  const configured = initdata === null ? [] : [configurationStep(initdata, url === '' ? null : url)]
  const steps = await playGuest(image, { kbs, policy, authorities, plain: plain === '' ? null : plain }, ports)
  return [...configured, ...steps]
}

async function liveKbs(inputs: RawInputs, document: Buffer | null, ports: Ports): Promise<GuestKbs> {
  const technology = inputs.choice('technology', ['', 'auto', ...technologies])
  const hasToken = inputs.text('token') !== ''
  if (hasToken && technology !== '')
    throw invalid(
      'token',
      '`--token` and `--technology` exclude each other, but both are set',
      'Ask with a token, or attest this machine.',
    )
  if (inputs.text('kbs-url') === '')
    throw new InputError('input-missing', 'a guest is to be played, but no KBS is named', {
      subject: 'kbs-url',
      remedy: 'Give --kbs-url, or --plan to judge by a plan without a KBS.',
    })
  const url = checkKbsUrl(inputs.text('kbs-url'), 'kbs-url')
  if (hasToken) return tokenKbs(url, (await optionFile(inputs, 'token')).toString('utf8').trim(), ports)
  const attester = await machineAttester(technology === '' ? 'auto' : technology, {}, ports)
  // A guest sends the document along. Hardware is bound to the one that it was started with, so only a sample can send another one.
  const initData = attester.technology === 'sample' ? document?.toString('utf8') : undefined
  return attestedKbs(rcarSession(url, attester, ports, { initData }), attester.technology)
}

async function planned(inputs: RawInputs, image: ImageFacts, document: Buffer | null, ports: Ports): Promise<GuestKbs> {
  const named = inputs.choice('technology', ['', 'auto', ...technologies])
  if (named === 'auto' || inputs.text('token') !== '')
    throw invalid(
      'plan',
      '`--plan` judges without a machine and without a token',
      'Name the technology of the guest, such as --technology snp.',
    )
  const technology = named === '' ? null : named
  const text = (await optionFile(inputs, 'plan')).toString('utf8')
  const whole = filled(currentPlan(await parsePlan(text, inputs.text('plan')), ports.clock.now()).plan, image)
  const { plan, made } = withImagePolicy(whole)
  const measurement = inputs.text('measurement')
  const digest = document === null ? null : Buffer.from(keptInitdata(document).digest, 'hex')
  const guest = {
    technology,
    measurement: measurement === '' ? null : measurement,
    initdata:
      digest === null || technology === null ? null : asInput('initdata', () => initdataClaim(digest, technology)),
  }
  return planKbs(plan, guest, async ({ uri, source }) => made.get(uri) ?? (await contentOf(source, ports)))
}

/** The plan with the keys of the image in place of `{digest}` and `{run}`, which stand for 16 hex digits each. */
function filled(plan: Plan, { encrypted }: ImageFacts): Plan {
  const held = encrypted.flatMap(({ packets }) => packets.flatMap(({ kid }) => kid ?? []))
  const resources = plan.resources.flatMap((one) => {
    if (!hasPlaceholder(one.uri)) return [one]
    const form = { ...one, uri: one.uri.replaceAll('{run}', '{digest}') }
    try {
      return fillPlan({ ...plan, resources: [form] }, held, null).resources
    } catch (error) {
      if (error instanceof InputError) return []
      throw error
    }
  })
  return { ...plan, resources }
}

async function contentOf(source: string, ports: Ports): Promise<Buffer | null> {
  if (source.startsWith('env:')) {
    const value = ports.env[source.slice('env:'.length)]
    return value === undefined ? null : Buffer.from(value)
  }
  if (!source.startsWith('file:')) return null
  return readFile(resolve(ports.roots.cwd, source.slice('file:'.length))).catch((cause: unknown) => {
    throw new InputError('file-missing', `the plan names ${source}, which cannot be read`, {
      subject: 'plan',
      cause,
      remedy: 'Run where the files of the plan are.',
    })
  })
}

function invalid(subject: string, message: string, remedy: string): InputError {
  return new InputError('input-invalid', message, { subject, remedy })
}
