import { VerificationError } from '../base/errors.ts'
import { textOf } from '../base/json.ts'
import { readPredicate } from '../statement/schemas/predicate.ts'
import type { JobKey } from './attached-types.ts'
import { nothingFound, type Gate } from './candidate.ts'
import { headsOf } from './candidates.ts'
import { CertificateSigners } from './certificate-signers.ts'
import { denySteps } from './checks/deny.ts'
import { earSteps } from './checks/ear.ts'
import { eventLogSteps } from './checks/event-log.ts'
import { exceptionSteps } from './checks/exceptions.ts'
import { jobSteps } from './checks/job.ts'
import { journalSteps } from './checks/journal.ts'
import { machineSteps } from './checks/machine.ts'
import { registerSteps } from './checks/register.ts'
import { reportSteps } from './checks/reports.ts'
import { signatureSteps } from './checks/signature.ts'
import { timeSteps } from './checks/time.ts'
import { readEvidence } from './evidence.ts'
import { Notes } from './notes.ts'
import type { Acceptance } from './policy/accept.ts'
import type { Policy, ResolvedJob } from './policy/load.ts'
import { receiverPolicy } from './policy/receiver.ts'
import { restingOn } from './resting-on.ts'
import { runStep } from './run-step.ts'
import { jobWindow, sealTime } from './seal-time.ts'
import type { Claim } from './statements.ts'
import { failed, passed, skipped, type Outcome, type Step } from './step.ts'
import { evidenceTime } from './window.ts'

/** What records are judged by: the gate of the image, or what a build knows of a base. */
export type RecordGate = Pick<Gate, 'ports' | 'policy' | 'at' | 'context' | 'subject' | 'claims' | 'jobKeys'>

/** A promotion record by the agent of a job whose evidence passed every check. */
export interface JobRecord {
  claim: Claim
  /** The job in words, by its token. */
  job: string
  /** Lines of the policy that the evidence needed. */
  used: readonly Acceptance[]
  /** What it rests on, for the inputs of a verdict. */
  inputs: { kind: string; digest: Claim['payloadDigest'] }[]
}

export interface JobRecords {
  /** The newest that passes, and others of the same second. */
  counted: JobRecord[]
  /** Why the newest of those that do not pass does not; null where there is none. */
  refused: Outcome | null
}

/** Jobs that no entry names are judged all the same, for the reason of a refusal. */
const judgedAnyway = 4

/** The checks of TRUST §5 that are about a job and its machine, in their order; those about the build of an image do not concern whoever promoted it. */
const receiverSteps: readonly Step[] = [
  ...signatureSteps.filter(({ id }) => id === 'signature.key'),
  ...reportSteps,
  ...exceptionSteps,
  ...machineSteps,
  ...registerSteps,
  ...eventLogSteps,
  ...jobSteps.filter(({ id }) => id !== 'job.statements'),
  ...earSteps,
  ...journalSteps.filter(({ id }) => /^journal\.(?!config|keys?|builds|shown)/.test(id)),
  { id: 'promotion.window', clause: 'TRUST §5.7', needs: ['evidence'], run: datedInJob },
  ...timeSteps,
  ...denySteps.filter(({ id }) => id.startsWith('deny.')),
]

/**
 * The records that count by the jobs of an entry (TRUST §4–§5): a token of one of them for the key that signed the record, evidence of its machine, and a
 * journal that has the record before the seal. The newest is judged first; one that does not pass takes nothing from an older one, since other jobs of
 * the repository can make a token as well.
 *
 * @param records those that are for the environment and place that the entry names
 * @param maxAgeSeconds oldest evidence; null for that of the policy
 * @throws TransportError when the store or an issuer does not answer
 */
export async function recordsByJobs(
  gate: RecordGate,
  jobs: readonly ResolvedJob[],
  records: readonly Claim[],
  maxAgeSeconds: number | null,
): Promise<JobRecords> {
  const policy = receiverPolicy(gate.policy, jobs, maxAgeSeconds)
  const signed = records.flatMap((claim) =>
    gate.jobKeys.filter(({ key }) => claim.signers.includes(key.pem)).map((job) => ({ claim, job })),
  )
  const newest = signed.sort((a, b) => statedTime(b.claim) - statedTime(a.claim))
  const admitted = newest.filter(({ job }) => job.received !== null)
  const counted: JobRecord[] = []
  let refused: Outcome | null = null
  for (const { claim, job } of admitted.length > 0 ? admitted : newest.slice(0, judgedAnyway)) {
    const [best] = counted
    if (best !== undefined && statedTime(claim) !== statedTime(best.claim)) break
    const found = await judgeRecord(gate, policy, claim, job)
    if ('claim' in found) counted.push(found)
    else refused ??= found
  }
  return { counted, refused }
}

