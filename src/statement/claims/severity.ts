/** Levels of severity, in rising order. `unknown` stands above all: what nobody rated may be the worst. */
export const severities = ['none', 'negligible', 'low', 'medium', 'high', 'critical', 'unknown'] as const
export type Severity = (typeof severities)[number]

/** Severity limits that a policy may set: the highest level that is admitted. */
export const severityLimits = ['none', 'negligible', 'low', 'medium', 'high'] as const
export type SeverityLimit = (typeof severityLimits)[number]

const words: Readonly<Record<string, Severity>> = {
  none: 'none',
  informational: 'none',
  info: 'none',
  negligible: 'negligible',
  unimportant: 'negligible',
  low: 'low',
  minor: 'low',
  medium: 'medium',
  moderate: 'medium',
  high: 'high',
  important: 'high',
  major: 'high',
  critical: 'critical',
  blocker: 'critical',
}

/** Whether the first is worse than the second. */
export function isWorse(one: Severity, other: Severity): boolean {
  return severities.indexOf(one) > severities.indexOf(other)
}

/** The worst of some levels; null for none. */
export function worstOf(levels: readonly Severity[]): Severity | null {
  return levels.reduce<Severity | null>(
    (worst, level) => (worst === null || isWorse(level, worst) ? level : worst),
    null,
  )
}

/** The level that a word of a scanner or distribution stands for; null for a word that is none. */
export function severityOfWord(word: string): Severity | null {
  const key = word.trim().toLowerCase()
  return Object.hasOwn(words, key) ? (words[key] ?? null) : null
}

/** The level of a CVSS base score (CVSS v3.1 §5, v4.0 §6): 0 none, below 4 low, below 7 medium, below 9 high. Null for no such score. */
export function severityOfScore(text: string): Severity | null {
  if (!/^(?:10(?:\.0+)?|[0-9](?:\.[0-9]+)?)$/.test(text)) return null
  const score = Number(text)
  if (score === 0) return 'none'
  if (score < 4) return 'low'
  if (score < 7) return 'medium'
  return score < 9 ? 'high' : 'critical'
}

/** One rating of a finding, as in-toto's vulns predicate has them. */
export interface Rating {
  /** Who rated or how: `nvd`, `debian`, `cvss-3.1`. */
  method: string
  /** A word or a CVSS base score. */
  score: string
}

/**
 * The level of a finding. Words decide before scores, because a distribution rates its own build of a package; the worst word counts. A finding
 * without any rating that is understood is `unknown`.
 */
export function severityOf(ratings: readonly Rating[]): Severity {
  const said = ratings.map(({ score }) => severityOfWord(score)).filter((level) => level !== null)
  const scored = ratings.map(({ score }) => severityOfScore(score)).filter((level) => level !== null)
  return worstOf(said) ?? worstOf(scored) ?? 'unknown'
}
