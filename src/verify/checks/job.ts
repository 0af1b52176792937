import { isAmongRefs } from '../../base/ref-pattern.ts'
import { VerificationError } from '../../base/errors.ts'
import { isObject, parseJson, textOf, type JsonObject, type JsonValue } from '../../base/json.ts'
import { sha256 } from '../../base/streams.ts'
import { jcs } from '../../encoding/jcs.ts'
import { audienceFor } from '../../journal/binding.ts'
import type { Jwks } from '../../journal/token.ts'
import type { Digest } from '../../oci/types.ts'
import type { Gate } from '../candidate.ts'
import { isSoftwareTpm } from '../../tee/facts/machine.ts'
import { issuerKeys } from '../issuer.ts'
import type { ResolvedJob } from '../policy/load.ts'
import { requiredKinds } from '../required.ts'
import { inWindow } from '../window.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type Step } from '../step.ts'

/** TRUST §5.5: the token for K, its claims against the policy, one instance for all required statements. */
export const jobSteps: Step[] = [
  { id: 'job.token', clause: 'TRUST §5.5', needs: ['evidence'], run: token },
  { id: 'job.claims', clause: 'TRUST §5.5', needs: ['evidence'], run: claims },
  { id: 'job.statements', clause: 'TRUST §5.5', needs: ['key'], run: statements },
  { id: 'job.instance', clause: 'TRUST §5.5', needs: ['evidence'], run: instance },
]

async function token(gate: Gate): Promise<Outcome> {
  const { evidence, found } = gate
  if (evidence === null) return skipped('no evidence')
  const { job } = evidence.open.binding
  if (job.assurance === 'self-asserted') {
    if (evidence.token !== null || job.token !== null)
      return failed('token-invalid', 'a self-asserted job carries a token', evidence.manifest)
    return unlessAccepted(
      gate,
      'accept-self-asserted-job',
      'job-self-asserted',
      'no token says which job this was',
      evidence.manifest,
    )
  }
  if (evidence.token === null)
    return failed(
      'missing-evidence',
      'the job says that it has a token, but none is in the evidence',
      evidence.manifest,
    )
  if (sha256(evidence.token) !== job.token)
    return failed('token-invalid', 'the token in the evidence is not the one that the binding names', evidence.manifest)
  const outcome = await judgeToken(gate, evidence.token)
  if (outcome.status !== 'passed') return outcome
  if (found.claims === null || !jcs(job.claims).equals(jcs(found.claims))) {
    found.claims = null
    return failed('binding-mismatch', 'the claims in the binding are not those of the token', evidence.manifest)
  }
  return outcome
}

/**
 * Entry by entry: keys and claims of one entry must fit together, so that no entry's keys vouch for another entry's repository, and new keys of
 * an issuer can stand beside the old ones.
 */
async function judgeToken(gate: Gate, jwt: string): Promise<Outcome> {
  const { policy, ports, found, evidence } = gate
  if (evidence === null) return skipped('no evidence')
  const claimed = unverifiedClaims(jwt)
  const issuer = claimed['iss']
  const entries = policy.jobs.filter((item) => item.issuer === issuer)
  if (entries.length === 0)
    return failed('token-invalid', `the policy names no issuer ${textOf(issuer)}`, evidence.manifest)
  const { verifyToken } = await import('../../journal/token.ts')
  const fits = (entry: ResolvedJob): boolean => claimProblem(entry, claimed, gate) === null
  // Those that could admit the job come first: no key is fetched for another one where that is not needed.
  const ordered = [...entries.filter(fits), ...entries.filter((entry) => !fits(entry))]
  let refusal: VerificationError | null = null
  const verifying: ResolvedJob[] = []
  for (const entry of ordered) {
    try {
      const keys = await issuerKeys(entry, ports)
      const verified = await verifyToken(jwt, keys, {
        issuer: entry.issuer,
        audience: audienceFor(evidence.key.thumbprint),
        // The job's own clock can only have said a time at which its token was good: later ages are judged from `iat` (§5.7).
        at: new Date(evidence.open.binding.time),
      })
      found.claims = verified
      verifying.push(entry)
      if (entry.jwks === null) found.inputs = [...(found.inputs ?? []), { kind: 'jwks', digest: jwksDigest(keys) }]
      if (fits(entry)) break
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      refusal ??= error
    }
  }
  found.jobs = verifying
  const [first] = ordered
  if (refusal !== null && (verifying.length === 0 || (first !== undefined && fits(first) && !verifying.some(fits)))) {
    found.claims = null
    if (verifying.length === 0) throw refusal
    return failed(
      'token-invalid',
      `the keys of the entry that names this job did not sign the token: ${refusal.message}`,
      evidence.manifest,
    )
  }
  return passed(`${textOf(issuer)} issued the token for this very key`, evidence.manifest)
}

function jwksDigest({ keys }: Jwks): Digest {
  return sha256(JSON.stringify(keys))
}

/** What the token says before anybody looked at its signature: only picks the entries that it is then verified with. */
function unverifiedClaims(jwt: string): JsonObject {
  const [, body = ''] = jwt.split('.')
  const value = parseJson(Buffer.from(body, 'base64url').toString('utf8'), 'the token')
  if (!isObject(value)) throw new VerificationError('token-invalid', 'the token holds no claims', { subject: 'token' })
  return value
}

