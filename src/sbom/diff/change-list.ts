import { compareUtf8 } from '../../tar/paths.ts'
import { levels, perLevel, severities, type Change, type Counts, type Level, type Severity } from './types.ts'

/** How telling a change is, in the order in which changes are listed. */
export const weights = {
  subject: 0,
  privilege: 1,
  integrity: 2,
  packages: 3,
  executable: 4,
  content: 5,
  rest: 6,
} as const
export type Weight = (typeof weights)[keyof typeof weights]

/**
 * Collects changes: all are counted, and of each severity and weight the first ones are kept, so that a million changes cost no more than
 * some thousand.
 */
export class ChangeList {
  readonly counts: Record<Level, Counts>
  private readonly kept = new Map<string, Change[]>()
  private readonly most: number
  private total = 0

  /** @param most changes that are listed at last */
  constructor(most: number) {
    this.most = most
    this.counts = perLevel(() => ({ fail: 0, warn: 0, ignore: 0, tooling: 0 }))
  }

  add(change: Change, weight: Weight): void {
    const counts = this.counts[change.level]
    counts[change.severity]++
    if (change.cause === 'tooling') counts.tooling++
    this.total++
    const place = placeOf(change.severity, weight)
    const list = this.kept.get(place)
    if (list === undefined) this.kept.set(place, [change])
    else if (list.length < this.most) list.push(change)
  }

  /** Whether a level has a change that counts, caused by content. */
  has(level: Level): boolean {
    const { fail, warn } = this.counts[level]
    return fail + warn > 0
  }

  count(severity: Severity): number {
    return levels.reduce((sum, level) => sum + this.counts[level][severity], 0)
  }

  /** Most telling first: what fails before what warns, then by weight, level and key. */
  finish(): { changes: Change[]; unlisted: number } {
    const changes: Change[] = []
    for (const severity of severities) {
      for (const weight of Object.values(weights)) {
        const list = this.kept.get(placeOf(severity, weight)) ?? []
        changes.push(...[...list].sort(byLevelAndKey).slice(0, this.most - changes.length))
      }
    }
    return { changes, unlisted: this.total - changes.length }
  }
}

function placeOf(severity: Severity, weight: Weight): string {
  return `${severity} ${weight}`
}

function byLevelAndKey(a: Change, b: Change): number {
  return levels.indexOf(a.level) - levels.indexOf(b.level) || compareUtf8(a.key, b.key) || compareUtf8(a.op, b.op)
}
