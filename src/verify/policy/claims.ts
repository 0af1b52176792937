import { receiverId } from '../identity-id.ts'
import type { PublicKey } from '../../sign/public-key.ts'
import type { SeverityLimit } from '../../statement/claims/severity.ts'
import type { ClaimKind } from '../../statement/claims/types.ts'
import type { ClaimRule } from './claims-schema.ts'
import { seconds } from './duration.ts'
import { identityRules, type NamedIdentity } from './identities.ts'
import { readPolicyKeys } from './keys.ts'
import type { ResolvedJob } from './load.ts'
import type { PromotionRule } from './promotions-schema.ts'

/** An entry of the policy's `claims` or `promotions` with its keys read. */
export interface PolicyClaim {
  kind: ClaimKind
  publicKeys: readonly PublicKey[]
  /** Of a promotion record; the names are those of no other entry. */
  identities: readonly NamedIdentity[]
  /** Of a promotion record: whose agents may have signed it. */
  jobs: readonly ResolvedJob[]
  /** PEM of each key and id of each identity, as signers are named. */
  keys: readonly string[]
  maxAgeSeconds: number | null
  maxSeverity: SeverityLimit | null
  scanner: string | null
  /** Of a promotion record; null for another kind. */
  promotion: Pick<PromotionRule, 'environment' | 'to' | 'policies'> | null
}

/**
 * @param rule with the PEM texts of its keys
 * @param path of the policy, for errors
 * @throws InputError `file-invalid` for a key that cannot be used
 */
export function policyClaim(rule: ClaimRule, index: number, path: string): PolicyClaim {
  const publicKeys = readPolicyKeys(rule.keys, `claims.${index}.keys`, path)
  return {
    kind: rule.kind,
    publicKeys,
    identities: [],
    jobs: [],
    keys: publicKeys.map(({ pem }) => pem),
    maxAgeSeconds: rule['max-age'] === undefined ? null : seconds(rule['max-age']),
    maxSeverity: rule['max-severity'] ?? null,
    scanner: rule.scanner ?? null,
    promotion: null,
  }
}

/** The same for an entry of `promotions`. */
export function policyPromotion(
  { keys = [], identities: named = [], ...rule }: Omit<PromotionRule, 'jobs'>,
  jobs: readonly ResolvedJob[],
  index: number,
  path: string,
): PolicyClaim {
  const publicKeys = readPolicyKeys(keys, `promotions.${index}.keys`, path)
  const identities = identityRules(named.map((one) => ({ ...one, name: `${index}.${one.name}` })))
  return {
    kind: 'promotion',
    publicKeys,
    identities,
    jobs,
    keys: [...publicKeys.map(({ pem }) => pem), ...identities.map(({ rule: { name } }) => receiverId(name))],
    maxAgeSeconds: rule['max-age'] === undefined ? null : seconds(rule['max-age']),
    maxSeverity: null,
    scanner: null,
    promotion: rule,
  }
}

/** All keys that claims are read by, each once. */
export function claimKeys(claims: readonly PolicyClaim[]): PublicKey[] {
  return [...new Map(claims.flatMap(({ publicKeys }) => publicKeys).map((key) => [key.pem, key])).values()]
}
