/** A period in which a pinned value counts; compared with trusted statement time (TRUST §6). */
export interface Window {
  notBefore: Date | null
  notAfter: Date | null
}

/** @param item RFC 3339 times that the schema has checked; what is left out has no end on that side */
export function windowOf(item: { 'not-before'?: string | undefined; 'not-after'?: string | undefined }): Window {
  const date = (value: string | undefined): Date | null => (value === undefined ? null : new Date(value))
  return { notBefore: date(item['not-before']), notAfter: date(item['not-after']) }
}

/** For reasons: `from 2026-01-01T00:00:00.000Z to …`. */
export function windowText({ notBefore, notAfter }: Window): string {
  const from = notBefore === null ? '' : `from ${notBefore.toISOString()}`
  const to = notAfter === null ? '' : `to ${notAfter.toISOString()}`
  return [from, to].filter((part) => part !== '').join(' ') || 'always'
}

/** Why a document counts at a time, or does not: `the CRL expired on 2026-04-03…; judged at 2026-11-01…`. */
export function windowReason(
  what: string,
  { notBefore, notAfter }: { notBefore: Date; notAfter: Date },
  at: Date,
): string {
  const state =
    at > notAfter
      ? `expired on ${notAfter.toISOString()}`
      : at < notBefore
        ? `is not valid before ${notBefore.toISOString()}`
        : `is valid from ${notBefore.toISOString()} until ${notAfter.toISOString()}`
  return `${what} ${state}; judged at ${at.toISOString()}`
}

/** Whether a time lies in a window. Both ends belong to it; null has no end on that side. */
export function isWithin({ notBefore, notAfter }: Window, at: Date): boolean {
  return (notBefore === null || at >= notBefore) && (notAfter === null || at <= notAfter)
}
