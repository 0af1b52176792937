import { isDeepStrictEqual } from 'node:util'
import type { ReasonCode, VerificationError } from '../base/errors.ts'
import { platformInWords, type Child } from '../image/platforms.ts'
import { builderId } from '../statement/builder-id.ts'
import type { Acceptance } from './policy/accept.ts'
import type { Policy } from './policy/load.ts'
import type { Check, Verdict } from './types.ts'
import type { Named } from './named.ts'

const clause = 'TRUST §5.1'
const indexReason: ReasonCode = 'index-unattested'

const unknownJob: Verdict['job'] = { assurance: null, claims: {}, instance: null, digest: null }

/** A verdict, with what `policy init` asks for beside it. */
export interface Judgement {
  verdict: Verdict
  /** Accept lines that the policy lacks. */
  lacking: Acceptance[]
  /** The first failure that no line can accept. */
  hard: Check | null
}

/**
 * The verdict on an index: it names the index, and is verified only where every manifest that a runtime could take from it is. What the
 * children do not share is left out, and of their builders the least is claimed.
 */
export function indexVerdict(named: Named, judged: readonly { child: Child; judgement: Judgement }[]): Judgement {
  const { reference, digest } = named
  const [first] = judged
  if (first === undefined) throw new Error('an index without children is refused before')
  const verdicts = judged.map(({ judgement }) => judgement.verdict)
  const failed = judged.filter(({ judgement }) => !judgement.verdict.verified)
  const one = first.judgement.verdict
  const same = <T>(pick: (verdict: Verdict) => T, other: T): T =>
    verdicts.every((verdict) => isDeepStrictEqual(pick(verdict), pick(one))) ? pick(one) : other
  const several = named.children.length > 1
  const checks = [
    ...(several || failed.length === 0 ? [wholeCheck(named, judged.length, failed)] : []),
    ...judged.flatMap((item) => checksOf(item, several)),
  ]
  const hard = judged.find(({ judgement }) => judgement.hard !== null)?.judgement.hard ?? null
  const ends = verdicts.flatMap(({ until }) => until ?? []).sort()
  const verdict: Verdict = {
    ...one,
    ...(ends[0] === undefined ? {} : { until: ends[0] }),
    verified: failed.length === 0,
    reasons: unique([
      ...(several && failed.length > 0 ? [indexReason] : []),
      ...verdicts.flatMap(({ reasons }) => reasons),
    ]),
    image: {
      reference,
      digest,
      plainDigest: judged.length === 1 ? one.image.plainDigest : null,
      configDigest: judged.length === 1 ? one.image.configDigest : null,
      children: judged.map(({ child, judgement: { verdict: found } }) => ({
        digest: child.descriptor.digest,
        platform: platformInWords(child),
        verified: found.verified,
        reasons: found.reasons,
        job: found.job,
      })),
    },
    ...originOfAll(verdicts),
    builder: same(({ builder }) => builder, { id: builderId(null), technology: null, level: null }),
    machine: same(({ machine }) => machine, null),
    job: same(({ job }) => job, unknownJob),
    exceptions: unique(verdicts.flatMap(({ exceptions }) => exceptions)),
    checks,
    notes: unique(verdicts.flatMap(({ notes }) => notes)),
    inputs: uniqueInputs(verdicts),
    keys: unique(verdicts.flatMap(({ keys }) => keys)),
  }
  return { verdict, lacking: unique(judged.flatMap(({ judgement }) => judgement.lacking)), hard }
}

/** The verdict on an index of which no manifest can be judged. */
export function refusedIndex(named: Named, why: VerificationError, policy: Policy): Judgement {
  const { reference, digest } = named
  const remedy = why.remedy === undefined ? '' : `. ${why.remedy}`
  const hard: Check = {
    id: 'subject.index',
    clause,
    status: 'failed',
    reason: why.code,
    why: `${why.message}${remedy}`,
    subject: digest,
  }
  const children = named.children.map((child) => ({
    digest: child.descriptor.digest,
    platform: platformInWords(child),
    verified: false,
    reasons: [why.code],
    job: unknownJob,
  }))
  const verdict: Verdict = {
    v: 1,
    verified: false,
    reasons: [why.code],
    image: { reference, digest, plainDigest: null, configDigest: null, children },
    policy: { digest: policy.digest },
    builder: { id: builderId(null), technology: null, level: null },
    machine: null,
    job: unknownJob,
    exceptions: [],
    checks: [hard],
    notes: [],
    inputs: [],
    keys: [],
  }
  return { verdict, lacking: [], hard }
}

function wholeCheck({ digest }: Named, count: number, failed: readonly { child: Child }[]): Check {
  const names = failed.map(({ child }) => `${child.descriptor.digest} (${platformInWords(child)})`)
  return {
    id: 'subject.index',
    clause,
    status: failed.length === 0 ? 'passed' : 'failed',
    reason: failed.length === 0 ? null : indexReason,
    why:
      failed.length === 0
        ? `each of the ${count} manifests that a runtime could take from the index passed on its own`
        : `${failed.length} of ${count} manifests that a runtime could take from the index were refused: ${names.join(', ')}. ` +
          'Name one manifest by its digest, or give `platform`',
    subject: digest,
  }
}

function checksOf({ child, judgement }: { child: Child; judgement: Judgement }, several: boolean): Check[] {
  const { checks } = judgement.verdict
  return several ? checks.map((check) => ({ ...check, why: `${platformInWords(child)}: ${check.why}` })) : checks
}

/** Where others built every manifest of an index, and the same admitted each. */
function originOfAll(verdicts: readonly Verdict[]): Pick<Verdict, 'origin'> {
  const origins = verdicts.map(({ origin }) => (origin === undefined ? undefined : { ...origin, plain: null }))
  const [first] = origins
  const isSame = origins.every((origin) => JSON.stringify(origin) === JSON.stringify(first))
  return first === undefined || !isSame ? {} : { origin: first }
}

function unique<T>(items: readonly T[]): T[] {
  return [...new Set(items)]
}

function uniqueInputs(verdicts: readonly Verdict[]): Verdict['inputs'] {
  const all = new Map(verdicts.flatMap(({ inputs }) => inputs.map((item) => [`${item.kind} ${item.digest}`, item])))
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item)
}
