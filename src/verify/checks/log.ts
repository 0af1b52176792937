import { createPublicKey } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { verifyLoggedSignature, type LoggedProof, type PinnedLog } from '../../log/pinned-log.ts'
import type { Gate } from '../candidate.ts'
import { neededKinds } from '../required.ts'
import type { Claim } from '../statements.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type Step } from '../step.ts'

/** The log that the policy pins has every signature that the verdict needs, and witnesses watched it (docs/log.md). */
export const logSteps: Step[] = [
  { id: 'log.statements', clause: 'TRUST §6', needs: ['key'], run: statementsLogged },
  { id: 'log.witnesses', clause: 'TRUST §6', needs: ['key'], run: watched },
]

function statementsLogged({ policy, mine, key, ...gate }: Gate): Outcome {
  const { log } = policy
  if (log === null) return skipped('the policy pins no log')
  if (key === null) return skipped('no key counts')
  const signer = createPublicKey(key.pem).export({ format: 'der', type: 'spki' })
  const needed = neededKinds({ policy, subject: gate.subject })
  const indexes: number[] = []
  // The evidence statement closes the job: what it points to is in the log by its digest.
  for (const claim of mine.filter(({ kind }) => kind === 'evidence' || (kind !== null && needed.includes(kind)))) {
    const found = proofOf(claim, signer, log)
    if (found instanceof VerificationError) {
      return failed(found.code, `the ${claim.kind} statement: ${found.message}`, claim.manifest)
    }
    if (found === null)
      return failed('unlogged', `the ${claim.kind} statement has no entry of the log ${log.origin}`, claim.manifest)
    indexes.push(found.index)
  }
  if (indexes.length === 0) return failed('unlogged', 'there is no statement whose log entry could be verified')
  return passed(`${log.origin} has ${indexes.length} signature(s), entries ${indexes.sort((a, b) => a - b).join(', ')}`)
}

/** Without witnesses the operator alone says that everybody is shown the same log. */
function watched(gate: Gate): Outcome {
  const { log } = gate.policy
  if (log === null) return skipped('the policy pins no log')
  if (log.quorum > 0) {
    const names = log.witnesses.map(({ name }) => name).join(', ')
    return passed(`every log entry counts only with cosignatures of ${log.quorum} of ${names}`)
  }
  const why = `log operator trusted: the policy names no witnesses of ${log.origin}`
  return unlessAccepted(gate, 'accept-unwitnessed-log', 'unwitnessed', why)
}

/** Copies of a bundle may have other entries: one that holds is enough, and a bad one beside it is noise that anybody can add. */
function proofOf({ logged, payload }: Claim, signer: Buffer, log: PinnedLog): LoggedProof | VerificationError | null {
  let first: VerificationError | null = null
  for (const { entries, signature, payloadType } of logged) {
    try {
      const found = verifyLoggedSignature(entries, { signature, payloadType, payload, signer }, log)
      if (found !== null) return found
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      first ??= error
    }
  }
  return first
}
