import { counted } from '../../base/counted.ts'
import { VerificationError } from '../../base/errors.ts'
import type { Log } from '../../base/ports.ts'
import type { Coverage, Gap } from '../../sbom/model.ts'

/** Gaps that are named on the terminal; the rest is counted. */
const shown = 20

/** Warns of everything that a description leaves out, with path and kind. */
export function warnOfGaps(gaps: readonly Gap[], log: Pick<Log, 'warn'>): void {
  for (const { path, kind, reason, why } of gaps.slice(0, shown))
    log.warn(`SBOM incomplete: ${path} (${kind}, ${reason}) is not described: ${why}`)
  if (gaps.length > shown)
    log.warn(
      `SBOM incomplete: ${counted(gaps.length - shown, 'more path is', 'more paths are')} not described; the documents list all of them`,
    )
}

/** @throws VerificationError `sbom-incomplete` where there is a gap */
export function refuseGaps(gaps: readonly Gap[]): void {
  const [first] = gaps
  if (first === undefined) return
  const more = gaps.length === 1 ? '' : ` and ${gaps.length - 1} more`
  throw new VerificationError(
    'sbom-incomplete',
    `the SBOM is incomplete: ${first.path} (${first.kind})${more} could not be read: ${first.why}`,
    {
      subject: first.path,
      remedy: 'Repair or remove what cannot be read, or set `incomplete: warn` to get documents that name the gaps.',
    },
  )
}

/** Kinds of packages that are missing from a description, sorted. */
export function unreadKinds(gaps: readonly Gap[]): string[] {
  return [...new Set(gaps.map(({ kind }) => kind))].sort()
}

/** Share of the regular files that some package owns, in percent with one decimal, rounded down. `0` where there are no files. */
export function coveragePercent({ unattributed }: Pick<Coverage, 'unattributed'>, files: number): string {
  if (files === 0) return '0'
  return String(Math.floor(((files - unattributed) * 1000) / files) / 10)
}
