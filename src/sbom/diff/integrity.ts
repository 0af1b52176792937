import type { IntegrityFinding } from '../model.ts'
import { weights } from './change-list.ts'
import { addChange, leaveOut, type Context } from './context.ts'
import type { Facts, Severity } from './types.ts'

/**
 * Level L5: packaged files that are not as their package says. What both sides state is no difference; where only one side states anything, its
 * findings warn, since nobody said before that there were none.
 */
export function compareIntegrity(context: Context): void {
  const [a, b] = [context.a, context.b].map(({ document }) => document?.coverage?.findings)
  if (a === undefined && b === undefined) {
    leaveOut(context, 'integrity', 'package sums', 'neither side states it')
    return
  }
  if (a === undefined || b === undefined) {
    leaveOut(context, 'integrity', 'package sums', `${a === undefined ? 'A' : 'B'} does not state it`)
    for (const finding of a ?? b ?? []) addOneSided(context, a === undefined ? 'added' : 'removed', finding)
    return
  }
  const [here, there] = [byKey(a), byKey(b)]
  for (const [key, finding] of there) {
    const was = here.get(key)
    if (was?.kind === finding.kind) continue
    const before = was === undefined ? null : factsOf(was)
    const op = was === undefined ? 'added' : 'changed'
    addChange(
      context,
      {
        level: 'integrity',
        op,
        key: finding.path,
        before,
        after: factsOf(finding),
        cause: 'content',
        reason: sayFinding(finding),
      },
      weights.integrity,
    )
  }
  for (const [key, finding] of here) {
    if (there.has(key)) continue
    const reason = 'B no longer states that the file is not as its package says'
    addChange(
      context,
      {
        level: 'integrity',
        op: 'removed',
        key: finding.path,
        before: factsOf(finding),
        after: null,
        cause: 'content',
        reason,
      },
      weights.integrity,
    )
  }
}

function addOneSided({ list, policy }: Context, op: 'added' | 'removed', finding: IntegrityFinding): void {
  const severity: Severity = policy.level('integrity') === 'ignore' ? 'ignore' : 'warn'
  const [before, after] = op === 'added' ? [null, factsOf(finding)] : [factsOf(finding), null]
  const reason = `${sayFinding(finding)}; the other side does not state such findings`
  list.add(
    { level: 'integrity', op, key: finding.path, before, after, severity, cause: 'tooling', reason },
    weights.integrity,
  )
}

function byKey(findings: readonly IntegrityFinding[]): Map<string, IntegrityFinding> {
  return new Map(findings.map((finding) => [`${finding.path}\n${finding.purl}`, finding]))
}

function factsOf({ kind, purl }: IntegrityFinding): Facts {
  return { state: kind, package: purl }
}

function sayFinding({ kind }: IntegrityFinding): string {
  return kind === 'modified' ? 'the file is not the one that its package brought' : 'a file of the package is missing'
}
