import { once } from '../../base/streams.ts'
import { readFile } from 'node:fs/promises'
import { InputError } from '../../base/errors.ts'
import type { AttestRequest } from './task.ts'
import type { Caller } from '../../agent/caller.ts'
import type { EvidenceInputs } from './findings.ts'
import type { TrusteeRequest } from './trustee.ts'

/** Whom a step asks about its evidence. */
export interface TrusteeInputs extends Omit<TrusteeRequest, 'keys'> {
  verifier: EvidenceInputs['verifier']
  /** File of keys or certificates that an EAR must be signed by. */
  trusteeKeys: string | null
}

/** What the `attest` task is to ask an Attestation Service or KBS; null where the verifier is none of them. */
export function trusteeOf(inputs: TrusteeInputs): AttestRequest['trustee'] {
  const { verifier, trusteeUrl, trusteePolicy, kbsUrl, trusteeKeys } = inputs
  if (verifier !== 'trustee' && verifier !== 'both') return null
  return { trusteeUrl, trusteePolicy, kbsUrl, pinned: trusteeKeys !== null }
}

/** Serves the keys that a token must be signed by. */
export function trusteeCaller({ trusteeKeys }: Pick<TrusteeInputs, 'trusteeKeys'>): Caller {
  return {
    fetch: async (name) => {
      if (name !== 'trustee-keys' || trusteeKeys === null)
        throw new InputError('not-found', `nothing is served as "${name}"`)
      const bytes = await readFile(trusteeKeys).catch((cause: unknown) => {
        throw new InputError('file-missing', `\`trustee-keys\`: "${trusteeKeys}" cannot be read`, {
          subject: 'trustee-keys',
          cause,
          remedy: "Give a file with the Attestation Service's key or certificate (PEM), or its JWKS.",
        })
      })
      return once(bytes)
    },
    secret: () => Promise.resolve(null),
    deliver: () => Promise.resolve(),
  }
}
