import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { writeDelivered } from '../delivered.ts'
import { keySecret } from '../key-request.ts'
import type { Caller } from '../../agent/caller.ts'
import { policyFiles, type GatePolicy } from '../verify/gate-policy.ts'
import type { LogMemory } from '../verify/log-memory.ts'
import type { GateRequest } from './request.ts'

/** Serves what the gate's worker needs of the step, and takes the plain layers of an encrypted image for a launch. */
export function gateCaller(
  policy: GatePolicy,
  { collateral: given, keys }: Pick<GateRequest, 'collateral' | 'keys'>,
  folder: string,
  memory: LogMemory | null,
): Caller & { collateral: string | null; layers: ReadonlyMap<string, string> } {
  const collateral = given ?? policy.collateral
  const layers = new Map<string, string>()
  const files = policyFiles(policy, collateral)
  return {
    collateral,
    layers,
    secret: keySecret(keys),
    fetch: async (name) =>
      name.startsWith('log:') && memory !== null ? memory.fetch(name.slice('log:'.length)) : files(name),
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
