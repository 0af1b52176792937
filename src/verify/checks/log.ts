import { VerificationError } from '../../base/errors.ts'
import { verifyLoggedSignature, type LoggedProof, type PinnedLog } from '../../log/pinned-log.ts'
import { pointersOf } from '../candidates.ts'
import type { Gate } from '../candidate.ts'
import { entrySigned } from '../logged.ts'
import { neededKinds } from '../required.ts'
import type { Claim } from '../statements.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type Step } from '../step.ts'

/** The log that the policy pins has every signature that the verdict needs, and witnesses watched it (docs/log.md). */
export const logSteps: Step[] = [
  { id: 'log.statements', clause: 'TRUST §6', needs: ['key'], run: statementsLogged },
  { id: 'log.evidence', clause: 'TRUST §6', needs: ['evidence'], run: evidenceLogged },
  { id: 'log.history', clause: 'TRUST §6', needs: ['key'], run: continued },
  { id: 'log.witnesses', clause: 'TRUST §6', needs: ['key'], run: watched },
]

function statementsLogged(gate: Gate): Outcome {
  const { policy, mine, key, parties } = gate
  const { log } = policy
  if (log === null) return skipped('the policy pins no log')
  if (key === null) return skipped('no key counts')
  const needed = neededKinds(gate)
  const ids = countingIds(gate)
  const indexes: number[] = []
  const shown = new Set<string>()
  for (const claim of mine.filter(({ kind }) => kind !== null && needed.includes(kind))) {
    const found = proofsOf(claim, ids, log)
    if (found.proofs.length === 0) return lacking(found.fault, `the ${claim.kind} statement`, claim.manifest, log)
    for (const { by, proof } of found.proofs) {
      indexes.push(proof.index)
      shown.add(by)
    }
  }
  if (indexes.length === 0) return failed('unlogged', 'there is no statement whose log entry could be verified')
  // A party whose signatures are in no log is not one of those that the policy asks for.
  const least = key.source === 'release' ? Math.min(policy.threshold, parties.length) : 1
  if (shown.size < least)
    return failed('unlogged', `${log.origin} has signatures of ${shown.size} parties, the policy asks for ${least}`)
  const entries = [...new Set(indexes)].sort((a, b) => a - b)
  return passed(`${log.origin} has ${entries.length} signature(s), entries ${entries.join(', ')}`)
}

/**
 * The statement that names the evidence bundle is signed after the seal, so its entry shows everybody that this very evidence was used. Without it
 * a machine could vouch in secret.
 */
function evidenceLogged(gate: Gate): Outcome {
  const { policy, mine, evidence } = gate
  const { log } = policy
  if (log === null) return skipped('the policy pins no log')
  if (evidence === null) return skipped('no evidence')
  const pointing = mine.filter((claim) => pointersOf(claim).includes(evidence.manifest))
  if (pointing.length === 0)
    return failed('unlogged', 'no statement of the job names this evidence, so no log can show it', evidence.manifest)
  const found = pointing.map((claim) => proofsOf(claim, [evidence.key.pem], log))
  const [first] = found.flatMap(({ proofs }) => proofs)
  if (first !== undefined) return passed(`${log.origin} has the evidence statement, entry ${first.proof.index}`)
  const fault = found.flatMap((one) => one.fault ?? [])[0] ?? null
  return lacking(fault, 'the evidence statement', pointing[0]?.manifest ?? evidence.manifest, log)
}

/** The log continues what this gate saw of it before: neither another history nor an older one. */
async function continued(gate: Gate): Promise<Outcome> {
  const { policy, mine, history } = gate
  const { log } = policy
  if (log === null) return skipped('the policy pins no log')
  if (history === undefined) return skipped('not checked: no checkpoint of the log is remembered here')
  const needed = neededKinds(gate)
  const used = mine.filter(({ kind }) => kind === 'evidence' || (kind !== null && needed.includes(kind)))
  const notes = used.flatMap((claim) =>
    proofsOf(claim, countingIds(gate), log).proofs.map((one) => one.proof.checkpoint),
  )
  switch (await history.check(notes, log)) {
    case 'continues':
      return passed(`the checkpoints continue what was seen of ${log.origin} before`)
    case 'first':
      return skipped(`not checked: no checkpoint of ${log.origin} was seen here before; this one is remembered`)
    case 'unchecked':
      return skipped(`not checked: only the tiles of ${log.origin} show that its checkpoints continue each other`)
  }
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

/** Whose signatures count for this candidate: the key of its evidence, or each party that vouches for the image without evidence. */
export function countingIds({ key, parties }: Pick<Gate, 'key' | 'parties'>): string[] {
  if (key === null) return []
  return key.source === 'release' ? parties.map(({ id }) => id) : [key.pem]
}

function lacking(fault: VerificationError | null, what: string, manifest: string, { origin }: PinnedLog): Outcome {
  if (fault === null) return failed('unlogged', `${what} has no entry of the log ${origin}`, manifest)
  return failed(fault.code, `${what}: ${fault.message}`, manifest)
}

/**
 * What the log proves of a claim, for each of some signers. Copies of a bundle may have other entries: one that holds is enough, and a bad one beside
 * it is noise that anybody can add.
 */
export function proofsOf(
  { logged, payload, signers }: Claim,
  ids: readonly string[],
  log: PinnedLog,
): { proofs: { by: string; proof: LoggedProof }[]; fault: VerificationError | null } {
  let fault: VerificationError | null = null
  const proofs = new Map<string, LoggedProof>()
  for (const by of ids.filter((id) => signers.includes(id)))
    // The certificate of one party says nothing of another's signature over the same payload.
    for (const item of logged.filter((one) => one.signers.includes(by))) {
      if (proofs.has(by)) break
      try {
        const signed = entrySigned(item, payload, by)
        const proof = signed === null ? null : verifyLoggedSignature(item.entries, signed, log)
        if (proof !== null) proofs.set(by, proof)
      } catch (error) {
        if (!(error instanceof VerificationError)) throw error
        fault ??= error
      }
    }
  return { proofs: [...proofs].map(([by, proof]) => ({ by, proof })), fault }
}
