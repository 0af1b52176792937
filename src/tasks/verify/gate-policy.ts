import { once } from '../../base/streams.ts'
import { readFile } from 'node:fs/promises'
import type { Caller } from '../../agent/caller.ts'
import { InputError, VerificationError } from '../../base/errors.ts'
import type { Digest } from '../../oci/types.ts'
import { parsePolicy, readPolicyText, type Policy } from '../../verify/policy/load.ts'
import { packFiles } from './folder.ts'

/** A policy as its step read it, for the task to read once more. */
export interface GatePolicy {
  text: string
  path: string
  /** Files that it names, by absolute path, as they were read. */
  files: ReadonlyMap<string, string>
  /** Its own folder of collateral, or null. */
  collateral: string | null
  /** The log that it pins, or null. */
  log: Policy['log']
  policy: Policy
}

/**
 * Reads the policy and all that it names: what is wrong there is reported before anything else is done.
 *
 * @param digest that the policy must have; null for any
 * @throws InputError `file-missing`, `file-invalid`; VerificationError `policy-invalid`
 */
export async function loadGatePolicy(path: string, digest: Digest | null): Promise<GatePolicy> {
  const text = await readPolicyText(path)
  const files = new Map<string, string>()
  const policy = await parsePolicy(text, path, async (file) => {
    const content = await readFile(file, 'utf8')
    files.set(file, content)
    return content
  })
  requirePolicy(policy, digest)
  return { text, path, files, collateral: policy.collateral, log: policy.log, policy }
}

/** A policy that lies where the judged can write is no policy, unless its digest is pinned elsewhere (TRUST §6). */
function requirePolicy({ digest }: Policy, wanted: Digest | null): void {
  if (wanted === null || digest === wanted) return
  throw new VerificationError('policy-invalid', `the policy has the digest ${digest}, expected is ${wanted}`, {
    subject: 'policy-digest',
    remedy: 'Read what changed in the policy or in a file that it names; then give the new digest.',
  })
}

/**
 * Serves the policy's files and a folder of collateral to a task.
 *
 * @throws InputError `not-found` from the returned function, for anything else
 */
export function policyFiles(policy: Pick<GatePolicy, 'files'>, collateral: string | null): Caller['fetch'] {
  return async (name) => {
    if (name === 'collateral' && collateral !== null) return packFiles(collateral)
    const content = policy.files.get(name.replace(/^file:/, ''))
    if (content === undefined) throw new InputError('not-found', `nothing is served as "${name}"`)
    return once(Buffer.from(content))
  }
}
