import type { Digest } from '../../oci/types.ts'
import type { PredicateOf } from '../../statement/schemas/predicate.ts'

/** Two clocks may differ by this. */
export const skewMs = 5 * 60_000

/** A status statement whose signature was verified. */
export interface StatusStatement {
  readonly manifest: Digest
  /** All that hold it, where that is known. */
  readonly manifests?: readonly Digest[] | undefined
  /** SHA-256 of the payload. */
  readonly payload: Digest
  /** The manifest that it speaks of. */
  readonly subject: Digest
  /** Who signed, of those whose word counts: SPKI PEM of a key, or the id of an identity. */
  readonly signers: readonly string[]
  readonly predicate: PredicateOf<'status'>
}

/** What the statements about one manifest come to. */
export interface EffectiveStatus {
  /** The strictest of what stands; `none` where no signer that counts said anything. */
  readonly state: 'none' | 'active' | 'end-of-life' | 'superseded' | 'revoked' | 'contradictory'
  /** The statement that decides; null for `none`. */
  readonly decisive: StatusStatement | null
  /** What stands of each signer: its highest serial, and all that contradict it. */
  readonly standing: readonly StatusStatement[]
  /** Statements that are dated in the future and count only once that time has come. */
  readonly early: readonly StatusStatement[]
  /** The statement that was issued last and has not expired, as far as anything else than a revocation stands; null for none. */
  readonly freshest: StatusStatement | null
}

const ranks = { none: 0, active: 1, 'end-of-life': 2, superseded: 3, contradictory: 4, revoked: 5 } as const

/**
 * What verified statements about one manifest say at a time (reference oci-scitt §6.3, §6.4). Of one signer the highest serial counts, then the later
 * time; two that are equal in both and differ contradict each other. Of several signers the strictest counts: each of them may revoke.
 *
 * @param statements about one manifest, in any order
 */
export function effectiveStatus(statements: readonly StatusStatement[], now: Date): EffectiveStatus {
  const signers = [...new Set(statements.flatMap((one) => one.signers))].sort()
  const standing: StatusStatement[] = []
  const early: StatusStatement[] = []
  let state: EffectiveStatus['state'] = 'none'
  let decisive: StatusStatement | null = null
  const judge = (found: EffectiveStatus['state'], by: StatusStatement): void => {
    if (ranks[found] <= ranks[state]) return
    state = found
    decisive = by
  }
  for (const signer of signers) {
    const mine = statements.filter((one) => one.signers.includes(signer)).toSorted(byRank)
    // A revocation says since when, so it also counts for an earlier time than that at which it was written.
    const due = (one: StatusStatement): boolean => !isEarly(one, now) || stateOf(one, now) === 'revoked'
    early.push(...mine.filter((one) => !due(one)))
    const [first, ...rest] = mine.filter(due)
    if (first === undefined) continue
    const equal = rest.filter((one) => contradicts(first, one))
    for (const one of [first, ...equal]) if (!standing.includes(one)) standing.push(one)
    judge(equal.length > 0 ? 'contradictory' : stateOf(first, now), first)
  }
  const fresh = standing.filter((one) => stateOf(one, now) !== 'revoked' && !hasExpired(one, now) && !isEarly(one, now))
  const [freshest = null] = fresh.toSorted((a, b) => issued(b) - issued(a))
  return { state, decisive, standing, early, freshest }
}

/** Highest serial first, then the latest, then by payload so that the order of a registry decides nothing. */
function byRank(a: StatusStatement, b: StatusStatement): number {
  return b.predicate.serial - a.predicate.serial || issued(b) - issued(a) || (a.payload < b.payload ? -1 : 1)
}

/** Whether two statements of one signer have equal rank and say different things. */
export function contradicts(a: StatusStatement, b: StatusStatement): boolean {
  return a.predicate.serial === b.predicate.serial && issued(a) === issued(b) && a.payload !== b.payload
}

/** Whether one statement replaces another of the same signer. */
export function replaces(one: StatusStatement, other: StatusStatement): boolean {
  return one.payload !== other.payload && byRank(one, other) < 0 && !contradicts(one, other)
}

/** What a statement says at a time: a revocation or an end of life that is announced for later leaves the image active. */
export function stateOf(
  { predicate }: StatusStatement,
  now: Date,
): 'active' | 'end-of-life' | 'superseded' | 'revoked' {
  const { status, from, date } = predicate
  if (status === 'revoked') return time(from) <= now.getTime() ? 'revoked' : 'active'
  if (status === 'end-of-life') return time(date) <= now.getTime() ? 'end-of-life' : 'active'
  return status
}

export function hasExpired({ predicate: { expires } }: StatusStatement, now: Date): boolean {
  return expires !== undefined && time(expires) < now.getTime()
}

function isEarly(one: StatusStatement, now: Date): boolean {
  return issued(one) > now.getTime() + skewMs
}

/** When a statement was issued, in milliseconds since 1970. */
export function issued({ predicate }: StatusStatement): number {
  return Date.parse(predicate.issued)
}

/** The schema requires the member wherever it is asked for. */
function time(text: string | undefined): number {
  return Date.parse(text ?? '')
}

/** `revoked since 2026-01-01T00:00:00Z: leaked key`, for messages. */
export function statusInWords({ predicate }: Pick<StatusStatement, 'predicate'>): string {
  const { status, by, reason = '', from = '', date = '' } = predicate
  switch (status) {
    case 'active':
      return 'active'
    case 'superseded':
      return `superseded by ${by?.name === undefined ? '' : `${by.name}@`}sha256:${by?.digest.sha256 ?? ''}`
    case 'revoked':
      return `revoked from ${from}: ${reason}`
    case 'end-of-life':
      return `at the end of its life from ${date}`
  }
}

/** The same with serial and time of issue. */
export function told(statement: StatusStatement): string {
  const { serial, issued: time } = statement.predicate
  return `${statusInWords(statement)} (serial ${serial}, issued ${time})`
}
