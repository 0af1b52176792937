import { VerificationError } from '../../base/errors.ts'
import { claimKindOf, type ClaimKind } from '../../statement/claims/types.ts'
import { isWorse, type Severity } from '../../statement/claims/severity.ts'
import { readPredicate } from '../../statement/schemas/predicate.ts'
import type { Gate } from '../candidate.ts'
import { timeOf, unexcused } from '../claims/excused.ts'
import {
  parseOpenvex,
  parseTestResult,
  parseVulns,
  type OpenvexDocument,
  type ScanFinding,
} from '../claims/predicates.ts'
import type { PolicyClaim } from '../policy/claims.ts'
import { failed, passed, skipped, type Outcome } from '../step.ts'
import type { Claim } from '../statements.ts'
import { judgePromotion } from './promotion.ts'

/** Two clocks may differ by this. */
const skewMs = 5 * 60_000

/** A kind of claim in words. */
export function nameOf(kind: ClaimKind): string {
  return kind === 'promotion' ? 'promotion record' : `${kind} claim`
}

/**
 * When a claim was made at the latest, in milliseconds since 1970: its own word, or an earlier time that a pinned authority, log or witness states for
 * its signature. A later one proves nothing, since anybody can have an old claim stamped today.
 */
function madeAt({ times }: Claim, stated: number, { keys }: PolicyClaim): number {
  const trusted = times.filter(({ by }) => keys.includes(by)).map(({ time, accuracyMs }) => time.getTime() + accuracyMs)
  return Math.min(stated, ...trusted)
}

/** One claim, read. */
interface Read {
  claim: Claim
  /** {@link madeAt}; null where the claim states no time. */
  time: number | null
  judge: () => Outcome
}

/** The newest claim by the named keys decides: an older and kinder one cannot stand in for it. */
export function newest(gate: Gate, rule: PolicyClaim, claims: readonly Claim[]): Outcome {
  const read = claims.map((claim) => {
    const one = readers[rule.kind](gate, rule, claim)
    return one.time === null ? one : { ...one, time: madeAt(claim, one.time, rule) }
  })
  const [best] = read.sort((a, b) => (b.time ?? 0) - (a.time ?? 0))
  if (best === undefined) return skipped('nothing was read')
  // Among claims without a time, or of one time, nobody knows which one is newer, so every one of them counts.
  const judgeAll = (): Outcome =>
    read
      .filter((one) => one.time === best.time)
      .map((one) => one.judge())
      .find(({ status }) => status !== 'passed') ?? best.judge()
  if (best.time === null) return judgeAll()
  const { time, claim } = best
  const stated = new Date(time).toISOString()
  const age = gate.at.getTime() - time
  if (age < -skewMs)
    return failed('expired', `the ${nameOf(rule.kind)} is dated in the future (${stated})`, claim.manifest)
  if (rule.maxAgeSeconds !== null && age > rule.maxAgeSeconds * 1000)
    return failed(
      'expired',
      `the newest ${nameOf(rule.kind)} is from ${stated}, older than the ${rule.maxAgeSeconds} s that the policy allows`,
      claim.manifest,
    )
  return judgeAll()
}

