import type { Plan } from './plan-schema.ts'

/** The images of a plan's image policy. */
interface Images {
  readonly uri: string
  readonly admit: readonly unknown[]
  readonly images: readonly { image: string; key: string; 'public-key'?: string | undefined }[]
}

/** Where the agents of guests look for the policy when nobody names another place (Confidential Data Hub, `image_security_policy_uri`). */
export const usualPolicyUri = 'kbs:///default/security-policy/test'

/** `HOST/NAME` of a rule: no tag and no digest, since cosign signs a repository. */
export const policyImageForm = /^[a-z0-9.-]+(:[0-9]+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)+$/

/**
 * The policy by which a guest judges signatures before it unpacks an image: nothing that the plan does not name, and what it names only with a
 * signature of its key over its own repository. Guests read this form alone: containers-policy.json with `sigstoreSigned` and `matchRepository`
 * (image-rs; coco.md §5). Equal plans give equal bytes.
 */
export function imagePolicy({ images }: Pick<Images, 'images'>): Buffer {
  const scopes = images
    .map(({ image, key }): [string, unknown] => [
      image,
      [{ type: 'sigstoreSigned', keyPath: key, signedIdentity: { type: 'matchRepository' } }],
    ])
    .sort(([a], [b]) => (a < b ? -1 : 1))
  // Where no rule fits, a guest accepts an image unsigned, unless the default refuses it.
  const policy = { default: [{ type: 'reject' }], transports: { docker: Object.fromEntries(scopes) } }
  return Buffer.from(`${JSON.stringify(policy, null, 2)}\n`)
}

/**
 * The plan with the resources that its image policy needs: the policy itself, and the public keys that it names. Guests get them by the same rules.
 *
 * @returns the plan, the bytes that are made here by URI, and lines for the reader
 */
export function withImagePolicy(plan: Plan): { plan: Plan; made: ReadonlyMap<string, Buffer>; notes: string[] } {
  const wanted = plan['image-policy']
  if (wanted === undefined) return { plan, made: new Map(), notes: [] }
  const { uri, admit, images } = wanted
  const common = { kind: 'workload' as const, admit, overwrite: false }
  const keys = new Map(images.map((one) => [one.key, one['public-key']]))
  const resources = [
    { ...common, uri, source: 'made' },
    ...[...keys]
      // A key that stands on the KBS gets a rule; where the policy is its owner's, nothing is left to do for it.
      .filter(([, file]) => file !== undefined || plan['resource-policy'] === 'generate')
      .map(([key, file]) => ({ ...common, uri: key, source: file === undefined ? 'kept' : `file:${file}` })),
  ]
  return {
    plan: { ...plan, resources: [...plan.resources, ...resources] },
    made: new Map([[uri, imagePolicy(wanted)]]),
    notes: [
      `Guests check signatures only if their cdh.toml says so: [image] image_security_policy_uri = "${uri}". The policy refuses every image but ${images.map(({ image }) => image).join(', ')}.`,
    ],
  }
}

/** What is wrong with an image policy beside its form, in words of the plan. @param taken URIs of the plan's resources @param left the resource policy is left to its owner */
export function imagePolicyProblems({ uri, admit, images }: Images, taken: readonly string[], left: boolean): string[] {
  const names = images.map(({ image }) => image)
  const twice = names.filter((one, n) => names.indexOf(one) !== n)
  const files = new Map<string, string | undefined>()
  const torn = images.filter(({ key, 'public-key': file }) => {
    const known = files.get(key) ?? file
    files.set(key, known)
    return known !== file
  })
  const both = [uri, ...files.keys()].filter((one) => taken.includes(one))
  return [
    ...twice.map((one) => `${one} is named twice: a guest would demand both signatures`),
    ...torn.map(({ key }) => `${key} has two \`public-key\` files`),
    ...both.map((one) => `${one} is a resource of this plan too`),
    ...(files.has(uri) ? [`${uri} is both the policy and a key`] : []),
    ...(!left && admit.length === 0 ? ['has no `admit`: nobody would get the policy'] : []),
    ...(left && admit.length > 0 ? ['`admit` has no effect where `resource-policy` is leave'] : []),
  ]
}
