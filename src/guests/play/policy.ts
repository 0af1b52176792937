import { z } from 'zod'
import { VerificationError } from '../../base/errors.ts'
import { firstIssue } from '../../base/first-issue.ts'
import { duplicateMember } from '../../base/json-members.ts'
import { isObject, parseJson, type JsonValue } from '../../base/json.ts'
import { printable } from '../../base/printable.ts'
import type { Digest } from '../../oci/types.ts'

const identity = z.discriminatedUnion('type', [
  z.object({ type: z.enum(['matchExact', 'matchRepoDigestOrExact', 'matchRepository']) }),
  z.object({ type: z.literal('exactReference'), dockerReference: z.string() }),
  z.object({ type: z.literal('exactRepository'), dockerRepository: z.string() }),
  z.object({ type: z.literal('remapIdentity'), prefix: z.string(), signedPrefix: z.string() }),
])
const keys = {
  keyPath: z.string().optional(),
  keyData: z.string().optional(),
  signedIdentity: identity.nullish(),
}
const requirement = z.discriminatedUnion('type', [
  z.object({ type: z.literal('insecureAcceptAnything') }),
  z.object({ type: z.literal('reject') }),
  z.object({ type: z.literal('signedBy'), keyType: z.string(), ...keys }),
  z.object({ type: z.literal('sigstoreSigned'), ...keys }),
])
const schema = z.object({
  default: z.array(requirement),
  transports: z.record(z.string(), z.record(z.string(), z.array(requirement))),
})

/** A policy for signatures as guests read it: containers-policy.json, of which they know four kinds of requirements (coco.md §5). */
export type GuestPolicy = z.infer<typeof schema>
/** One requirement; all of a scope must hold. */
export type Requirement = z.infer<typeof requirement>

/**
 * Reads the policy as image-rs does: members that it does not know are skipped, a kind of requirement or identity that it does not know is an error.
 *
 * @throws VerificationError `format-invalid`: a guest takes no image by it
 */
export function parseGuestPolicy(bytes: Buffer, subject: string): GuestPolicy {
  const json = bytes.toString('utf8')
  const twice = duplicateMember(json)
  if (twice !== null)
    throw new VerificationError('format-invalid', `${subject}: has the member "${printable(twice)}" twice`, {
      subject,
      remedy: 'Leave one of them out: readers of JSON take different ones, or none.',
    })
  const read = schema.safeParse(parseJson(json, subject))
  if (read.success) return read.data
  const { where, what } = firstIssue(read.error, 'the policy')
  throw new VerificationError('format-invalid', `${subject}: guests cannot read ${where}: ${what}`, {
    subject,
    remedy: 'Write it with `sealwright image-policy make`, or as `image-policy` of a plan for kbs-publish.',
  })
}

/** The requirements for an image, and where they stand: the first scope that fits, from the whole reference to the default (image-rs `requirements_for_image`). */
export function requirementsFor(
  { default: fallback, transports }: GuestPolicy,
  name: string,
  digest: Digest,
): { scope: string; requirements: readonly Requirement[] } {
  const docker = transports['docker'] ?? {}
  for (const scope of [`${name}@${digest}`, ...namespaces(name), '']) {
    const requirements = Object.hasOwn(docker, scope) ? docker[scope] : undefined
    if (requirements !== undefined) return { scope: scope === '' ? 'all of docker' : scope, requirements }
  }
  return { scope: 'the default', requirements: fallback }
}

/**
 * Scopes of one repository with a tag, `NAME:TAG` or `NAME:TAG@DIGEST`. Guests look first for the reference as the pod writes it, so that a pod that
 * names the image by that tag is judged by them, and one that names it by digest is not.
 */
export function tagScopes({ transports }: GuestPolicy, name: string): string[] {
  return Object.keys(transports['docker'] ?? {}).filter((scope) => scope.startsWith(`${name}:`))
}

/** `host:port/a/b`, `host:port/a`, `host:port`, then `*.` and the domains above the host, which has lost its port. */
function namespaces(name: string): string[] {
  const parts = name.split('/')
  const parents = parts.map((_, n) => parts.slice(0, parts.length - n).join('/'))
  const labels = (parts[0] ?? '').replace(/:\d+$/, '').split('.')
  return [...parents, ...labels.slice(1).map((_, n) => `*.${labels.slice(n + 1).join('.')}`)]
}

/** What makes a policy weak or misleading for guests, in words: each line names its place. Empty for one as we write it. @param anything rules without a signature are intended */
export function policyFaults(policy: GuestPolicy, anything = false): string[] {
  const faults: string[] = []
  const weak = (where: string, list: readonly Requirement[]): void => {
    if (list.length === 0) faults.push(`${where}: has no requirement, so guests take any image there`)
    for (const one of list) {
      if (anything && one.type === 'insecureAcceptAnything') continue
      const fault = requirementFault(one)
      if (fault !== null) faults.push(`${where}: ${fault}`)
    }
  }
  weak('default', policy.default)
  for (const [transport, scopes] of Object.entries(policy.transports)) {
    if (transport !== 'docker')
      faults.push(`transports.${transport}: has no effect, since guests pull from registries alone (docker)`)
    for (const scope of Object.keys(scopes).filter((one) => /\/[^@]*:/.test(one)))
      faults.push(`transports.${transport}["${scope}"]: holds only for pods that name the image by this tag`)
    for (const [scope, list] of Object.entries(scopes)) weak(`transports.${transport}["${scope}"]`, list)
  }
  return faults
}

function requirementFault(one: Requirement): string | null {
  if (one.type === 'reject') return null
  if (one.type === 'insecureAcceptAnything') return 'takes any image without a signature (insecureAcceptAnything)'
  if (one.keyPath === undefined && one.keyData === undefined) return 'names no key: give `keyPath`'
  if (one.keyPath !== undefined && one.keyData !== undefined)
    return 'has both `keyPath` and `keyData`: guests refuse all'
  if (one.type === 'signedBy') return null
  const kind = one.signedIdentity?.type
  if (kind === undefined) return 'has no `signedIdentity`: a signature for another repository counts'
  if (kind === 'matchRepository' || kind === 'exactRepository') return null
  return `\`signedIdentity\` is ${kind}, by which guests refuse all: cosign signs a repository, use matchRepository`
}

/** Members of a policy that guests skip, such as a misspelled one: they change nothing in a guest. */
export function skippedMembers(bytes: Buffer, policy: GuestPolicy): string[] {
  return missingIn(policy, parseJson(bytes.toString('utf8'), 'the policy'), '')
}

function missingIn(read: unknown, raw: JsonValue, at: string): string[] {
  if (Array.isArray(raw))
    return raw.flatMap((one, n) => missingIn(Array.isArray(read) ? read[n] : null, one, `${at}[${n}]`))
  if (!isObject(raw) || !isObject(read)) return []
  return Object.entries(raw).flatMap(([name, value]) =>
    Object.hasOwn(read, name) ? missingIn(read[name], value, `${at}.${name}`) : [`${at}.${name}`.slice(1)],
  )
}
