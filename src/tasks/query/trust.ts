import { isWithin, type Window } from '../../base/window.ts'
import { claimKindOf, isVerdictType } from '../../statement/claims/types.ts'
import { noticeTypes } from '../../statement/notices.ts'
import { loadPublicKey, type PublicKey } from '../../sign/public-key.ts'
import type { Policy } from '../../verify/policy/load.ts'
import { trustOf } from '../../verify/policy/status.ts'
import { noTime, type TimeSources } from '../../verify/signature-times.ts'
import type { NoticeTrust } from '../../verify/status/read.ts'

/** A key and when its signatures count. */
export interface CountedKey {
  readonly key: PublicKey
  readonly window: Window
}

/** Whose statements count, by the kind of statement. */
export interface QueryTrust {
  /** False where nobody was named: then no row is verified. */
  readonly named: boolean
  /** @param predicateType null for a signature without a statement */
  of(predicateType: string | null): { keys: readonly CountedKey[] } & Pick<Policy, 'identities' | 'trustedRoot'>
  readonly time: TimeSources
  /** Whose word on the status of an image counts; null for nobody. */
  readonly status: NoticeTrust | null
}

const always: Window = { notBefore: null, notAfter: null }

/**
 * Whose statements count by a policy, with its trusted root read, and by keys that the user named. As in the gate, a status counts by the keys of
 * `status` alone, an archive record by those of `archive`, and a claim by those of its rule (TRUST §4): a release key does not vouch for them. Keys
 * of the user count for every kind.
 */
export function queryTrust(policy: Policy | null, given: readonly PublicKey[]): QueryTrust {
  const own = given.map((key) => ({ key, window: always }))
  const status = policy?.status ?? null
  const named = policy === null || status === null ? null : trustOf(status, policy)
  const statusTrust: NoticeTrust | null =
    named === null
      ? given.length > 0
        ? { publicKeys: given, identities: [], trustedRoot: null }
        : null
      : { ...named, publicKeys: [...named.publicKeys, ...given] }
  const releases = (policy?.releaseKeys ?? []).map(({ pem, window }) => ({ key: loadPublicKey(pem), window }))
  const counted = (keys: readonly PublicKey[]): CountedKey[] => keys.map((key) => ({ key, window: always }))
  const noIdentities = { identities: [], trustedRoot: null }
  return {
    named: policy !== null || given.length > 0,
    time: policy?.time ?? noTime,
    status: statusTrust,
    of: (type) => {
      if (policy === null) return { keys: own, ...noIdentities }
      if (type === noticeTypes.status)
        return { ...noIdentities, ...named, keys: [...own, ...counted(named?.publicKeys ?? [])] }
      if (type === noticeTypes.archive)
        return { ...noIdentities, keys: [...own, ...counted(policy.archive?.publicKeys ?? [])] }
      const claim = type === null ? null : claimKindOf(type)
      if (claim !== null || (type !== null && isVerdictType(type))) {
        const keys = policy.claims.filter(({ kind }) => kind === claim).flatMap(({ publicKeys }) => publicKeys)
        return { ...noIdentities, keys: [...own, ...counted(keys)] }
      }
      return { keys: [...own, ...releases], identities: policy.identities, trustedRoot: policy.trustedRoot }
    },
  }
}

/** Whether a key counts at a time. */
export function countsAt({ window }: CountedKey, at: Date): boolean {
  return isWithin(window, at)
}