/** In milliseconds since 1970; the oldest for a record that cannot be read. */
function statedTime({ statement, manifest }: Claim): number {
  try {
    return Date.parse(readPredicate('promotion', statement.predicate, manifest).promotedOn)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return Number.NEGATIVE_INFINITY
  }
}

/** One record by every evidence bundle of its key; the first failure of the first bundle where none passes. */
async function judgeRecord(gate: RecordGate, policy: Policy, claim: Claim, job: JobKey): Promise<JobRecord | Outcome> {
  let refused: Outcome | null = null
  for (const { manifest, subject } of headsOf(job, gate)) {
    try {
      const found = await judgeBy(await receiverGate(gate, policy, claim, job, manifest, subject))
      if ('claim' in found) return found
      refused ??= found
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      refused ??= failed(error.code, error.message, manifest)
    }
  }
  const { why, ...rest } = refused ?? failed('missing-evidence', 'no evidence of its key is attached')
  return { ...rest, why: `the promotion record ${claim.manifest} does not count: ${why}`, subject: claim.manifest }
}

async function judgeBy(gate: Gate & { mine: readonly [Claim, ...Claim[]] }): Promise<JobRecord | Outcome> {
  const used = new Set<Acceptance>()
  const failures: Outcome[] = []
  for (const step of receiverSteps) {
    const outcome = await runStep(step, gate)
    if (outcome.status === 'failed') failures.push(outcome)
    else if (outcome.status === 'accepted' && outcome.acceptance !== undefined) used.add(outcome.acceptance)
  }
  // What no line can accept is the reason, as for the image itself.
  const refused = failures.find(({ acceptance }) => acceptance === undefined) ?? failures[0]
  if (refused !== undefined) return refused
  const [claim] = gate.mine
  const { evidence, found } = gate
  const name = (claimed: string): string => textOf(found.claims?.[claimed] ?? '')
  const workflow = name('job_workflow_ref') === '' ? name('workflow_ref') : name('job_workflow_ref')
  return {
    claim,
    job: `${name('repository')} (${workflow}, run ${name('run_id')})`,
    used: [...used],
    inputs: [
      { kind: 'promotion', digest: claim.payloadDigest },
      ...(evidence === null ? [] : [{ kind: 'promotion-evidence', digest: evidence.manifest }]),
      ...restingOn(gate),
    ],
  }
}

/** What the steps read: the record and the evidence statement of its key stand in place of the statements of a build. */
async function receiverGate(
  { ports, at, context, subject, claims }: RecordGate,
  policy: Policy,
  claim: Claim,
  { key }: JobKey,
  manifest: JobKey['heads'][number]['manifest'],
  target: JobKey['heads'][number]['subject'],
): Promise<Gate & { mine: readonly [Claim, ...Claim[]] }> {
  const evidence = await readEvidence(subject.store, manifest, target)
  const pointers = claims.filter(({ kind, signers }) => kind === 'evidence' && signers.includes(key.pem))
  const nothing = (): Promise<never> => Promise.reject(new TypeError('no check of a record reads this'))
  return {
    ports,
    policy,
    at,
    context,
    nonce: null,
    subject: { ...subject, image: null, error: null },
    claims,
    broken: [],
    sightings: [],
    foreignClaims: new Map(),
    notes: new Notes(),
    evidence,
    evidenceError: null,
    jobKeys: [],
    evidenceKeys: [key.thumbprint],
    key: { source: 'evidence', pem: key.pem, id: key.thumbprint },
    counts: true,
    mine: [claim, ...pointers.filter((pointer) => pointer.subject !== null)],
    elsewhere: [],
    parties: [],
    certificates: new CertificateSigners({ identities: [], trustedRoot: null }, at),
    sealedContent: null,
    sealedBy: 'accept-unchecked-content',
    content: nothing,
    status: nothing,
    found: nothingFound({
      sealTime: sealTime(evidence, pointers),
    }),
  }
}

/** A record states its time itself, so it must lie in the time in which the key of its job was good. */
function datedInJob({ evidence, mine, found, policy }: Gate): Outcome {
  const [claim] = mine
  if (evidence === null || claim === undefined) return skipped('no evidence')
  const stated = statedTime(claim)
  const { notBefore, notAfter } = jobWindow(evidenceTime(evidence, found.claims), policy.maxJobSeconds)
  if (stated >= notBefore.getTime() && stated <= notAfter.getTime())
    return passed('the record is dated within its job', claim.manifest)
  return failed(
    'expired',
    'the record is dated outside of the time in which the key of its job was good',
    claim.manifest,
  )
}
