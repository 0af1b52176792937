import { createHash } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { findAttachedStatements, type AttachedStatement } from '../../log/scitt/attach.ts'
import { judgeStatement, type StatementTrust } from '../../log/scitt/judge.ts'
import { readStatement, type SignedStatement } from '../../log/scitt/statement.ts'
import type { Gate } from '../candidate.ts'
import type { ScittRules } from '../policy/cose.ts'
import { neededKinds } from '../required.ts'
import type { Claim } from '../statements.ts'
import { failed, passed, skipped, type Outcome, type Step } from '../step.ts'
import { targetsOf } from './notation.ts'

/** Each statement that counts is also signed in COSE by an issuer of the policy, and registered with a transparency service (docs/cose.md). */
export const scittSteps: Step[] = [{ id: 'scitt.statements', clause: 'TRUST §6', needs: ['key'], run: registered }]

interface Read {
  statement: SignedStatement
  attached: AttachedStatement
}

async function registered(gate: Gate): Promise<Outcome> {
  const { policy, subject, mine } = gate
  const rules = policy.scitt
  if (rules === null) return skipped('the policy asks for no registration')
  const wanted = rules.kinds ?? neededKinds(gate)
  const claims = mine.filter(({ kind }) => kind !== null && wanted.includes(kind))
  const missing = rules.kinds?.find((kind) => !claims.some((claim) => claim.kind === kind))
  if (missing !== undefined) return failed('scitt-missing', `there is no ${missing} statement that could be registered`)
  const found: Read[] = []
  for (const target of await targetsOf(subject)) {
    const attached = await findAttachedStatements(subject.store, target, () => {})
    for (const one of attached) found.push(...readOf(one))
  }
  const services = new Set<string>()
  for (const claim of claims) {
    const own = found.filter(({ statement }) => isAbout(statement, claim.payload))
    if (own.length === 0)
      return failed('scitt-missing', `the ${claim.kind} statement has no signed statement of SCITT`, claim.manifest)
    const verdict = firstGood(own, claim, rules, gate)
    if (verdict.service === null)
      return failed('scitt-invalid', `the ${claim.kind} statement: ${verdict.why}`, claim.manifest)
    services.add(verdict.service)
  }
  if (claims.length === 0) return failed('scitt-missing', 'there is no statement that could be registered')
  return passed(`${claims.length} statement(s) are registered with ${[...services].sort().join(', ')}`)
}

/** What is not a statement stands for nothing: strangers may attach what they like. */
function readOf(attached: AttachedStatement): Read[] {
  try {
    return [{ statement: readStatement(attached.bytes, attached.manifest.digest), attached }]
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return []
  }
}

/** Whether a signed statement says that it is about these bytes: nothing is verified by this. */
function isAbout({ message, hashEnvelope }: SignedStatement, payload: Buffer): boolean {
  if (hashEnvelope === null) return message.payload?.equals(payload) === true
  return message.payload?.equals(createHash(hashEnvelope.hash.name).update(payload).digest()) === true
}

/** One that counts is enough: strangers may attach others, and services may have registered it twice. */
function firstGood(
  found: readonly Read[],
  { payload }: Claim,
  { issuers, services }: ScittRules,
  { policy, at }: Gate,
): { service: string | null; why: string } {
  let why = 'it is not by an issuer of the policy'
  for (const { statement, attached } of found) {
    for (const { issuer, keys } of issuers) {
      if (issuer !== statement.issuer) continue
      const verdict = judged(statement, attached, payload, {
        keys,
        issuer,
        about: null,
        services,
        bindCurve: true,
        acceptNoSubject: false,
        authorities: policy.time.authorities,
        at,
      })
      if (verdict.service !== null) return verdict
      why = verdict.why
    }
  }
  return { service: null, why }
}

/** A copy of a good statement whose unprotected header anybody filled with noise is refused like any other, and ends nothing. */
function judged(
  statement: SignedStatement,
  { receipts: beside }: AttachedStatement,
  payload: Buffer,
  trust: StatementTrust,
): { service: string | null; why: string } {
  try {
    const { checks, receipts } = judgeStatement(statement, trust, payload, beside)
    const wrong = checks.find(({ ok }) => !ok)
    const service = receipts.find(({ status }) => status === 'verified')?.service ?? null
    if (wrong === undefined && service !== null) return { service, why: 'holds' }
    return { service: null, why: wrong === undefined ? 'it carries no receipt' : `${wrong.name}: ${wrong.why}` }
  } catch (error) {
    if (error instanceof VerificationError) return { service: null, why: error.message }
    throw error
  }
}
