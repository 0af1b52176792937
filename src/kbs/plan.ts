import { isDeepStrictEqual } from 'node:util'
import { InputError, VerificationError } from '../base/errors.ts'
import { sha256 } from '../base/streams.ts'
import type { Digest } from '../oci/types.ts'
import type { Technology } from '../base/technology.ts'
import type { JsonValue } from '../base/json.ts'
import { readYaml } from '../encoding/yaml.ts'
import { generatedAttestation } from './attestation.ts'
import { isNamedBy } from './placeholders.ts'
import { planSchema, type Plan } from './plan-schema.ts'
import { firmwareNote } from './registers.ts'
import type { Rule } from './rego/ast.ts'
import { cannedCases, tryPolicy } from './rego/canned.ts'
import { parseRego } from './rego/parse.ts'
import { otherRules, resourcePolicy, ruleUri, type ResourceRule } from './rego/resource-policy.ts'
import { embeddedAttestationPolicy, sampleReferenceValues, softwareTpmReferenceValues } from './rego/sample-policy.ts'
import { writeRego } from './rego/write.ts'

/** Reads a plan file, YAML or JSON. @throws InputError `file-invalid` with path, and line and words for each problem */
export async function parsePlan(text: string, subject: string): Promise<Plan> {
  const { value, problems } = await readYaml(text, planSchema, 'the plan')
  if (problems === null) return value
  const told = problems.map((problem) => `  ${problem}`).join('\n')
  throw new InputError('file-invalid', `the plan ${subject} is not valid:\n${told}`, {
    subject,
    remedy: 'Correct these lines; docs/kbs-publish.md explains every member.',
  })
}

/** The plan without the entries whose `until` has passed: they are withdrawn like entries that were taken out. */
export function currentPlan(plan: Plan, now: Date): { plan: Plan; ended: string[] } {
  const today = now.toISOString().slice(0, 10)
  const over = ({ until }: Plan['resources'][number]): boolean => until !== undefined && until < today
  return {
    plan: { ...plan, resources: plan.resources.filter((one) => !over(one)) },
    ended: urisOf(plan, over),
  }
}

/** The plan that is made when none is given: every KEK of the job, for guests measured as this machine is. */
export function defaultPlan(
  uris: readonly string[],
  technology: Technology,
  measurement: string,
  embedded: boolean,
): Plan {
  return planSchema.parse({
    version: 1,
    resources: uris.map((uri) => ({ uri, source: 'agent', admit: [{ technology, measurements: [measurement] }] })),
    'accept-sample': embedded && technology === 'sample',
    'accept-software-tpm': embedded && technology === 'tpm',
  })
}

/** What is going to stand on the KBS: policies as texts, digests of them; no secret. */
export interface Desired {
  uris: string[]
  /** Of these the ones whose bytes stand on the KBS already: they get a rule, and are not written. */
  kept: string[]
  /** Of these the ones that get a new key of this job. */
  fresh: string[]
  /** Of these the ones under which the key of another job may be lost. */
  overwritten: string[]
  /** Null where the policy is somebody else's. */
  resourcePolicy: string | null
  policyDigest: Digest | null
  /** `default_cpu`; null where a KBS keeps its own. */
  attestationPolicy: string | null
  referenceValues: Record<string, JsonValue>
  /** What a reader must know of rules that this plan does not name, in words. */
  notes: string[]
  /** Relaxations, in words. */
  exceptions: string[]
}

export interface Surroundings {
  embedded: boolean
  /** Resource policy that stands on our embedded KBS: its rules for other resources are kept. */
  current: string | null
  /** URIs whose rules this plan withdraws. */
  withdrawn?: readonly string[]
}

/**
 * Policies for a plan, tried on canned tokens before anybody sees them (TRUST §7).
 *
 * @throws VerificationError `policy-unsafe` for `sample` on a KBS that is not ours, or not named, or a policy that judges a canned token wrongly
 */
export function desiredState(plan: Plan, { embedded, current, withdrawn = [] }: Surroundings): Desired {
  const rules = rulesOf(plan)
  const samples = rules.filter((one) => one.admit.some(({ technology }) => technology === 'sample'))
  refuseSample(samples, plan, embedded)
  const tpms = embedded ? rules.filter((one) => one.admit.some(({ technology }) => technology === 'tpm')) : []
  refuseSoftwareTpm(tpms, plan)
  const kept = current === null ? [] : otherRules(parseRego(current), [...rules.map((one) => one.uri), ...withdrawn])
  const text = plan['resource-policy'] === 'leave' ? null : policyText(rules, kept, embedded && plan['accept-sample'])
  const generated = generatedFor(plan, embedded)
  return {
    uris: rules.map((one) => one.uri),
    kept: urisOf(plan, ({ source }) => source === 'kept'),
    fresh: urisOf(plan, ({ source }) => source === 'agent'),
    overwritten: urisOf(plan, ({ overwrite }) => overwrite),
    resourcePolicy: text,
    policyDigest: text === null ? null : sha256(text),
    attestationPolicy: embedded ? writeRego(embeddedAttestationPolicy()) : (generated?.text ?? null),
    referenceValues: {
      ...(samples.length > 0 ? sampleReferenceValues : {}),
      ...(tpms.length > 0 ? softwareTpmReferenceValues(measurementsOf(tpms, 'tpm')) : {}),
      ...plan['reference-values'],
    },
    notes: [
      ...(text === null ? [leftNote] : keptNotes(kept)),
      ...(text === null ? [] : rules.flatMap(({ uri, admit }) => admit.map((one) => firmwareNote(uri, one)))).filter(
        (note) => note !== null,
      ),
      ...(generated === null ? [] : [generated.note]),
    ],
    exceptions: [
      ...samples.map((one) => `${one.uri} is given to sample evidence, which proves nothing`),
      ...tpms.map((one) => `${one.uri} is given to a software TPM, which whoever runs the host can forge`),
    ],
  }
}

