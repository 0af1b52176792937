/**
 * A pattern for git refs: `*` covers any part of one segment, everything else stands for itself, and the whole ref is compared. So
 * `refs/tags/v*` covers `refs/tags/v1.2` but not `refs/tags/v1/x` and not `refs/heads/refs/tags/v1`.
 */
export function refPattern(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => escapePattern(part))
  return new RegExp(`^${parts.join('[^/\\n]*')}$`, 'u')
}

/** A text as a regular expression that matches just that. */
export function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)
}

/** Whether a ref is covered by one of some patterns. */
export function isAmongRefs(ref: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => refPattern(pattern).test(ref))
}
