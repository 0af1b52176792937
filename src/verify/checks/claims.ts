import { VerificationError } from '../../base/errors.ts'
import { claimKindOf, type ClaimKind } from '../../statement/claims/types.ts'
import { readPredicate } from '../../statement/schemas/predicate.ts'
import { subjectInWords } from '../../statement/statement.ts'
import type { Gate } from '../candidate.ts'
import type { PolicyClaim } from '../policy/claims.ts'
import { recordsByJobs, type JobRecords } from '../receiver-jobs.ts'
import { failed, passed, skipped, type Outcome, type Step } from '../step.ts'
import type { Claim } from '../statements.ts'
import { nameOf, newest } from './newest-claim.ts'
import { isAllowed, promotedByJob, promotionInWords } from './promotion.ts'

const noRecords: JobRecords = { counted: [], refused: null }

/** What other parties claim of the image, as far as the policy requires it: one check a kind. */
export const claimSteps: Step[] = (['openvex', 'vulns', 'test-result', 'promotion'] as const).map((kind) => ({
  id: kind === 'promotion' ? kind : `claims.${kind}`,
  clause: 'TRUST §4',
  needs: [],
  run: (gate) => claimsOf(gate, kind),
}))

async function claimsOf(gate: Gate, kind: ClaimKind): Promise<Outcome> {
  const rules = gate.policy.claims.filter((rule) => rule.kind === kind)
  if (rules.length === 0) return skipped(`the policy requires no ${nameOf(kind)}`)
  const outcomes: Outcome[] = []
  for (const rule of rules) outcomes.push(await judge(gate, rule))
  const bad = outcomes.find(({ status }) => status !== 'passed')
  const used = outcomes.flatMap((outcome) => outcome.used ?? [])
  const all = passed(outcomes.map(({ why }) => why).join('; '), outcomes[0]?.subject ?? null)
  return bad ?? (used.length === 0 ? all : { ...all, used })
}

async function judge(gate: Gate, rule: PolicyClaim): Promise<Outcome> {
  const { kind, jobs } = rule
  const there = gate.claims.filter((claim) => claim.subject !== null && claimKindOf(claim.predicateType) === kind)
  const mine = there.filter(({ signers }) => signers.some((pem) => rule.keys.includes(pem)))
  const fitting = mine.filter((claim) => isFor(rule, claim))
  const byAgents = jobs.length === 0 ? [] : recordsOfAgents(gate, there)
  const { counted, refused } =
    jobs.length === 0
      ? noRecords
      : await recordsByJobs(gate, jobs, byAgents.filter(isForOrBroken(rule)), rule.maxAgeSeconds)
  if (fitting.length + counted.length > 0) {
    const outcome = newest(gate, rule, [...new Set([...fitting, ...counted.map(({ claim }) => claim)])])
    const by = counted.find(({ claim }) => claim.manifest === outcome.subject)
    if (by === undefined || outcome.status !== 'passed') return outcome
    gate.found.inputs = [...(gate.found.inputs ?? []), ...by.inputs]
    return { ...outcome, why: promotedByJob(by), used: by.used }
  }
  if (refused !== null) return refused
  const [elsewhere] = [...mine, ...byAgents]
  if (elsewhere !== undefined)
    return failed(
      'missing-statement',
      `a promotion record is attached, but none is ${promotionInWords(rule.promotion)}`,
      elsewhere.manifest,
    )
  const broken = gate.broken.find(({ signers }) => signers.some((pem) => rule.keys.includes(pem)))
  if (broken !== undefined) return failed(broken.error.code, broken.error.message, broken.manifest)
  const astray = jobs.length === 0 ? undefined : recordsOfAgents(gate, gate.claims, true)[0]
  if (astray !== undefined)
    return failed(
      'subject-mismatch',
      `the promotion record speaks of ${subjectInWords(astray.statement)}, not of ${gate.subject.descriptor.digest}`,
      astray.manifest,
    )
  const other = there[0]?.manifest ?? gate.foreignClaims.get(kind)
  if (other !== undefined && rule.keys.length === 0)
    return failed(
      'missing-evidence',
      'a promotion record is attached, but no evidence is attached that names its key: no agent of a job signed it',
      other,
    )
  if (other !== undefined)
    return failed(
      'claim-signer',
      `a ${nameOf(kind)} is attached, but none of the keys${rule.identities.length === 0 ? '' : ' and identities'}${jobs.length === 0 ? '' : ' and agents of jobs'} that the policy names for it signed it`,
      other,
    )
  return failed('missing-statement', `no ${nameOf(kind)} about this image is attached`, gate.subject.descriptor.digest)
}

/** Promotion records that the key of some attached evidence signed, about the image or about something else. */
function recordsOfAgents({ jobKeys }: Gate, claims: readonly Claim[], astray = false): Claim[] {
  const pems = new Set(jobKeys.map(({ key }) => key.pem))
  return claims.filter(
    ({ kind, subject, signers }) =>
      kind === 'promotion' && (subject === null) === astray && signers.some((pem) => pems.has(pem)),
  )
}

/** Of one receiver's records a policy may ask for those of one environment: a later record for another one says nothing of it. */
function isFor({ promotion }: PolicyClaim, { statement, manifest }: Claim): boolean {
  return promotion === null || isAllowed(promotion, readPredicate('promotion', statement.predicate, manifest))
}

/** The same of a record by a job, any of which can be malformed: one that cannot be read is refused where it is judged, and takes nothing from others. */
function isForOrBroken(rule: PolicyClaim): (claim: Claim) => boolean {
  return (claim) => {
    try {
      return isFor(rule, claim)
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      return true
    }
  }
}
