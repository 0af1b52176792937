import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError, VerificationError } from '../../base/errors.ts'
import { writeDelivered } from '../shared/delivered.ts'
import { keySecret } from '../shared/keys.ts'
import type { Caller } from '../../agent/caller.ts'
import { packFiles } from '../../tasks/verify/folder.ts'
import type { LogMemory } from '../../tasks/verify/log-memory.ts'
import type { Digest } from '../../oci/types.ts'
import { parsePolicy, readPolicyText, type Policy } from '../../verify/policy/load.ts'
import type { VerifyDeployInputs } from './inputs.ts'

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
}

/**
 * Reads the policy and all that it names: what is wrong there is wrong there is reported before anything else is done.
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
  return { text, path, files, collateral: policy.collateral, log: policy.log }
}

/** A policy that lies where the judged can write is no policy, unless its digest is pinned elsewhere (TRUST §6). */
function requirePolicy({ digest }: Policy, wanted: Digest | null): void {
  if (wanted === null || digest === wanted) return
  throw new VerificationError('policy-invalid', `the policy has the digest ${digest}, expected is ${wanted}`, {
    subject: 'policy-digest',
    remedy: 'Read what changed in the policy or in a file that it names; then give the new digest.',
  })
}

/** Serves what the gate's worker needs of the step, and takes the plain layers of an encrypted image for a launch. */
export function gateCaller(
  policy: GatePolicy,
  inputs: VerifyDeployInputs,
  folder: string,
  memory: LogMemory | null,
): Caller & { collateral: string | null; layers: ReadonlyMap<string, string> } {
  const collateral = inputs.collateral ?? policy.collateral
  const layers = new Map<string, string>()
  return {
    collateral,
    layers,
    secret: keySecret(inputs.keys),
    fetch: async (name) => {
      if (name === 'collateral' && collateral !== null) return packFiles(collateral)
      if (name.startsWith('log:') && memory !== null) return memory.fetch(name.slice('log:'.length))
      const content = policy.files.get(name.replace(/^file:/, ''))
      if (content === undefined) throw new InputError('not-found', `nothing is served as "${name}"`)
      return one(Buffer.from(content))
    },
    deliver: async (name, bytes) => {
      const digest = /^layer:(sha256:[0-9a-f]{64})$/.exec(name)?.[1]
      if (digest === undefined) throw new InputError('not-found', `no file is kept as "${name}"`)
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const path = join(folder, digest.slice(7))
      await writeDelivered(path, bytes, 0o600)
      layers.set(digest, path)
    },
  }
}

async function* one(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes
}
