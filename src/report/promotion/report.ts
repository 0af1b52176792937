import { printable } from '../../base/printable.ts'
import { counted } from '../../base/counted.ts'
import type { JsonValue } from '../../base/json.ts'
import { asJson } from '../../tasks/context.ts'
import type { TransferCost } from '../../tasks/promote/cost.ts'
import { stoppedBy, type Promotion } from '../../tasks/receive/run.ts'
import type { EntryResult } from '../../tasks/receive/subscription/run.ts'
import type { Verdict } from '../../verify/types.ts'
import { verdictLines } from '../../verify/verdict-lines.ts'
import type { ActionReport } from '../types.ts'

/** Entries of a list that go into a workflow output, which may have one megabyte with all others; the report has all. */
const listed = 1000
const words: Readonly<Record<EntryResult['state'], string>> = {
  promoted: 'promoted',
  planned: 'would be promoted',
  present: 'at the target already',
  unmatched: 'no such tag',
  refused: 'REFUSED',
  failed: 'FAILED',
}

/** The outputs of the action, and the verdict that decided over the one image. */
export function promotionOutputs(results: readonly EntryResult[]): {
  verdict: Verdict | null
  image: string
  digest: string
  promoted: string
  reasons: string
  'copied-json': string
  'left-behind-json': string
  'missing-json': string
  'results-json': string
  'cost-json': string
  'record-digest': string
} {
  const done = results.flatMap(({ promotion }) => promotion ?? [])
  const only = onlyOne(results)
  const cost = only?.cost ?? null
  const list = (items: readonly object[]): string => JSON.stringify(items.slice(0, listed))
  const reasons = results.flatMap(({ promotion, error }) =>
    error !== null ? [error.code] : ((promotion && stoppedBy(promotion)?.verdict.reasons) ?? []),
  )
  return {
    verdict: only === null ? null : decidingVerdict(only),
    image: only?.tagged === true ? only.image : '',
    digest: only === null ? '' : only.digest,
    promoted: String(results.every(({ state }) => ['promoted', 'present', 'unmatched'].includes(state))),
    reasons: [...new Set(reasons)].join(','),
    'copied-json': list(done.flatMap(({ copied }) => copied)),
    'left-behind-json': list(done.flatMap(({ left }) => left)),
    'missing-json': list(done.flatMap(({ missing }) => missing)),
    'results-json': list(results.map(resultJson)),
    'cost-json': cost === null ? '' : JSON.stringify(cost),
    'record-digest': only?.record?.manifest ?? '',
  }
}

/** The promotion of the one image that there was; null for several, or a failed one. */
function onlyOne(results: readonly EntryResult[]): Promotion | null {
  const [only] = results
  return results.length === 1 ? (only?.promotion ?? null) : null
}

function decidingVerdict(done: Promotion): Verdict {
  return stoppedBy(done)?.verdict ?? done.admitted ?? done.target ?? done.expected ?? done.source
}

function resultJson({ from, to, digest, state, pattern, promotion, error }: EntryResult): Record<string, JsonValue> {
  const stopped = promotion === null ? null : stoppedBy(promotion)
  return {
    from,
    to,
    digest,
    state,
    ...(pattern === undefined ? {} : { pattern }),
    reasons: [...(stopped?.verdict.reasons ?? (error === null ? [] : [error.code]))],
    record: promotion?.record?.manifest ?? null,
    error: error === null ? null : { code: error.code, message: error.message, remedy: error.remedy },
  }
}

/** What a reviewer sees: what went where by whose word, what stayed behind and why, both verdicts. */
export function promotionReport(
  results: readonly EntryResult[],
  { dryRun, refresh }: { dryRun: boolean; refresh: boolean },
): ActionReport {
  const details = { results: asJson(results) }
  const only = onlyOne(results)
  if (only !== null) return { ...one(only, dryRun), details }
  const bad = results.filter(({ exitCode }) => exitCode !== 0)
  const count = (state: EntryResult['state']): number => results.filter((result) => result.state === state).length
  const done = dryRun ? `${count('planned')} would be promoted` : `${count('promoted')} promoted`
  return {
    headline: `${bad.length === 0 ? '' : `${bad.length} of ${results.length} failed: `}${done}, ${count('present')} at the target already, ${count('refused')} refused, ${count('failed')} failed${count('unmatched') === 0 ? '' : `, ${count('unmatched')} pattern(s) fit no tag`}`,
    status: bad.length === 0 ? 'passed' : 'refused',
    subject: null,
    facts: [],
    tables: [
      {
        title: `${results.length - count('unmatched')} images`,
        header: ['From', 'To', 'Digest', 'Result', 'Why'],
        rows: results.map((result) => [
          result.from,
          result.to,
          result.digest ?? '',
          words[result.state],
          whyOf(result),
        ]),
      },
    ],
    exceptions: [...new Set(results.flatMap(({ promotion }) => promotion?.source.exceptions ?? []))],
    commands: [],
    notes:
      count('present') > 0 && !refresh
        ? [
            'Images at the target already were passed over. `refresh: true` takes along what was attached to them since.',
          ]
        : [],
    details,
  }
}

