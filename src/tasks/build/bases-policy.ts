import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { InputError } from '../../base/errors.ts'
import { readNamedFile } from '../../base/files.ts'
import { sha256 } from '../../base/streams.ts'
import { jcs } from '../../encoding/jcs.ts'
import { readYaml } from '../../encoding/yaml.ts'
import type { Digest } from '../../oci/types.ts'
import { durationForm } from '../../verify/policy/duration.ts'
import { identitySchema } from '../../verify/policy/identities-schema.ts'

/** Which images a build may start from or copy from: those that one of these keys or identities promoted to class golden (docs/status.md). */
export const basesPolicySchema = z
  .strictObject({
    version: z.literal(1),
    /** PEM texts; in a file also names of files beside it. */
    keys: z.array(z.string().min(1).max(65_536)).min(1).max(16).optional(),
    /** Whose certificates count; needs `trusted-root`. */
    identities: z.array(identitySchema).min(1).max(16).optional(),
    /** Text of a trusted root; in a file the name of a file beside it. */
    'trusted-root': z.string().min(1).optional(),
    'max-age': z.string().regex(durationForm, 'write a duration such as 90d').optional(),
  })
  .refine(({ keys, identities }) => keys !== undefined || identities !== undefined, 'name keys or identities')
  .refine(
    (policy) => (policy.identities === undefined) === (policy['trusted-root'] === undefined),
    'identities and trusted-root need each other',
  )
export type BasesPolicy = z.infer<typeof basesPolicySchema>

/**
 * Reads a bases policy with the content of every named file in place of its name.
 *
 * @param path absolute
 * @throws InputError `file-missing`, `file-invalid`
 */
export async function readBasesPolicy(path: string): Promise<BasesPolicy> {
  const text = (await readNamedFile(path, 'bases-policy')).toString('utf8')
  const { value, problems } = await readYaml(text, basesPolicySchema, 'the bases policy')
  if (problems !== null)
    throw new InputError('file-invalid', `bases-policy: ${problems.join('; ')}`, {
      subject: 'bases-policy',
      remedy:
        'Write `version: 1`, `keys` (public keys) or `identities` with `trusted-root`, and, if wanted, `max-age`.',
    })
  const beside = async (file: string): Promise<string> =>
    (await readNamedFile(resolve(dirname(path), file), 'bases-policy')).toString('utf8')
  const { keys, 'trusted-root': root } = value
  return {
    ...value,
    ...(keys === undefined
      ? {}
      : { keys: await Promise.all(keys.map(async (key) => (key.includes('-----BEGIN') ? key : beside(key)))) }),
    ...(root === undefined ? {} : { 'trusted-root': await beside(root) }),
  }
}

/** SHA-256 of a bases policy in RFC 8785 form, its keys inlined: what the build record names. */
export function basesPolicyDigest(policy: BasesPolicy): Digest {
  return sha256(jcs(policy))
}
