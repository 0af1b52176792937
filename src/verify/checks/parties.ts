import type { Gate } from '../candidate.ts'
import type { CertificateSighting } from '../certificate-signers.ts'
import type { Acceptance } from '../policy/accept.ts'
import { keysOutOfWindow, type Party } from '../parties.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome } from '../step.ts'
import { pinsTime } from '../signature-times.ts'

/** TRUST §6: as many of the named parties as the policy asks for have signed the image, each counted once. */
export function partiesSigned(gate: Gate): Outcome {
  const { policy, parties } = gate
  const named = policy.releaseKeys.length + policy.identities.length
  if (named === 0) return skipped('the policy names no release key and no identity')
  const { threshold } = policy
  if (parties.length >= threshold) return passed(`signed by ${inWords(parties)}`, parties[0]?.name ?? null)
  if (parties.length > 0) {
    return failed(
      'signature-invalid',
      `signed by ${inWords(parties)} only: the policy asks for ${threshold} of ${named} parties`,
    )
  }
  return (
    strangerOf(gate) ??
    allExpired(gate) ??
    failed(
      'signature-invalid',
      `none of the parties that the policy names signed this image: ${namedParties(gate)}${outOfWindow(gate)}`,
    )
  )
}

/**
 * Why nothing can count of a policy that names release keys alone, each outside of its window; null for any other. Their signatures are not looked
 * at, so that the reason speaks of the policy and not of the image.
 */
export function allExpired({ policy, at }: Pick<Gate, 'policy' | 'at'>): Outcome | null {
  const outside = keysOutOfWindow(policy, at)
  if (outside.length === 0 || outside.length < policy.releaseKeys.length || policy.identities.length > 0) return null
  const stamp = pinsTime(policy.time) ? ', and no statement of theirs has a trusted time inside of it' : ''
  return failed(
    'expired',
    `every release key of the policy is outside of its window at ${at.toISOString()}${stamp}: ${outside.join(', ')}`,
  )
}

/** An addition to a reason that no signature counts: keys that would count at another time. */
export function outOfWindow({ policy, at }: Pick<Gate, 'policy' | 'at'>): string {
  const outside = keysOutOfWindow(policy, at)
  return outside.length === 0 ? '' : `; outside of their window at ${at.toISOString()}: ${outside.join(', ')}`
}

/** Why a certificate's signature does not count; null where there is none. The first that names an expected identity says most. */
export function strangerOf({
  policy,
  certificates: { sightings },
}: Pick<Gate, 'policy' | 'certificates'>): Outcome | null {
  const [best] = sightings.toSorted((a, b) => rank(a) - rank(b) || (a.manifest < b.manifest ? -1 : 1))
  if (best === undefined) return null
  const { who, code, why, manifest } = best
  const certificate = who === null ? 'a certificate' : `a certificate for ${who}`
  if (policy.identities.length === 0)
    return failed(
      'identity-mismatch',
      `signed by ${certificate}, which the policy does not name: it has no identities`,
      manifest,
    )
  if (code === 'identity-mismatch')
    return failed(code, `signed by ${certificate}, which the policy does not name: ${why}`, manifest)
  return failed(code, `signed by ${certificate}, but this signature does not count: ${why}`, manifest)
}

function rank({ code }: CertificateSighting): number {
  return code === 'identity-mismatch' ? 1 : 0
}

/** Whether the signatures of all identities that count stand in logs; the line that accepts those that do not. */
export function logged(gate: Gate, acceptance: Acceptance): Outcome {
  const { parties, policy } = gate
  const identities = parties.filter(({ kind }) => kind === 'identity')
  if (identities.length === 0) return skipped('no identity of the policy signed the image')
  const lacking = identities.filter(({ lacks }) => lacks.includes(acceptance))
  // A party that the threshold does not need takes nothing from the others.
  if (lacking.length === 0 || parties.length - lacking.length >= policy.threshold)
    return passed(`in a log of the trusted root: ${inWords(identities.filter((one) => !lacking.includes(one)))}`)
  const reason = acceptance === 'accept-unlogged-signature' ? 'log-invalid' : 'certificate-invalid'
  return unlessAccepted(gate, acceptance, reason, `in no log of the trusted root: ${inWords(lacking)}`)
}

/** Parties for a sentence. */
export function inWords(parties: readonly Party[]): string {
  return parties
    .map(({ kind, name }) => (kind === 'key' ? `the release key ${name}` : `the identity "${name}"`))
    .join(' and ')
}

function namedParties({ policy: { releaseKeys, identities } }: Pick<Gate, 'policy'>): string {
  const keys = releaseKeys.length === 0 ? [] : [`${releaseKeys.length} release key(s)`]
  const names = identities.map(({ rule }) => `"${rule.name}"`)
  return [...keys, ...(names.length === 0 ? [] : [`the identities ${names.join(', ')}`])].join(' and ')
}
