import type { Gate } from '../candidate.ts'
import type { StatusParty, StatusRules } from '../policy/status.ts'
import { effectiveStatus, issued, told } from '../status/effective.ts'
import type { JudgedStatus } from '../status/judge.ts'
import { failed, passed, skipped, type Outcome } from '../step.ts'

/** What one signer says of one manifest: why that refuses the image, null for nothing, or how long it holds. */
type Word = { readonly failure: Outcome } | { readonly line: string; readonly ends: readonly number[] } | null

/**
 * Absence proves nothing: only a recent statement shows that no newer one was hidden for longer than its age. A statement shows that of its own signer
 * alone: what the receiver of an image renews would else cover a revocation of the publisher that is withheld.
 */
export function fresh(found: readonly JudgedStatus[], rules: StatusRules, gate: Gate): Outcome {
  const revoked = found.find(({ effective }) => effective.state === 'revoked')
  if (revoked !== undefined) return skipped(`${revoked.target} is revoked`)
  const words = found.map((judged) => ({
    judged,
    said: rules.parties.map((party) => ({ party, word: wordOf(party, judged, rules, gate.at) })),
  }))
  const lines: string[] = []
  const ends: number[] = []
  for (const { judged, said } of words) {
    for (const { word } of said) {
      if (word === null) continue
      if ('failure' in word) return word.failure
      lines.push(word.line)
      ends.push(...word.ends)
    }
    if (said.some(({ word }) => word !== null)) continue
    if (rules.required && judged.required !== null) return missing(judged)
    lines.push(`no status of ${judged.target} is attached`)
  }
  if (rules.required)
    for (const party of rules.parties) {
      const silent = silentOn(party, words)
      if (silent !== null) return silentParty(party, silent)
    }
  if (ends.length > 0) gate.found.until = new Date(Math.min(...ends))
  const proof =
    rules.maxAgeSeconds === null
      ? '. This proves nothing: a registry can hide a newer one, and the policy sets no max-age'
      : ''
  return passed(`${lines.join('; ')}${proof}`)
}

function wordOf(
  party: StatusParty,
  { target, read }: JudgedStatus,
  { parties, maxAgeSeconds }: StatusRules,
  at: Date,
): Word {
  const mine = read.counted.filter(({ signers }) => signers.some((id) => party.ids.includes(id)))
  const { standing, freshest, early } = effectiveStatus(mine, at)
  const by = parties.length > 1 ? ` by ${party.name}` : ''
  const [last] = standing.toSorted((a, b) => issued(b) - issued(a))
  if (last === undefined) {
    const [first] = early
    if (first === undefined) return null
    const why = `the status of ${target}${by} is dated in the future (${first.predicate.issued})`
    return { failure: failed('expired', why, first.manifest) }
  }
  if (freshest === null) {
    const why = `the status of ${target}${by} expired ${last.predicate.expires ?? ''}: ${told(last)}`
    return { failure: failed('expired', why, last.manifest) }
  }
  const { issued: time, serial } = freshest.predicate
  const age = Math.max(0, Math.floor((at.getTime() - issued(freshest)) / 1000))
  if (maxAgeSeconds !== null && age > maxAgeSeconds) {
    const why = `the newest status of ${target}${by} was issued ${time}, ${age} s ago; the policy allows ${maxAgeSeconds} s. A newer one may be hidden or not have been copied yet (promote --status-only)`
    return { failure: failed('expired', why, freshest.manifest) }
  }
  // What is announced for a later time ends a verdict, too.
  const announced = standing.flatMap(({ predicate: { expires, from, date } }) =>
    [expires, from, date].flatMap((end) =>
      end === undefined || Date.parse(end) < at.getTime() ? [] : Date.parse(end),
    ),
  )
  return {
    line: `the status of ${target}${by} was issued ${time} (serial ${serial})`,
    ends: maxAgeSeconds === null ? announced : [issued(freshest) + maxAgeSeconds * 1000, ...announced],
  }
}

/**
 * A manifest of which a party has to speak and does not; null where it spoke of all. The publisher of an image that others encrypted knows the plain form
 * alone, and whoever encrypted it perhaps his own: one whole form is enough.
 */
function silentOn(
  party: StatusParty,
  words: readonly { judged: JudgedStatus; said: readonly { party: StatusParty; word: Word }[] }[],
): JudgedStatus | null {
  const silent = words
    .filter(({ said }) => said.some((one) => one.party === party && one.word === null))
    .map(({ judged }) => judged)
  const of = (form: JudgedStatus['required']): boolean => words.some(({ judged }) => judged.required === form)
  const forms = (['published', 'plain'] as const).filter(of)
  const missed = forms.map((form) => silent.find(({ required }) => required === form) ?? null)
  return missed.includes(null) ? null : (missed[0] ?? null)
}

function silentParty(party: StatusParty, { target }: JudgedStatus): Outcome {
  return failed(
    'missing-statement',
    `no status of ${target} by ${party.name} is attached, and the policy requires one of each signer. It may be hidden or not have been copied yet (promote --status-only)`,
    target,
  )
}

/** Anybody may attach a status, so one by another signer is not the one that is required. */
function missing({ target, read }: JudgedStatus): Outcome {
  const [other] = read.foreign
  if (other === undefined)
    return failed(
      'missing-statement',
      `no status of ${target} is attached, and the policy requires one. It may be hidden or not have been copied yet (promote --status-only)`,
      target,
    )
  return failed(
    'claim-signer',
    `a status of ${target} is attached, but none of the signers that the policy names signed it${other.by === null ? '' : `: it is by ${other.by}`}`,
    other.manifest,
  )
}
