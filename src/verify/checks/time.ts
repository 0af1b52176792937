import { failed, passed, skipped, unlessAccepted, type Step } from '../step.ts'
import { evidenceTime } from '../window.ts'

/** Two clocks may differ by this. */
const skewMs = 5 * 60_000

/** TRUST §5.7: K is good from the token's `iat` for `max-job`; statements need a trusted time, which nothing gives yet. */
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
        return failed('expired', `the evidence is of ${made.toISOString()}, which is yet to come`, evidence.manifest)
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
  {
    id: 'time.statement',
    clause: 'TRUST §5.7',
    needs: ['evidence'],
    run: (gate) =>
      unlessAccepted(
        gate,
        'accept-unproven-time',
        'time-unproven',
        'no trusted time says when the statements were signed',
      ),
  },
]
