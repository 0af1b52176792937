import type { SbomDocument } from '../documents/model.ts'
import { weights } from './change-list.ts'
import { causeOf, leaveOut, silent, type Context, type Draft } from './context.ts'
import type { Facts, Operation, Severity } from './types.ts'

/**
 * Level L6: what no package explains, and what was not read. Growth counts; less than before is an improvement, unless both sides are about the
 * same image and of one engine: then any difference is one too many.
 *
 * @param same whether both sides are about the same subject
 */
export function compareCoverage(context: Context, same: boolean): void {
  const [a, b] = [context.a.document, context.b.document]
  if (a === null || b === null) return
  compareGaps(context, a, b, same)
  const [here, there] = [a.coverage, b.coverage]
  if (here === null || there === null) {
    const why = silent(here !== null, there !== null) ?? ''
    leaveOut(context, 'coverage', 'files outside of all packages', why)
    return
  }
  const lists = [
    ['unowned executable', here.executables, there.executables],
    ['privileged file', here.privileged, there.privileged],
  ] as const
  for (const [what, before, after] of lists) compareList(context, what, before, after, same)
  if (here.unattributed !== there.unattributed) {
    add(
      context,
      here.unattributed < there.unattributed ? 'grew' : 'shrank',
      'unattributed files',
      { files: here.unattributed },
      { files: there.unattributed },
      'files that no package owns',
      same,
    )
  }
}

function compareGaps(context: Context, a: SbomDocument, b: SbomDocument, same: boolean): void {
  const keys = ({ gaps }: SbomDocument): string[] => gaps.map(({ path, kind, why }) => `${path} (${kind}): ${why}`)
  compareList(context, 'not read', keys(a), keys(b), same)
  if (a.completeness === b.completeness || a.completeness === 'unknown' || b.completeness === 'unknown') {
    if (context.engines.same && context.engines.sameFormat && a.completeness !== b.completeness)
      sayCompleteness(context, a, b, same)
    return
  }
  sayCompleteness(context, a, b, same)
}

function sayCompleteness(context: Context, a: SbomDocument, b: SbomDocument, same: boolean): void {
  const op = b.completeness === 'complete' ? 'shrank' : 'grew'
  const [before, after] = [{ completeness: a.completeness }, { completeness: b.completeness }]
  add(context, op, 'completeness', before, after, 'the documents call themselves complete in different ways', same)
}

function compareList(context: Context, what: string, a: readonly string[], b: readonly string[], same: boolean): void {
  const [here, there] = [new Set(a), new Set(b)]
  for (const item of there)
    if (!here.has(item)) add(context, 'grew', `${what}: ${item}`, null, {}, 'only B has it', same)
  for (const item of here)
    if (!there.has(item)) add(context, 'shrank', `${what}: ${item}`, {}, null, 'only A has it', same)
}

function add(
  context: Context,
  op: Operation,
  key: string,
  before: Facts | null,
  after: Facts | null,
  reason: string,
  same: boolean,
): void {
  const { policy, list } = context
  const draft: Draft = { level: 'coverage', op, key, before, after, cause: causeOf(context), reason }
  const severity: Severity =
    draft.cause === 'tooling'
      ? policy.tooling
      : op === 'shrank' && !same
        ? policy.level('coverage') === 'ignore'
          ? 'ignore'
          : 'warn'
        : policy.level('coverage')
  list.add({ ...draft, severity }, weights.rest)
}