function one(done: Promotion, dryRun: boolean): Omit<ActionReport, 'details'> {
  const stopped = stoppedBy(done)
  const { source, target, expected, admitted, record, copied, left, missing, unused, cost, from, to } = done
  const verdicts: [string, Verdict | null][] = [
    ['Verdict at the source', source],
    ['Verdict on what goes along', expected],
    ['Verdict on the copy', target],
    ['Verdict by to-policy', admitted],
  ]
  return {
    headline: headline(done, dryRun),
    status: stopped !== null ? 'refused' : left.length + missing.length > 0 ? 'warning' : 'passed',
    subject: { name: to.name, digest: done.digest },
    facts: shown([
      ['From', nameOf(from)],
      ['To', nameOf(to)],
      ...verdicts.flatMap(([label, verdict]): [string, string][] =>
        verdict === null ? [] : [[label, verdict.verified ? 'accepted' : `refused (${verdict.reasons.join(', ')})`]],
      ),
      ['Builder', source.builder.id],
      ['Policy', source.policy.digest],
      ...(cost === null ? [] : costFacts(cost)),
      ['Promotion record', record === null ? (dryRun ? '' : 'none') : `${record.manifest} (${record.state})`],
      ['Archive records', done.archived.map(({ manifest, state }) => `${manifest} (${state})`).join(', ')],
      ['Signatures in cosign’s older form', done.reissued === 0 ? '' : String(done.reissued)],
    ]),
    tables: [
      {
        title: `${dryRun ? 'To copy' : 'Copied'}: ${counted(copied.length, 'manifest')}`,
        header: ['What', 'Type', 'Says it is signed by', 'Digest'],
        rows: copied.map((item) => [item.tag ?? place(item), item.type, item.signer ?? '', item.digest]),
      },
      {
        title: `Left behind: ${counted(left.length, 'manifest')}`,
        header: ['What', 'Type', 'Why', 'Digest'],
        rows: left.map(({ relation, tag, type, reason, digest }) => [tag ?? relation, type, reason, digest]),
      },
      {
        title: `Missing at the source: ${counted(missing.length, 'manifest')}`,
        header: ['Digest', 'Named by', 'Why'],
        rows: missing.map(({ manifest, parent, why }) => [manifest, parent, why]),
      },
    ].filter(({ rows }) => rows.length > 0),
    exceptions: source.exceptions,
    commands: [],
    notes: [
      ...(stopped === null ? [] : verdictLines(stopped.verdict)),
      ...unused.map((text) => `\`exclude\`: ${JSON.stringify(text)} fits nothing that is attached.`),
    ],
  }
}

/** A manifest by where it stands. The type of an image and of a child is that of its configuration, which names neither. */
function place({ relation }: Pick<Promotion['copied'][number], 'relation'>): string {
  return relation === 'root' ? 'image' : relation
}

function shown(facts: [string, string][]): [string, string][] {
  return facts.filter(([, value]) => value !== '')
}

function headline(done: Promotion, dryRun: boolean): string {
  const stopped = stoppedBy(done)
  const count = `${counted(done.copied.length, 'manifest')}, ${done.left.length} left behind`
  if (stopped === null) return `${dryRun ? 'Would promote' : 'Promoted'} ${done.image} (${count})`
  const after = done.target === null ? 'Nothing was copied.' : 'The tag was not written.'
  const what = stopped.where === 'selection' ? 'what the rules leave' : `the ${stopped.where}`
  return `Refused (${stopped.verdict.reasons.join(', ')}): ${what} does not pass the policy. ${after}`
}

function costFacts({ copy, mount, present }: TransferCost): [string, string][] {
  const amount = ({ blobs, bytes }: TransferCost['copy']): string =>
    `${counted(blobs, 'blob')}, ${counted(bytes, 'byte')}`
  return [
    ['To be sent', amount(copy)],
    ['To be mounted', amount(mount)],
    ['At the target already', amount(present)],
  ]
}

/** Lines for a terminal. Foreign text is escaped by the door. */
export function promotionLines(results: readonly EntryResult[], dryRun: boolean): string[] {
  const only = onlyOne(results)
  if (only === null)
    return [...results]
      .sort((a, b) => b.exitCode - a.exitCode)
      .map((result) =>
        [`${words[result.state]}: ${result.from} → ${result.to}`, whyOf(result)].filter(Boolean).join(': '),
      )
  const { copied, left, missing, cost } = only
  const stopped = stoppedBy(only)
  return [
    ...(stopped === null ? [] : verdictLines(stopped.verdict)),
    ...left.map(({ type, tag, digest, reason }) => printable(`left behind: ${tag ?? type} ${digest}: ${reason}`)),
    ...missing.map(({ manifest, parent }) => `missing at the source: ${manifest}, named by ${parent}`),
    ...(cost === null ? [] : costFacts(cost).map(([label, value]) => `${label.toLowerCase()}: ${value}`)),
    ...(dryRun
      ? copied.map(
          ({ relation, attached, type, tag, digest }) =>
            `to copy: ${attached ? (tag ?? type) : place({ relation })} ${digest}`,
        )
      : []),
  ]
}

function whyOf({ promotion, error, pattern }: EntryResult): string {
  if (pattern !== undefined) return `no tag fits ${JSON.stringify(pattern)}`
  if (error !== null) return [error.message, error.remedy].filter(Boolean).join('. ')
  const stopped = promotion === null ? null : stoppedBy(promotion)
  return stopped === null ? '' : `${stopped.where}: ${stopped.verdict.reasons.join(', ')}`
}

function nameOf({ name, tag }: { name: string; tag: string | null }): string {
  return tag === null ? name : `${name}:${tag}`
}
