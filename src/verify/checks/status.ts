import { isDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/types.ts'
import type { Gate } from '../candidate.ts'
import { encryptedSubject } from '../encrypted.ts'
import { plainForms } from '../journal-roles.ts'
import type { StatusRules } from '../policy/status.ts'
import { issued, stateOf, statusInWords, type StatusStatement } from '../status/effective.ts'
import type { JudgedStatus } from '../status/judge.ts'
import { failed, passed, skipped, type Outcome, type Step } from '../step.ts'

/** TRUST §5.12: whether the publisher still stands by the image, by whom the policy names for that. */
export const statusSteps: Step[] = [
  { id: 'status.revocation', clause: 'TRUST §5.12', needs: [], run: (gate) => withRules(gate, revocation) },
  { id: 'status.fresh', clause: 'TRUST §5.12', needs: [], run: (gate) => withRules(gate, fresh) },
  { id: 'status.current', clause: 'TRUST §5.13', needs: [], run: (gate) => withRules(gate, current) },
]

type Judge = (found: readonly JudgedStatus[], rules: StatusRules, gate: Gate) => Outcome

async function withRules(gate: Gate, judge: Judge): Promise<Outcome> {
  const { status } = gate.policy
  if (status === null) return skipped('the policy names nobody whose statements on the status of an image count')
  return judge(await gate.status(plainOf(gate), gate.found.foreign), status, gate)
}

/** Images of which this one is the encrypted form, by its statement or by the journal of its job. */
function plainOf(gate: Gate): Digest[] {
  const { found, subject } = gate
  if (!encryptedSubject(gate)) return []
  const events = (found.journal ?? []).slice(0, found.sealed)
  return [...new Set([found.plainDigest, ...plainForms(events, subject.descriptor.digest, true)])]
    .filter(isDigest)
    .sort()
}

/** The image, or an index that was named, was revoked, or what is said of it cannot be told. */
function revocation(found: readonly JudgedStatus[], _rules: StatusRules, gate: Gate): Outcome {
  gate.found.inputs = [
    ...(gate.found.inputs ?? []),
    ...found.flatMap(({ effective }) => effective.standing.map(({ payload }) => ({ kind: 'status', digest: payload }))),
  ]
  for (const { target, effective, read } of found) {
    const { state, decisive } = effective
    if (state === 'revoked' && decisive !== null)
      return failed('revoked', `${target} is ${told(decisive)}`, decisive.manifest)
    const [broken] = read.broken
    if (broken !== undefined)
      return failed(
        'revocation-unknown',
        `a status statement about ${target} cannot be read, and a signer that counts signed it: ${broken.error.message}`,
        broken.manifest,
      )
    if (state === 'contradictory' && decisive !== null)
      return failed(
        'revocation-unknown',
        `two status statements about ${target} have the serial ${decisive.predicate.serial} and one time, and say different things`,
        decisive.manifest,
      )
  }
  return passed(`no statement of a signer that counts revokes ${found.map(({ target }) => target).join(' or ')}`)
}

/** Absence proves nothing: only a recent statement shows that no newer one was hidden for longer than its age. */
function fresh(found: readonly JudgedStatus[], rules: StatusRules, gate: Gate): Outcome {
  const { maxAgeSeconds, required } = rules
  const at = gate.at.getTime()
  const ends: number[] = []
  const lines: string[] = []
  for (const { target, isRequired, effective, read } of found) {
    const { standing, freshest, early } = effective
    const [last] = standing.toSorted((a, b) => issued(b) - issued(a))
    if (last === undefined) {
      const [first] = early
      if (first !== undefined)
        return failed(
          'expired',
          `the status of ${target} is dated in the future (${first.predicate.issued})`,
          first.manifest,
        )
      if (required && isRequired) return missing(target, read)
      lines.push(`no status of ${target} is attached`)
      continue
    }
    if (effective.state === 'revoked') return skipped(`${target} is revoked`)
    if (freshest === null)
      return failed(
        'expired',
        `the status of ${target} expired ${last.predicate.expires ?? ''}: ${told(last)}`,
        last.manifest,
      )
    const age = Math.max(0, Math.floor((at - issued(freshest)) / 1000))
    if (maxAgeSeconds !== null && age > maxAgeSeconds)
      return failed(
        'expired',
        `the newest status of ${target} was issued ${freshest.predicate.issued}, ${age} s ago; the policy allows ${maxAgeSeconds} s. A newer one may be hidden or not have been copied yet (promote --status-only)`,
        freshest.manifest,
      )
    if (maxAgeSeconds !== null) ends.push(issued(freshest) + maxAgeSeconds * 1000)
    // What is announced for a later time ends a verdict, too.
    for (const one of standing)
      for (const end of [one.predicate.expires, one.predicate.from, one.predicate.date])
        if (end !== undefined && Date.parse(end) >= at) ends.push(Date.parse(end))
    lines.push(`the status of ${target} was issued ${freshest.predicate.issued} (serial ${freshest.predicate.serial})`)
  }
  if (ends.length > 0) gate.found.until = new Date(Math.min(...ends))
  const proof =
    maxAgeSeconds === null
      ? '. This proves nothing: a registry can hide a newer one, and the policy sets no max-age'
      : ''
  return passed(`${lines.join('; ')}${proof}`)
}

/** Anybody may attach a status, so one by another signer is not the one that is required. */
function missing(target: string, { foreign }: JudgedStatus['read']): Outcome {
  const [other] = foreign
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

/** A newer image took its place, or its support has ended. */
function current(found: readonly JudgedStatus[], rules: StatusRules, gate: Gate): Outcome {
  const lines: string[] = []
  for (const { target, effective, read } of found) {
    const { decisive } = effective
    // Of each signer: what is allowed of one does not hide what another says.
    for (const one of effective.standing) {
      const state = stateOf(one, gate.at)
      if (state === 'superseded' && rules.refuseSuperseded)
        return failed('rolled-back', `${target} is ${told(one)}`, one.manifest)
      if (state === 'end-of-life' && rules.refuseEndOfLife)
        return failed('expired', `${target} is ${told(one)}`, one.manifest)
    }
    lines.push(`${target} is ${decisive === null ? 'of unknown status' : told(decisive)}`)
    for (const { date } of read.lifecycle)
      lines.push(`an unsigned lifecycle artifact states the end of life ${JSON.stringify(date)}, which only is a hint`)
  }
  return passed(lines.join('; '))
}

function told(statement: StatusStatement): string {
  const { serial, issued: time } = statement.predicate
  return `${statusInWords(statement)} (serial ${serial}, issued ${time})`
}
