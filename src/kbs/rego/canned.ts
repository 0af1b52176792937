import { VerificationError } from '../../base/errors.ts'
import type { JsonObject, JsonValue } from '../../base/json.ts'
import { registerPath } from '../registers.ts'
import { parseKbsUri } from '../uri.ts'
import type { Module } from './ast.ts'
import { withClaim } from './canned-evidence.ts'
import { evaluateRule } from './evaluate.ts'
import { usualAppraisal, type Admission, type ResourceRule } from './resource-policy.ts'

/** A token's claims, a path, and whether the policy must give the resource out. */
export interface CannedCase {
  name: string
  input: JsonObject
  path: string[]
  allow: boolean
}

/**
 * Tokens that a policy is tried on before upload (TRUST §7): the right one, and ones that differ from it in status, path, measurement,
 * technology or job.
 *
 * @param acceptSample the KBS is our own and the plan admits `sample`
 */
export function cannedCases(rules: readonly ResourceRule[], acceptSample: boolean): CannedCase[] {
  return rules.flatMap((one) => one.admit.flatMap((admission) => casesOf(one, admission, acceptSample)))
}

/** @throws VerificationError `policy-unsafe` naming the first token that the policy judges wrongly */
export function tryPolicy(module: Module, cases: readonly CannedCase[]): void {
  for (const { name, input, path, allow } of cases) {
    const data = { plugin: 'resource', 'resource-path': path, query: {} }
    if ((evaluateRule(module, 'allow', { input, data }) === true) === allow) continue
    throw new VerificationError(
      'policy-unsafe',
      `the resource policy ${allow ? 'denies' : 'lets in'} this token: ${name}`,
      {
        subject: `kbs:///${path.join('/')}`,
        remedy: allow ? 'Another rule of the policy may contradict: look at the plan.' : 'Narrow what the plan admits.',
      },
    )
  }
}

function casesOf(one: ResourceRule, admission: Admission, acceptSample: boolean): CannedCase[] {
  const path = [...parseKbsUri(one.uri)]
  const { technology } = admission
  const { appraisal = usualAppraisal } = one
  const token: Token = (status, annotated) => tokenBy(appraisal[0] ?? '', status, annotated)
  const good = evidence(one, admission)
  const label = (what: string): string => `${one.uri}, ${technology}: ${what}`
  const refused = (what: string, input: JsonObject, where = path): CannedCase => ({
    name: label(what),
    input,
    path: where,
    allow: false,
  })
  const cases: CannedCase[] = [
    { name: label('as admitted'), input: token('affirming', good), path, allow: true },
    refused('another appraisal policy', tokenBy(`${appraisal.join('-')}-other`, 'affirming', good)),
    refused('no appraisal policy', tokenBy(null, 'affirming', good)),
    refused('status contraindicated', token('contraindicated', good)),
    refused('status warning', token('warning', good)),
    refused('no status', token(null, good)),
    refused('no submodule', { submods: {} }),
    refused('another path', token('affirming', good), [...path.slice(0, 2), `${path[2] ?? ''}-other`]),
    refused('another measurement', token('affirming', { ...good, ...measured(technology, 'ffff') })),
    refused('a second device not affirmed', withDevice(token('affirming', good))),
  ]
  const sample = { ...good, ...measured('sample', 'abcde') }
  if (technology !== 'sample') delete sample[technology]
  const admitted = acceptSample && one.admit.some((other) => other.technology === 'sample')
  if (!admitted) cases.push(refused('sample evidence', token('affirming', sample)))
  for (const name of Object.keys(admission.registers ?? {})) {
    const other = withClaim(good, registerPath(technology, name), '00')
    cases.push(refused(`another ${name}`, token('affirming', other)))
    const none = withClaim(good, registerPath(technology, name), undefined)
    cases.push(refused(`no ${name}`, token('affirming', none)))
  }
  if (admission.initdata.length > 0)
    cases.push(refused('another initdata', token('affirming', { ...good, init_data: 'other' })))
  if (one.job !== null) cases.push(...jobCases(good, token, refused))
  return cases
}

type Token = (status: string | null, annotated: JsonObject) => JsonObject

function jobCases(
  good: JsonObject,
  token: Token,
  refused: (what: string, input: JsonObject) => CannedCase,
): CannedCase[] {
  const runtime = good['runtime_data_claims'] as JsonObject
  const job = runtime['job'] as JsonObject
  const claims = job['claims'] as JsonObject
  const other = (changed: JsonObject): JsonObject =>
    token('affirming', { ...good, runtime_data_claims: { ...runtime, job: { ...job, ...changed } } })
  return [
    ...Object.keys(claims).map((name) =>
      refused(`another job (${name})`, other({ claims: { ...claims, [name]: 'other' } })),
    ),
    refused('self-asserted job', other({ assurance: 'self-asserted' })),
    refused('no job', token('affirming', { ...good, runtime_data_claims: {} })),
  ]
}

function evidence(one: ResourceRule, { technology, measurements, initdata, registers = {} }: Admission): JsonObject {
  const result = Object.entries(registers).reduce(
    (claims, [name, values]) => withClaim(claims, registerPath(technology, name), values[0]),
    measured(technology, measurements[0] ?? ''),
  )
  if (initdata[0] !== undefined) result['init_data'] = initdata[0]
  if (one.job !== null) {
    const { repositoryId, workflowRef, workflowSha, events, refs } = one.job
    const claims = {
      repository_id: repositoryId,
      job_workflow_ref: workflowRef,
      job_workflow_sha: workflowSha[0] ?? '',
      event_name: events[0] ?? '',
      ref: refs[0] ?? '',
    }
    result['runtime_data_claims'] = { type: 'https://sealwright.dev/binding/v1', job: { assurance: 'token', claims } }
  }
  return result
}

function measured(technology: Admission['technology'], value: string): JsonObject {
  const claims: Record<Admission['technology'], JsonValue> = {
    snp: { measurement: value },
    tdx: { quote: { body: { mr_td: value } } },
    'az-snp-vtpm': { measurement: value },
    'az-tdx-vtpm': { quote: { body: { mr_td: value } } },
    tpm: { pcr11: value },
    sample: { launch_digest: value },
  }
  return { [technology]: claims[technology] }
}

function tokenBy(policy: string | null, status: string | null, annotated: JsonObject): JsonObject {
  const cpu: JsonObject = { 'ear.veraison.annotated-evidence': annotated }
  if (policy !== null) cpu['ear.appraisal-policy-id'] = policy
  if (status !== null) cpu['ear.status'] = status
  return { submods: { cpu0: cpu } }
}

function withDevice(input: JsonObject): JsonObject {
  return { submods: { ...(input['submods'] as JsonObject), gpu0: { 'ear.status': 'contraindicated' } } }
}
