import { windowText } from '../../base/window.ts'
import type { Gate } from '../candidate.ts'
import { neededKinds } from '../required.ts'
import { isSelfTimed, isSurelyWithin, jobWindow, skewMs } from '../seal-time.ts'
import { pinsTime, type SignatureTime } from '../signature-times.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type Step } from '../step.ts'
import { evidenceTime } from '../window.ts'

/** TRUST §5.7: K is good from the token's `iat` for `max-job`; statements and seal need a trusted time inside, by a pinned authority, log or witness. */
export const timeSteps: Step[] = [
  {
    id: 'time.job',
    clause: 'TRUST §5.7',
    needs: ['evidence'],
    run: ({ evidence, found, policy }) => {
      if (evidence === null) return skipped('no evidence')
      const start = evidenceTime(evidence, found.claims)
      for (const { binding } of evidence.seals) {
        const after = (new Date(binding.time).getTime() - start.getTime()) / 1000
        if (after > policy.maxJobSeconds)
          return failed(
            'expired',
            `the seal is of ${Math.round(after)} s after the job began; its key is good for ${policy.maxJobSeconds} s`,
            evidence.manifest,
          )
        if (after < -skewMs / 1000) return failed('expired', 'the seal is older than the job', evidence.manifest)
      }
      return passed(`the seal lies within ${policy.maxJobSeconds} s of ${start.toISOString()}`, evidence.manifest)
    },
  },
  {
    id: 'time.age',
    clause: 'TRUST §5.12',
    needs: ['evidence'],
    run: ({ evidence, found, policy, at }) => {
      if (evidence === null) return skipped('no evidence')
      const made = evidenceTime(evidence, found.claims)
      const age = at.getTime() - made.getTime()
      if (age < -skewMs)
        return failed('expired', `the evidence is dated in the future (${made.toISOString()})`, evidence.manifest)
      if (age > policy.maxAgeSeconds * 1000) {
        return failed(
          'expired',
          `the evidence is of ${made.toISOString()}, older than the ${policy.maxAgeSeconds} s that the policy allows`,
          evidence.manifest,
        )
      }
      return passed(`the evidence is of ${made.toISOString()}`, evidence.manifest)
    },
  },
  { id: 'time.statement', clause: 'TRUST §5.7', needs: ['evidence'], run: statementsTimed },
  { id: 'time.seal', clause: 'TRUST §5.7', needs: ['evidence'], run: sealTimed },
  { id: 'time.release', clause: 'TRUST §5.7', needs: [], run: releaseTimed },
]

/** Every statement of K that the policy needs was signed in the job's window. One stamp says it of one signature, so each needs its own. */
function statementsTimed(gate: Gate): Outcome {
  const { evidence, mine, policy } = gate
  if (evidence === null) return skipped('no evidence')
  if (!pinsTime(policy.time)) return unproven(gate, 'no trusted time says when the statements were signed')
  const needed = neededKinds(gate)
  const judged = mine
    .filter(({ kind }) => kind !== null && needed.includes(kind))
    .map(({ kind, manifest, times }) => ({
      fault: fault(times.find(({ by }) => by === evidence.key.pem) ?? null, `the ${kind} statement`, manifest, gate),
      time: times.find(({ by }) => by === evidence.key.pem),
    }))
  const [first] = judged.flatMap((one) => one.fault ?? [])
  if (first !== undefined) return first
  const times = judged.flatMap(({ time }) => time ?? []).sort((a, b) => Number(a.time) - Number(b.time))
  const [begin, end] = [times[0], times.at(-1)]
  if (begin === undefined || end === undefined)
    return unproven(gate, 'there is no statement whose time could be proven')
  noteInputs(gate, times)
  return passed(`${times.length} statement(s) were signed from ${timeText(begin)} to ${timeText(end)}`)
}

/** Where a pinned key alone counts there is no job whose window could be compared: what it signed still needs a pinned source of time. */
function releaseTimed(gate: Gate): Outcome {
  const { evidence, key, mine, parties, policy } = gate
  if (evidence !== null) return skipped('the window of the job is judged')
  if (!pinsTime(policy.time)) return skipped('the policy pins no source of trusted time')
  if (key === null) return skipped('no pinned key counts')
  if (!parties.some(({ kind, id }) => kind === 'key' && id === key.pem))
    return skipped('the time of a certificate’s signature is judged with the certificate')
  const times = mine.map(({ times: found }) => found.find(({ by }) => by === key.pem) ?? null)
  if (times.length === 0)
    return unproven(gate, 'the key signed in cosign’s legacy form alone, which carries no time stamp here')
  const stamped = times.filter((time) => time !== null)
  if (stamped.length < times.length)
    return unproven(
      gate,
      `${times.length - stamped.length} statement(s) of the pinned key have no time stamp by a pinned authority, log or witness`,
    )
  noteInputs(gate, stamped)
  return passed(`${stamped.length} statement(s) of the pinned key are stamped by a pinned authority, log or witness`)
}

/** The evidence statement is signed after the seal and names it: its stamp says when the job was closed. */
function sealTimed(gate: Gate): Outcome {
  const { evidence, policy, found } = gate
  if (evidence === null) return skipped('no evidence')
  if (!pinsTime(policy.time)) return skipped('the policy pins no source of trusted time')
  const time = found.sealTime ?? null
  const refusal = fault(time, 'the evidence statement', evidence.manifest, gate)
  if (refusal !== null || time === null) return refusal ?? unproven(gate, 'no trusted time says when the seal was made')
  noteInputs(gate, [time])
  return passed(`the seal was made before ${timeText(time)}`, evidence.manifest)
}

/** Why a time does not prove when something was signed; null where it does. */
function fault(time: SignatureTime | null, what: string, subject: string, gate: Gate): Outcome | null {
  const { evidence, policy, found } = gate
  if (evidence === null) return null
  if (time === null) return unproven(gate, `${what} has no time stamp by a pinned authority, log or witness`, subject)
  if (isSelfTimed(time, evidence))
    return failed('self-timed', `${what} was stamped with a key that the job itself had in hand`, subject)
  const window = jobWindow(evidenceTime(evidence, found.claims), policy.maxJobSeconds)
  if (isSurelyWithin(window, time)) return null
  // Anybody can have a signature stamped again later: such a stamp refuses nothing that the policy accepts without one.
  return unlessAccepted(
    gate,
    'accept-unproven-time',
    'expired',
    `${what} was stamped at ${timeText(time)}, outside of ${windowText(window)}, when the key of the job was good`,
    subject,
  )
}

function unproven(gate: Gate, why: string, subject: string | null = null): Outcome {
  return unlessAccepted(gate, 'accept-unproven-time', 'time-unproven', why, subject)
}

function timeText({ time, accuracyMs, authority }: SignatureTime): string {
  return `${time.toISOString()} (±${accuracyMs / 1000} s, by ${authority})`
}

/** A verdict rests on these stamps, and so does the verification summary (TRUST §4). */
function noteInputs({ found }: Gate, times: readonly SignatureTime[]): void {
  const added = times.map(({ digest }) => ({ kind: 'time-stamp', digest }))
  found.inputs = [...(found.inputs ?? []), ...added]
}
