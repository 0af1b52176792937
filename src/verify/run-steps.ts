import type { ReasonCode } from '../base/errors.ts'
import type { Digest } from '../oci/types.ts'
import { builderId } from '../statement/builder-id.ts'
import { admissionSteps } from './checks/admission.ts'
import { builderSteps } from './checks/builder.ts'
import { claimSteps } from './checks/claims.ts'
import { contentSteps } from './checks/content.ts'
import { denySteps } from './checks/deny.ts'
import { earSteps } from './checks/ear.ts'
import { encryptionSteps } from './checks/encryption.ts'
import { eventLogSteps } from './checks/event-log.ts'
import { exceptionSteps } from './checks/exceptions.ts'
import { jobSteps } from './checks/job.ts'
import { journalSteps } from './checks/journal.ts'
import { machineSteps } from './checks/machine.ts'
import { rebuildSteps } from './checks/rebuilds.ts'
import { registerSteps } from './checks/register.ts'
import { reportSteps } from './checks/reports.ts'
import { indexSteps } from './checks/index-children.ts'
import { countedSteps, signatureSteps } from './checks/signature.ts'
import { predicateSteps } from './checks/predicates.ts'
import { subjectSteps } from './checks/subject.ts'
import { logSteps } from './checks/log.ts'
import { notationSteps } from './checks/notation.ts'
import { scittSteps } from './checks/scitt.ts'
import { statusSteps } from './checks/status.ts'
import { timeSteps } from './checks/time.ts'
import type { Gate, Subject } from './candidate.ts'
import { isGates } from './candidates.ts'
import { chipOf } from '../tee/facts/machine.ts'
import { statusFacts } from '../tee/facts/status.ts'
import type { Acceptance } from './policy/accept.ts'
import { originOf } from './origin.ts'
import { restingOn } from './resting-on.ts'
import { runStep } from './run-step.ts'
import { skipped, type Outcome, type Step } from './step.ts'
import type { Check, Verdict } from './types.ts'

/** The steps in the order of TRUST §5; the first failure gives the first reason. */
export const steps: readonly Step[] = [
  ...subjectSteps,
  ...predicateSteps,
  ...signatureSteps,
  ...reportSteps,
  ...exceptionSteps,
  ...machineSteps,
  ...registerSteps,
  ...eventLogSteps,
  ...jobSteps,
  ...earSteps,
  ...journalSteps,
  ...indexSteps,
  ...timeSteps,
  ...logSteps,
  ...notationSteps,
  ...scittSteps,
  ...builderSteps,
  ...rebuildSteps,
  ...encryptionSteps,
  ...admissionSteps,
  ...claimSteps,
  ...contentSteps,
  ...denySteps,
  ...statusSteps,
  ...countedSteps,
]

/** One candidate with all its checks. */
export interface Judged {
  verified: boolean
  /** Lines that the policy would need to accept what failed. */
  lacking: Acceptance[]
  /** The first failure that no line can accept. */
  hard: Check | null
  /** How many checks passed. */
  passed: number
  /** The key signed nothing but verdicts on the image: it is another gate's. */
  verifierOnly: boolean
  verdict(reference: string, subject: Subject): Verdict
}

/** Runs every step that can run, whatever the ones before it found: a verdict lists them all. */
export async function runSteps(gate: Gate): Promise<Judged> {
  const checks: Check[] = []
  const exceptions = new Set<string>()
  const lacking = new Set<Acceptance>()
  let hard: Check | null = null
  for (const step of steps) {
    // Anybody may push an image whose layers are costly to read: they are read only while it can still pass.
    const failure: Check | null = contentSteps.includes(step) ? hard : null
    const { acceptance, used = [], ...outcome } = failure === null ? await runStep(step, gate) : unread(failure)
    if (acceptance !== undefined && outcome.status === 'accepted') exceptions.add(acceptance)
    for (const name of used) exceptions.add(name)
    const check: Check = { id: step.id, clause: step.clause, ...outcome }
    checks.push(check)
    if (check.status !== 'failed') continue
    if (acceptance === undefined) hard ??= check
    else lacking.add(acceptance)
  }
  const reasons = [
    ...new Set(checks.flatMap(({ status, reason }) => (status === 'failed' && reason !== null ? [reason] : []))),
  ]
  return {
    verified: reasons.length === 0,
    lacking: [...lacking],
    hard,
    passed: checks.filter(({ status }) => status === 'passed').length,
    verifierOnly:
      gate.mine.length > 0 &&
      gate.mine.every(({ kind }) => kind === 'evidence' || isGates(kind)) &&
      gate.mine.some(({ kind }) => isGates(kind)),
    verdict: (reference, subject) => makeVerdict(gate, checks, reasons, [...exceptions], reference, subject),
  }
}

function unread({ id }: Check): Outcome {
  return skipped(`no layer was read, because ${id} has failed already`)
}

function makeVerdict(
  gate: Gate,
  checks: Check[],
  reasons: ReasonCode[],
  exceptions: string[],
  reference: string,
  subject: Subject,
): Verdict {
  const { evidence, found, mine } = gate
  const origin = originOf(gate)
  const job = evidence?.open.binding.job
  return {
    v: 1,
    verified: reasons.length === 0,
    reasons,
    image: {
      reference,
      digest: subject.descriptor.digest,
      plainDigest: found.plainDigest as Digest | null,
      configDigest: subject.image?.configDigest ?? null,
    },
    policy: { digest: gate.policy.digest },
    builder: {
      id: (origin === undefined ? found.builderId : origin.builder) ?? builderId(null),
      technology: evidence?.index.technology ?? null,
      level: found.level,
    },
    ...(origin === undefined ? {} : { origin }),
    machine: machineOf(gate),
    job: {
      assurance: job?.assurance ?? null,
      // Only what a token proves, or what the policy accepted as the job's own word.
      claims: found.claims ?? (exceptions.includes('accept-self-asserted-job') ? (job?.claims ?? {}) : {}),
      instance: job?.instance ?? null,
      digest: gate.found.journal === null ? null : jobOf(gate),
    },
    exceptions,
    checks,
    notes: gate.notes.lines(),
    inputs: [
      ...(evidence === null ? [] : [{ kind: 'evidence-bundle', digest: evidence.manifest }]),
      ...restingOn(gate),
      ...mine.map((claim) => ({ kind: claim.kind ?? 'other', digest: claim.payloadDigest })),
    ].sort((a, b) => (`${a.kind} ${a.digest}` < `${b.kind} ${b.digest}` ? -1 : 1)),
    ...(found.until === undefined ? {} : { until: found.until.toISOString() }),
    keys: [...new Set([gate.key?.id, ...gate.parties.map(({ name }) => name)].filter((id) => id !== undefined))],
  }
}

/** The last report's, since it shows the machine at the seal; only of a machine whose reports were verified. */
function machineOf({ found }: Gate): Verdict['machine'] {
  const verdict = found.tee?.at(-1)
  if (verdict?.status !== 'verified' || verdict.technology === 'sample') return null
  const { machine, measured, register } = verdict
  return {
    id: machine,
    chip: chipOf(verdict),
    status: statusFacts(verdict),
    measured,
    reference: found.reference,
    register: register === null ? null : { ...register, records: register.records.map((record) => ({ ...record })) },
  }
}

function jobOf({ found }: Gate): Digest | null {
  const digest = found.journal?.[0]?.result['job']
  return typeof digest === 'string' ? (digest as Digest) : null
}
