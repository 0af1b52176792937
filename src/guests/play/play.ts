import { VerificationError } from '../../base/errors.ts'
import { counted } from '../../base/counted.ts'
import type { Ports } from '../../base/ports.ts'
import { loadImage } from '../../image/load.ts'
import { formatPlatform } from '../../image/platforms.ts'
import { resolveImage } from '../../oci/open.ts'
import { coco } from '../readers/coco.ts'
import type { ImageFacts, Question } from '../types.ts'
import { askedOnce, type Answer, type GuestKbs } from './answer.ts'
import { layerSteps } from './layers.ts'
import { serverStep } from './server.ts'
import { signatureSteps } from './signature.ts'
import type { Step } from './step.ts'

/** Which guest is played, and on what. */
export interface Play {
  readonly kbs: GuestKbs
  /** Where the guest reads its image policy: a URI, the policy itself, or null where its configuration names none. */
  readonly policy: { uri: string } | { text: Buffer; from: string } | null
  /** Authorities (PEM) of the registry that its configuration names; null where that was not given. */
  readonly authorities: readonly string[] | null
  /** The image as it was built; null where it was not given. */
  readonly plain: string | null
}

const unasked: Question = { key: null, identity: null, authorities: [], kbs: null, now: new Date(0) }
/** What other steps find out, with this guest's policy and keys. */
const otherSteps = [
  'signer-not-given',
  'signer',
  'signature-form',
  'signature-missing',
  'payload-identity',
  'kbs',
  'key-kind',
]

/**
 * Does what a guest of Confidential Containers does with an image before it runs it, step by step: the form of the image, the image policy of the
 * KBS and the signature that it demands, the keys of the layers, the layers themselves, and the root file system that comes of them.
 *
 * @throws TransportError when a registry or the KBS does not answer
 */
export async function playGuest(
  image: ImageFacts,
  { kbs, policy, authorities, plain }: Play,
  ports: Ports,
): Promise<Step[]> {
  const ask = askedOnce(kbs)
  const { store } = await resolveImage(image.reference, ports)
  const server = await serverStep(image, authorities, ports)
  const layers = await layerSteps(image, store, ask, ports)
  return [
    ...formSteps(image),
    ...(server === null ? [] : [server]),
    ...(await signatureSteps(image, await policyOf(policy, ask), ask)),
    ...layers,
    await rootStep(image, layers, plain, ports),
  ]
}

function formSteps(image: ImageFacts): Step[] {
  const found = coco.judge(image, unasked).filter(({ effect, code }) => effect !== 'note' && !otherSteps.includes(code))
  const about = { step: 'image', of: image.reference } as const
  if (found.length === 0)
    return [{ ...about, outcome: 'passed', why: `form and place, by the model of ${coco.source}` }]
  return found.map(({ effect, code, why, remedy }) => ({
    ...about,
    // A guest that is a process of this machine, in a trial, reaches it by that name.
    outcome: effect === 'fails' && code !== 'registry' ? 'failed' : 'not-known',
    why,
    remedy: remedy ?? undefined,
  }))
}

async function policyOf(policy: Play['policy'], ask: GuestKbs): Promise<Answer & { of: string }> {
  if (policy === null)
    return {
      of: 'cdh.toml',
      outcome: 'failed',
      why: 'it names no image policy, so that the guest looks at no signature',
      remedy: 'Write image_security_policy_uri into the table [image] of cdh.toml.',
      bytes: null,
    }
  if ('text' in policy)
    return { of: policy.from, outcome: 'passed', why: 'measured with the initdata', bytes: policy.text }
  const answer = await ask(policy.uri)
  const closed = answer.outcome === 'passed' && answer.bytes === null
  return {
    of: policy.uri,
    ...answer,
    ...(closed ? { why: `${answer.why}; its content cannot be seen from here` } : {}),
  }
}

/** Whether what the guest unpacks is what was built: the diff ids, which encryption keeps, of layers that were opened. */
async function rootStep(image: ImageFacts, layers: readonly Step[], plain: string | null, ports: Ports): Promise<Step> {
  const step = (outcome: Step['outcome'], why: string, remedy?: string): Step => ({
    step: 'root-file-system',
    of: plain ?? image.reference,
    outcome,
    why,
    remedy,
  })
  const opened = layers.filter((one) => one.step === 'layer')
  const ids = image.image.config.rootfs.diff_ids
  if (plain !== null) {
    try {
      const { store, descriptor } = await resolveImage(plain, ports)
      const built = (await loadImage(store, descriptor.digest, formatPlatform(image.platform))).config.rootfs.diff_ids
      const at = ids.findIndex((id, n) => id !== built[n])
      if (at !== -1 || ids.length !== built.length)
        return step(
          'failed',
          `layer ${at === -1 ? ids.length : at} is not the one that was built`,
          'Encrypt and publish the image that was built.',
        )
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      return step('failed', error.message, error.remedy)
    }
  }
  if (opened.some(({ outcome }) => outcome === 'failed')) return step('failed', 'a layer cannot be opened')
  if (opened.some(({ outcome }) => outcome === 'not-known')) return step('not-known', 'not all layers were opened')
  if (plain === null) return step('not-known', 'the image as it was built was not given', 'Give --plain REF.')
  return step('passed', `${counted(ids.length, 'layer')} with the diff ids that were built`)
}
