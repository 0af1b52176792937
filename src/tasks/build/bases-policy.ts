import { dirname, relative, resolve } from 'node:path'
import { z } from 'zod'
import { InputError } from '../../base/errors.ts'
import { readNamedFile } from '../../base/files.ts'
import { sha256 } from '../../base/streams.ts'
import { jcs } from '../../encoding/jcs.ts'
import { readYaml } from '../../encoding/yaml.ts'
import type { Digest } from '../../oci/types.ts'
import { durationForm } from '../../verify/policy/duration.ts'
import type { ReadText } from '../../verify/policy/files.ts'
import { identitySchema } from '../../verify/policy/identities-schema.ts'
import { jobSchema } from '../../verify/policy/job-schema.ts'
import type { Policy } from '../../verify/policy/load.ts'

/** Members of a policy of the gate that are about the machines of jobs. Collateral comes with the evidence: a worker reads no folder of the job. */
const machineMembers = [
  'technology',
  'platform',
  'measurements',
  'reference-values',
  'tee',
  'ear',
  'time',
  'minimum-svn',
  'deny',
  'max-job',
  'accept-sample',
  'accept-software-tpm',
  'accept-machine-only',
  'accept-coverage-short',
  'accept-storage-exposed',
  'accept-vmpl',
  'accept-no-register',
  'accept-resettable-register',
  'accept-foreign-extensions',
  'accept-no-crl',
  'accept-tcb-status',
  'accept-tdx-attributes',
  'accept-unproven-time',
] as const

/** Which images a build may start from or copy from: those that one of these keys, identities or jobs promoted to class golden (docs/status.md). */
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
    /** Whose agents sign records. */
    jobs: z.array(jobSchema).min(1).max(16).optional(),
    /** What the machines of these jobs must be, as in a policy of the gate. */
    machines: z.partialRecord(z.enum(machineMembers), z.json()).optional(),
    /** Texts of the files that `jobs` and `machines` name, by that name. */
    files: z.record(z.string(), z.string()).optional(),
  })
  .refine(
    ({ keys, identities, jobs }) => [keys, identities, jobs].some((one) => one !== undefined),
    'name keys, identities or jobs',
  )
  .refine(
    ({ jobs, machines }) => (jobs === undefined) === (machines === undefined),
    'jobs and machines need each other',
  )
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
  if (problems !== null || value.files !== undefined)
    throw new InputError(
      'file-invalid',
      `bases-policy: ${(problems ?? ['`files` is no member of the file']).join('; ')}`,
      {
        subject: 'bases-policy',
        remedy:
          'Write `version: 1`, `keys` (public keys), `identities` with `trusted-root` or `jobs` with `machines`, and, if wanted, `max-age`.',
      },
    )
  const beside = async (file: string): Promise<string> =>
    (await readNamedFile(resolve(dirname(path), file), 'bases-policy')).toString('utf8')
  const { keys, 'trusted-root': root } = value
  return {
    ...value,
    ...(keys === undefined
      ? {}
      : { keys: await Promise.all(keys.map(async (key) => (key.includes('-----BEGIN') ? key : beside(key)))) }),
    ...(root === undefined ? {} : { 'trusted-root': await beside(root) }),
    ...(value.jobs === undefined ? {} : { files: await filesOfJobs(value, path) }),
  }
}

/** The files that jobs and machines name, and with them the proof that they are a policy. */
async function filesOfJobs(policy: BasesPolicy, path: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  await parseJobs(policy, path, async (file) => {
    const text = (await readNamedFile(file, 'bases-policy')).toString('utf8')
    files[relative(dirname(path), file)] = text
    return text
  })
  // The digest covers the names, so none of them may say where the folder lies on this machine.
  const outside = Object.keys(files).find((name) => name.startsWith('..'))
  if (outside !== undefined)
    throw new InputError('file-invalid', `bases-policy: "${outside}" does not lie in the folder of the bases policy`, {
      subject: 'bases-policy',
      remedy: 'Put the files that `jobs` and `machines` name beside the bases policy, or write their content into it.',
    })
  return files
}

/**
 * The policy by which a job is judged that signed a record: its section `job` are the jobs of the bases policy.
 *
 * @returns null where the bases policy names no jobs
 * @throws InputError `file-invalid`
 */
export async function policyOfJobs(policy: BasesPolicy): Promise<Policy | null> {
  const { files = {} } = policy
  return policy.jobs === undefined ? null : parseJobs(policy, '/bases-policy', (file) => readText(files, file))
}

function readText(files: Readonly<Record<string, string>>, file: string): Promise<string> {
  const text = files[relative('/', file)]
  return text === undefined ? Promise.reject(new Error(`${file} was not given`)) : Promise.resolve(text)
}

async function parseJobs({ jobs, machines }: BasesPolicy, path: string, read: ReadText): Promise<Policy> {
  const { parsePolicy } = await import('../../verify/policy/load.ts')
  return parsePolicy(JSON.stringify({ version: 1, ...machines, job: jobs }), path, read)
}

/** SHA-256 of a bases policy in RFC 8785 form, its keys inlined: what the build record names. */
export function basesPolicyDigest(policy: BasesPolicy): Digest {
  return sha256(jcs(policy))
}