function claims(gate: Gate): Outcome {
  const { found, evidence } = gate
  if (found.claims === null) return skipped('there is no verified token whose claims could be compared')
  const problems = (found.jobs ?? []).map((job) => claimProblem(job, found.claims ?? {}, gate))
  const hosted = hostedProblem(gate, found.claims)
  if (hosted !== null) return failed('job-refused', hosted, evidence?.manifest ?? null)
  if (problems.includes(null)) {
    const { repository, ref, event_name: event } = found.claims
    return passed(`the policy admits this job: ${textOf(repository)}, ${textOf(ref)}, ${textOf(event)}`)
  }
  return failed('job-refused', problems[0] ?? 'the policy names no such job', evidence?.manifest ?? null)
}

/** A hosted runner is a machine that nobody measured: evidence of other hardware was not made where the job ran (TRUST §2). */
function hostedProblem({ found: { tee } }: Gate, claims: Record<string, JsonValue>): string | null {
  const environment = claims['runner_environment']
  const hardware = (tee ?? []).some((verdict) => verdict.technology !== 'sample' && !isSoftwareTpm(verdict))
  if (environment === undefined || environment === 'self-hosted' || !hardware) return null
  return `runner_environment is ${textOf(environment)}: hardware levels need self-hosted`
}

function claimProblem(job: ResolvedJob, found: Record<string, JsonValue>, gate: Gate): string | null {
  const text = (name: string): string => textOf(found[name] ?? '')
  if (text('repository_id') !== job['repository-id'])
    return `repository_id is ${text('repository_id')}, not ${job['repository-id']}`
  if (job.repository !== undefined && text('repository') !== job.repository)
    return `repository is ${text('repository')}, not ${job.repository}`
  if (!job.events.includes(text('event_name')))
    return `the event ${text('event_name')} is not among ${job.events.join(', ')}`
  if (!isAmongRefs(text('ref'), job.refs)) return `the ref ${text('ref')} is not among ${job.refs.join(', ')}`
  // The file that defines the job: of the reusable workflow where the token names one.
  const reusable = text('job_workflow_ref') !== ''
  const from = /^([^/]+\/[^/]+)\/(.+)@(.+)$/.exec(reusable ? text('job_workflow_ref') : text('workflow_ref'))
  const home = job['workflow-repository'] ?? text('repository')
  // GitHub knows no two names that differ in case alone.
  if (from?.[1] === undefined || from[1].toLowerCase() !== home.toLowerCase())
    return `the workflow is of the repository ${from?.[1] ?? '(none named)'}, not of ${home}`
  if (from[2] !== job.workflow) return `the workflow is ${from[2] ?? 'not named'}, not ${job.workflow}`
  const refs = job['workflow-refs'] ?? job.refs
  if (!isAmongRefs(from[3] ?? '', refs))
    return `the workflow comes from ${from[3] ?? ''}, which is not among ${refs.join(', ')}`
  const sha = text(reusable ? 'job_workflow_sha' : 'workflow_sha')
  const shas = job['workflow-shas']
  if (shas !== undefined && !shas.includes(sha))
    return `the workflow is of commit ${sha === '' ? '(none named)' : sha}, which is not among ${shas.join(', ')}`
  if (job.environments !== undefined && !job.environments.includes(text('environment'))) {
    return `the environment ${text('environment')} is not among ${job.environments.join(', ')}`
  }
  return inWindow(job.window, { ...gate, found: { ...gate.found, claims: found } })
    ? null
    : 'the job ran outside of the time that the policy gives for it'
}

function statements(gate: Gate): Outcome {
  const { mine, claims: all } = gate
  // A key that counts by itself may have signed the image in cosign's older way, which knows no statement.
  const signed = gate.key?.source === 'release' && gate.parties.some(({ legacy }) => legacy)
  const missing = requiredKinds(gate).filter(
    (kinds) =>
      !mine.some((claim) => claim.kind !== null && kinds.includes(claim.kind)) && !(signed && kinds.includes('sign')),
  )
  const [first] = missing
  if (first === undefined)
    return passed(`all required statements are there: ${mine.map(({ kind }) => kind ?? 'other').join(', ')}`)
  const name = missing.map((kinds) => kinds.join(' or ')).join(', ')
  const elsewhere =
    gate.evidenceKeys.length > 1 &&
    all.some((claim) => !mine.includes(claim) && claim.kind !== null && first.includes(claim.kind))
  if (elsewhere) return failed('instance-mixed', `the ${name} statement was made by another instance than the rest`)
  return failed('missing-statement', `a required statement is missing: ${name}${gate.notes.unread()}`)
}

function instance({ evidence, mine }: Gate): Outcome {
  if (evidence === null) return skipped('no evidence')
  const want = evidence.open.binding.job.instance
  for (const claim of mine) {
    const found = instanceOf(claim.statement.predicate, claim.kind)
    if (found !== null && found !== want) {
      return failed(
        'instance-mismatch',
        `the ${claim.kind ?? ''} statement is of instance ${found}, the evidence of ${want}`,
        claim.manifest,
      )
    }
  }
  return passed(`what the statements say of their instance is ${want}`)
}

function instanceOf(predicate: Record<string, JsonValue>, kind: string | null): string | null {
  const at = (value: JsonValue | undefined, ...path: (string | number)[]): JsonValue | undefined =>
    path.reduce<JsonValue | undefined>(
      (node, key) => (Array.isArray(node) ? node[Number(key)] : isObject(node) ? node[key] : undefined),
      value,
    )
  const found =
    kind === 'provenance'
      ? at(predicate, 'buildDefinition', 'internalParameters', 'job', 'instance')
      : kind === 'evidence'
        ? at(predicate, 'attributes', 0, 'conditions', 'instance')
        : null
  return typeof found === 'string' ? found : null
}