const readers: Record<ClaimKind, (gate: Gate, rule: PolicyClaim, claim: Claim) => Read> = {
  vulns: (gate, rule, claim) => {
    const scan = parseVulns(claim.statement.predicate, claim.manifest)
    return {
      claim,
      time: scan.finished.getTime(),
      judge: () => {
        if (rule.scanner !== null && scan.scanner !== rule.scanner)
          return failed(
            'claim-signer',
            `the scan is by ${scan.scanner}; the policy requires ${rule.scanner}`,
            claim.manifest,
          )
        return severity(gate, rule, claim, scan.findings)
      },
    }
  },
  openvex: (_gate, _rule, claim) => {
    const document = parseOpenvex(claim.statement.predicate, claim.manifest)
    const { length } = document.statements
    return {
      claim,
      time: timeOf(document),
      judge: () => passed(`an OpenVEX document with ${length} statement(s) is signed by a named key`, claim.manifest),
    }
  },
  promotion: (_gate, rule, claim) => {
    const record = readPredicate('promotion', claim.statement.predicate, claim.manifest)
    return {
      claim,
      time: Date.parse(record.promotedOn),
      judge: () => judgePromotion(rule.promotion, record, claim.manifest),
    }
  },
  'test-result': (_gate, _rule, claim) => {
    const run = parseTestResult(claim.statement.predicate, claim.manifest)
    return {
      claim,
      time: null,
      judge: () => {
        const { result, passed: count, skipped: left, failed: bad } = run
        if (result !== 'PASSED') return failed('tests-failed', `the test run is ${result}${named(bad)}`, claim.manifest)
        const aside = left === 0 ? '' : `, ${left} skipped`
        // A run that skipped everything has no failure, and proves nothing.
        if (count === 0) return failed('tests-failed', `the test run names no test that passed${aside}`, claim.manifest)
        return passed(`the tests passed (${count ?? 'none'} named${aside})`, claim.manifest)
      },
    }
  },
}

function severity(gate: Gate, { maxSeverity }: PolicyClaim, claim: Claim, findings: readonly ScanFinding[]): Outcome {
  const total = `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}`
  if (maxSeverity === null) return passed(`the scan has ${total}; the policy sets no limit`, claim.manifest)
  const open = unexcused(findings, trustedVex(gate), digestsOf(gate))
  const over = open.filter((finding) => isWorse(finding.severity, maxSeverity))
  const aside = findings.length - open.length
  if (over.length === 0)
    return passed(
      `the scan has ${total}, none worse than ${maxSeverity}${aside === 0 ? '' : ` but for ${aside} that a VEX document sets aside`}`,
      claim.manifest,
    )
  const worst = [...over].sort((a, b) =>
    isWorse(a.severity, b.severity) ? -1 : isWorse(b.severity, a.severity) ? 1 : 0,
  )
  const shown = worst.map(
    ({ names: [id = ''], where, severity: level }) =>
      `${id} (${levelInWords(level)}${where === null ? '' : ` in ${where}`})`,
  )
  return failed('severity-exceeded', `${over.length} of ${total} exceed ${maxSeverity}${named(shown)}`, claim.manifest)
}

function levelInWords(level: Severity): string {
  return level === 'unknown' ? 'not rated' : level
}

/** VEX documents by keys that an `openvex` entry names and that are as fresh as it asks. */
function trustedVex(gate: Gate): OpenvexDocument[] {
  return gate.policy.claims
    .filter(({ kind }) => kind === 'openvex')
    .flatMap((rule) =>
      gate.claims
        .filter(
          (claim) =>
            claim.subject !== null &&
            claimKindOf(claim.predicateType) === 'openvex' &&
            claim.signers.some((pem) => rule.keys.includes(pem)),
        )
        .flatMap((claim) => {
          try {
            const document = parseOpenvex(claim.statement.predicate, claim.manifest)
            const age = gate.at.getTime() - madeAt(claim, timeOf(document), rule)
            const fresh = age >= -skewMs && (rule.maxAgeSeconds === null || age <= rule.maxAgeSeconds * 1000)
            return fresh ? [document] : []
          } catch (error) {
            // The check of VEX documents names it; here it sets nothing aside.
            if (!(error instanceof VerificationError)) throw error
            return []
          }
        }),
    )
}

/** Every digest that a scanner may have called this image by. */
function digestsOf({ subject, found }: Gate): Set<string> {
  const { descriptor, image, via } = subject
  return new Set(
    [descriptor.digest, ...via, image?.configDigest, found.plainDigest].filter(
      (digest) => digest !== null && digest !== undefined,
    ),
  )
}

function named(items: readonly string[]): string {
  if (items.length === 0) return ''
  return `: ${items.slice(0, 5).join(', ')}${items.length > 5 ? ` and ${items.length - 5} more` : ''}`
}