/** @throws InputError `file-invalid` where the KBS is embedded: what it affirms is fixed */
function generatedFor(plan: Plan, embedded: boolean): ReturnType<typeof generatedAttestation> | null {
  if (plan['attestation-policy'] === 'leave') return null
  if (!embedded) return generatedAttestation(plan)
  throw new InputError('file-invalid', '`attestation-policy: generate` has no effect on an embedded KBS', {
    subject: 'attestation-policy',
    remedy: 'Take it out of the plan: an embedded KBS has an attestation policy of its own.',
  })
}

/**
 * The policy while bytes are written: the plan's own, without the rules of these resources. Otherwise new bytes would stand under an
 * earlier, wider rule for a while. On an embedded KBS a rule that does not change stays.
 *
 * @param writing URIs whose bytes are about to be written
 * @param judgedAnew reference values or the attestation policy change too: until they stand, nothing is open but a rule of an embedded KBS that
 *   does not change, over bytes that do not change
 */
export function closedPolicy(
  plan: Plan,
  surroundings: Surroundings,
  writing: readonly string[],
  judgedAnew: boolean,
): string | null {
  const { current, withdrawn = [] } = surroundings
  if (plan['resource-policy'] === 'leave') return null
  const rules = rulesOf(plan)
  const before = current === null ? [] : parseRego(current).rules
  const texts = (of: readonly Rule[], uri: string): string[] =>
    of
      .filter((one) => ruleUri(one) === uri)
      .map((one) => JSON.stringify(one))
      .sort()
  const next = resourcePolicy(rules).rules
  const open = rules.filter(({ uri }) => {
    const same = isDeepStrictEqual(texts(before, uri), texts(next, uri))
    return judgedAnew ? same && !writing.includes(uri) : same || !writing.includes(uri)
  })
  const named = rules.map((one) => one.uri)
  return writeRego(
    resourcePolicy(open, current === null ? [] : otherRules({ rules: before }, [...named, ...withdrawn])),
  )
}

function urisOf(plan: Plan, fits: (one: Plan['resources'][number]) => boolean): string[] {
  return plan.resources.filter(fits).map(({ uri }) => uri)
}

/** The generated policy, after it has judged every canned token rightly. */
function policyText(rules: readonly ResourceRule[], kept: ReturnType<typeof otherRules>, samples: boolean): string {
  const module = resourcePolicy(rules, kept)
  tryPolicy(module, cannedCases(rules, samples))
  return writeRego(module)
}

const leftNote =
  'The resource policy was left to its owner: who gets these resources was neither set nor looked at. `sealwright kbs doctor` probes it.'

/** A plan for an embedded KBS speaks of its own resources alone: who takes one out of it must not believe that it is closed. */
function keptNotes(kept: ReturnType<typeof otherRules>): string[] {
  const uris = [...new Set(kept.map((rule) => ruleUri(rule)))].filter((uri) => uri !== null).sort()
  if (uris.length === 0) return []
  const many = uris.length === 1 ? 'The rule of 1 resource stays' : `The rules of ${uris.length} resources stay`
  return [
    `${many} on the embedded KBS from earlier plans, and admitted guests still get the secret: ${uris.join(', ')}. The plan that wrote a rule withdraws it when it runs without the entry; a rule that was published without a plan ends in an empty folder only.`,
  ]
}

/** The rule of a plan for one resource; undefined where it names none. */
export function ruleFor(plan: Plan, uri: string): ResourceRule | undefined {
  const { resources } = plan
  const found = resources.find((one) => one.uri === uri) ?? resources.find((one) => isNamedBy(one.uri, uri))
  return found === undefined ? undefined : toRule(found, plan)
}

function rulesOf(plan: Plan): ResourceRule[] {
  return plan.resources.map((one) => toRule(one, plan))
}

function toRule(one: Plan['resources'][number], { 'appraisal-policies': appraisal }: Plan): ResourceRule {
  const { uri, admit, job } = one
  return {
    uri,
    admit,
    appraisal,
    job:
      job === undefined
        ? null
        : {
            repositoryId: job['repository-id'],
            workflowRef: job['workflow-ref'],
            workflowSha: job['workflow-sha'],
            events: job.events,
            refs: job.refs,
          },
  }
}

function measurementsOf(rules: readonly ResourceRule[], technology: Technology): string[] {
  return rules.flatMap(({ admit }) =>
    admit.filter((one) => one.technology === technology).flatMap((one) => one.measurements),
  )
}

/** An embedded KBS cannot know a maker's TPM from a program. */
function refuseSoftwareTpm([first]: readonly ResourceRule[], plan: Plan): void {
  if (first === undefined || plan['accept-software-tpm']) return
  throw new VerificationError(
    'policy-unsafe',
    `the plan gives ${first.uri} to any software TPM of the embedded KBS without accept-software-tpm`,
    { subject: first.uri, remedy: 'Write accept-software-tpm: true, or use a KBS whose verifier knows your TPMs.' },
  )
}

function refuseSample(samples: readonly ResourceRule[], plan: Plan, embedded: boolean): void {
  const [first] = samples
  if (first === undefined || (embedded && plan['accept-sample'])) return
  throw new VerificationError(
    'policy-unsafe',
    embedded
      ? `the plan gives ${first.uri} to sample evidence without accept-sample`
      : `the plan gives ${first.uri} to sample evidence on a KBS that is not our own embedded one`,
    {
      subject: first.uri,
      remedy: embedded
        ? 'Write accept-sample: true, or name a real technology.'
        : 'Sample evidence proves nothing: anybody could read the key. Name a real technology with its measurements.',
    },
  )
}
