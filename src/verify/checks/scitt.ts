import { createHash } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { eachReceipt, eachStatement, type AttachedStatement } from '../../log/scitt/attach.ts'
import { judgeStatement, type StatementTrust } from '../../log/scitt/judge.ts'
import { readStatement, type SignedStatement } from '../../log/scitt/statement.ts'
import type { Descriptor } from '../../oci/types.ts'
import type { Gate } from '../candidate.ts'
import type { ScittRules } from '../policy/cose.ts'
import { neededKinds } from '../required.ts'
import type { Claim } from '../statements.ts'
import { failed, passed, skipped, type Outcome, type Step } from '../step.ts'
import { targetsOf } from './notation.ts'

/** Each statement that counts is also signed in COSE by an issuer of the policy, and registered with a transparency service (docs/cose.md). */
export const scittSteps: Step[] = [{ id: 'scitt.statements', clause: 'TRUST §6', needs: ['key'], run: registered }]

async function registered(gate: Gate): Promise<Outcome> {
  const { policy, subject, mine } = gate
  const rules = policy.scitt
  if (rules === null) return skipped('the policy asks for no registration')
  const wanted = rules.kinds ?? neededKinds(gate)
  const claims = mine.filter(({ kind }) => kind !== null && wanted.includes(kind))
  const missing = rules.kinds?.find((kind) => !claims.some((claim) => claim.kind === kind))
  if (missing !== undefined) return failed('scitt-missing', `there is no ${missing} statement that could be registered`)
  const states = new Map<Claim, ClaimState>()
  for (const target of await targetsOf(subject)) {
    for await (const attached of eachStatement(subject.store, target, () => {})) {
      const statement = readOf(attached)
      if (statement === null) continue
      for (const claim of claims) {
        const known = states.get(claim)
        if ((known !== undefined && known.service !== null) || !isAbout(statement, claim.payload)) continue
        const state = await judgedFor(claim, statement, attached.manifest, rules, gate)
        states.set(claim, state ?? known ?? { service: null, why: 'it is not by an issuer of the policy' })
      }
    }
  }
  const services = new Set<string>()
  for (const claim of claims) {
    const state = states.get(claim)
    if (state === undefined)
      return failed('scitt-missing', `the ${claim.kind} statement has no signed statement of SCITT`, claim.manifest)
    if (state.service === null)
      return failed('scitt-invalid', `the ${claim.kind} statement: ${state.why}`, claim.manifest)
    services.add(state.service)
  }
  if (claims.length === 0) return failed('scitt-missing', 'there is no statement that could be registered')
  return passed(`${claims.length} statement(s) are registered with ${[...services].sort().join(', ')}`)
}

/** Where a claim is registered; null where nothing that was read so far proves it, and why. */
interface ClaimState {
  service: string | null
  why: string
}

/** What is not a statement stands for nothing: strangers may attach what they like. */
function readOf({ bytes, manifest }: Pick<AttachedStatement, 'bytes' | 'manifest'>): SignedStatement | null {
  try {
    return readStatement(bytes, manifest.digest)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return null
  }
}

/** Whether a signed statement says that it is about these bytes: nothing is verified by this. */
function isAbout({ message, hashEnvelope }: SignedStatement, payload: Buffer): boolean {
  if (hashEnvelope === null) return message.payload?.equals(payload) === true
  return message.payload?.equals(createHash(hashEnvelope.hash.name).update(payload).digest()) === true
}

/** Receipts that are judged at a time: of any number of them no more are kept. */
const batch = 16

/**
 * One statement that counts is enough, and one receipt of it: strangers may attach others, and services may have registered it twice. However many
 * strangers' there are, all are read until one counts (TRUST §5.2).
 *
 * @returns null for a statement by nobody whom the policy names
 */
async function judgedFor(
  { payload }: Claim,
  statement: SignedStatement,
  manifest: Descriptor,
  { issuers, services }: ScittRules,
  { policy, at, subject }: Gate,
): Promise<ClaimState | null> {
  const mine = issuers.filter(({ issuer }) => issuer === statement.issuer)
  if (mine.length === 0) return null
  let last: ClaimState | null = null
  const judge = (receipts: readonly Buffer[]): ClaimState | null => {
    for (const { issuer, keys } of mine) {
      last = judged(statement, receipts, payload, {
        keys,
        issuer,
        about: null,
        services,
        bindCurve: true,
        acceptNoSubject: false,
        authorities: policy.time.authorities,
        at,
      })
      if (last.service !== null) return last
    }
    return null
  }
  let receipts: Buffer[] = []
  for await (const receipt of eachReceipt(subject.store, manifest, () => {})) {
    receipts.push(receipt)
    if (receipts.length < batch) continue
    const good = judge(receipts)
    if (good !== null) return good
    receipts = []
  }
  return (receipts.length > 0 || last === null ? judge(receipts) : null) ?? last
}

/** A copy of a good statement whose unprotected header anybody filled with noise is refused like any other, and ends nothing. */
function judged(
  statement: SignedStatement,
  beside: readonly Buffer[],
  payload: Buffer,
  trust: StatementTrust,
): ClaimState {
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
