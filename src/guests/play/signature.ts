import { VerificationError } from '../../base/errors.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import { coco } from '../readers/coco.ts'
import type { ImageFacts } from '../types.ts'
import type { Answer, GuestKbs } from './answer.ts'
import { parseGuestPolicy, requirementsFor, tagScopes, type Requirement } from './policy.ts'
import type { Step } from './step.ts'

/** Findings of the guest's model that are about signatures. */
const signatureCodes = [
  'signer',
  'signature-form',
  'signature-missing',
  'payload-identity',
  'key-kind',
  'signer-not-given',
]

/**
 * The steps by which a guest decides whether it may pull: policy, public key, signatures under the tag. Each requirement of the scope must hold.
 *
 * @param policy what the guest got as its policy, and from where
 */
export async function signatureSteps(
  image: ImageFacts,
  policy: Answer & { of: string },
  kbs: GuestKbs,
): Promise<Step[]> {
  const { of, outcome, why, remedy, bytes } = policy
  if (outcome === 'failed' || bytes === null)
    return [
      { step: 'image-policy', of, outcome: outcome === 'failed' ? 'failed' : 'not-known', why, remedy },
      { step: 'signature', of: image.reference, outcome: 'not-known', why: 'the image policy was not read' },
    ]
  let rules
  let byTag: string[]
  try {
    const read = parseGuestPolicy(bytes, of)
    rules = requirementsFor(read, image.name ?? '', image.named.digest)
    byTag = image.name === null ? [] : tagScopes(read, image.name)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return [{ step: 'image-policy', of, outcome: 'failed', why: error.message, remedy: error.remedy }]
  }
  const { scope, requirements } = rules
  const said = `${requirements.map(({ type }) => type).join(' and ') || 'nothing'} by ${scope}`
  const steps: Step[] = [{ step: 'image-policy', of, outcome, why: `${why}; it demands ${said}`, remedy }]
  for (const one of byTag)
    steps.push({
      step: 'image-policy',
      of,
      outcome: 'not-known',
      why: `a pod that names the image by its tag is judged by the rule for ${one} alone`,
      remedy: 'Name the image by digest in pods, and take the rule out.',
    })
  if (image.name === null)
    return [
      ...steps,
      {
        step: 'signature',
        of: image.reference,
        outcome: 'not-known',
        why: 'the name that pods use is not known',
        remedy: 'Give --as HOST/NAME.',
      },
    ]
  if (requirements.length === 0)
    return [
      ...steps,
      {
        step: 'signature',
        of: image.name,
        outcome: 'failed',
        why: 'no rule fits, so that a guest takes any image',
        remedy: 'Write `default: [{"type": "reject"}]`, and a rule for this name.',
      },
    ]
  for (const requirement of requirements) steps.push(...(await required(requirement, scope, image, image.name, kbs)))
  return steps
}

async function required(
  one: Requirement,
  scope: string,
  image: ImageFacts,
  name: string,
  kbs: GuestKbs,
): Promise<Step[]> {
  const step = (outcome: Step['outcome'], why: string, remedy?: string): Step => ({
    step: 'signature',
    of: name,
    outcome,
    why,
    remedy,
  })
  if (one.type === 'reject')
    return [
      step(
        'failed',
        `${scope} rejects it: the policy does not name ${name}`,
        'Name the image in `image-policy` of the plan.',
      ),
    ]
  if (one.type === 'insecureAcceptAnything')
    return [step('failed', `${scope} takes any image without a signature`, 'Demand `sigstoreSigned` for this name.')]
  if (one.type === 'signedBy') return [step('not-known', 'signatures by GPG keys are not looked at')]
  const identity = one.signedIdentity?.type ?? null
  if (identity !== null && identity !== 'matchRepository' && identity !== 'exactRepository')
    return [step('failed', `guests refuse each image by \`signedIdentity\` ${identity}`, 'Use matchRepository.')]
  const { steps, pem } = await publicKey(one, kbs)
  if (pem === null) return [...steps, step('not-known', 'the public key was not read')]
  let key
  try {
    key = loadPublicKey(pem)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return [
      ...steps,
      step('failed', `the policy’s key cannot be read: ${error.message}`, 'Publish the public key as PEM.'),
    ]
  }
  const wanted = one.signedIdentity?.type === 'exactRepository' ? one.signedIdentity.dockerRepository : name
  const question = { key, identity: null, authorities: [], kbs: null, now: new Date(0) }
  const found = coco
    .judge({ ...image, name: wanted }, question)
    .filter(({ code, effect }) => effect !== 'note' && signatureCodes.includes(code))
    .filter(({ code }) => identity !== null || code !== 'payload-identity')
  const [first] = found
  if (first !== undefined) return [...steps, step('failed', first.why, first.remedy ?? undefined)]
  const bound = identity === null ? 'the policy looks at no identity' : `for ${wanted}`
  return [...steps, step('passed', `by the key of ${one.keyPath ?? 'the policy'}, ${bound}`)]
}

async function publicKey(
  one: Extract<Requirement, { type: 'sigstoreSigned' }>,
  kbs: GuestKbs,
): Promise<{ steps: Step[]; pem: string | null }> {
  const { keyPath, keyData } = one
  const failed = (why: string, remedy: string): { steps: Step[]; pem: null } => ({
    steps: [{ step: 'public-key', of: keyPath ?? 'the policy', outcome: 'failed', why, remedy }],
    pem: null,
  })
  if (keyPath !== undefined && keyData !== undefined)
    return failed('the policy has both `keyPath` and `keyData`', 'Leave one of them out.')
  if (keyData !== undefined) return { steps: [], pem: keyData }
  if (keyPath === undefined) return failed('the policy names no key', 'Give `keyPath`.')
  if (!keyPath.startsWith('kbs:///'))
    return {
      steps: [{ step: 'public-key', of: keyPath, outcome: 'not-known', why: 'it is a file of the guest' }],
      pem: null,
    }
  const { outcome, why, remedy, bytes } = await kbs(keyPath)
  const seen = outcome === 'failed' ? null : bytes
  return { steps: [{ step: 'public-key', of: keyPath, outcome, why, remedy }], pem: seen?.toString('utf8') ?? null }
}
