import { isDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/types.ts'
import type { Gate } from '../candidate.ts'
import { encryptedSubject } from '../encrypted.ts'
import { plainForms } from '../journal-roles.ts'
import type { StatusRules } from '../policy/status.ts'
import { stateOf, told } from '../status/effective.ts'
import type { JudgedStatus } from '../status/judge.ts'
import { failed, passed, skipped, type Outcome, type Step } from '../step.ts'
import { fresh } from './status-fresh.ts'

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
