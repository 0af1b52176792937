import { z } from 'zod'
import type { Ports } from '../../base/ports.ts'
import { isDigest } from '../../oci/digest.ts'
import type { Policy } from './load.ts'

const text = z.string().min(1).max(1024)

/** A trusted root that a TUF repository vouches for, in place of a file. */
export const tufSchema = z.strictObject({
  tuf: z
    .string()
    .regex(/^https?:\/\/[^\s?#]+$/, 'write a URL')
    .describe('URL of the TUF repository; it is contacted at each verification'),
  root: text.describe('root.json to start from, beside the policy, or its SHA-256 as sha256:HEX'),
  target: text.optional().describe('Name of the trusted root in the repository; trusted_root.json by default'),
})
export type PolicyTuf = z.infer<typeof tufSchema>

/**
 * The policy with the trusted root that its TUF repository vouches for now; the policy itself where it names none. What the repository serves is
 * no part of the policy's digest: the pinned root is.
 *
 * @throws InputError, TransportError; VerificationError for a repository that does not verify
 */
export async function withTrustedRoot(policy: Policy, ports: Ports): Promise<Policy> {
  if (policy.tuf === null) return policy
  const { defaultTarget, tufCacheFolder, tufTrustedRoot } = await import('../../sign/tuf/trusted-root.ts')
  const { tuf: url, root, target = defaultTarget } = policy.tuf
  const pinned = isDigest(root) ? root : Buffer.from(root)
  const source = { url, root: pinned, target, cache: tufCacheFolder(ports), offline: false }
  return { ...policy, trustedRoot: await tufTrustedRoot(source, ports) }
}
