import { InputError } from '../../base/errors.ts'
import { glob } from '../../base/glob.ts'
import { useOneOf } from '../../base/nearest.ts'
import { table } from '../../base/table.ts'
import { claimTypes } from '../../statement/claims/types.ts'
import { noticeTypes } from '../../statement/notices.ts'
import { predicateTypes } from '../../statement/types.ts'
import type { Period, QueryRow, RowSelectors } from './types.ts'

const shortNames: Readonly<Record<string, readonly string[]>> = table({
  ...Object.fromEntries(
    Object.entries({ ...predicateTypes, ...claimTypes, ...noticeTypes }).map(([name, type]) => [name, [type]]),
  ),
  sbom: [predicateTypes.spdx, `${predicateTypes.spdx}/*`, predicateTypes.cyclonedx, `${predicateTypes.cyclonedx}/*`],
})

type Fits = (text: string) => boolean

/** A pattern over predicate types: `*` stands for any text, and a short name of docs/predicates for its type. @throws InputError `input-invalid` */
export function predicatePattern(text: string): Fits {
  const named = shortNames[text]
  if (named !== undefined) return anyOf(named.map(glob))
  if (/[:*/]/.test(text)) return glob(text)
  throw new InputError('input-invalid', `predicate: ${JSON.stringify(text)} is not a kind of statement`, {
    subject: 'predicate',
    remedy: `${useOneOf(text, Object.keys(shortNames))} Or give a predicate type in \`predicate\`; * stands for any text.`,
  })
}

/** Whether any artifact type of a list fits; an empty list takes all. */
export function typeSelector(types: readonly string[]): (artifactType: string | null) => boolean {
  const fits = types.map(glob)
  return (type) => fits.length === 0 || (type !== null && fits.some((one) => one(type)))
}

/**
 * Whether a row is asked for. What cannot be read fits each predicate, and each package: it may be the very statement that was asked for.
 *
 * @throws InputError `input-invalid`
 */
export function rowSelector(selectors: RowSelectors): (row: QueryRow) => boolean {
  const { verdicts, period, trustedTime } = selectors
  const predicates = selectors.predicates.map(predicatePattern)
  const signers = selectors.signers.map(signerPattern)
  const [identities, issuers] = [selectors.identities.map(glob), selectors.issuers.map(glob)]
  const wantsPackage = selectors.package !== null
  return (row) => {
    const unreadable = row.kind === 'statement' && row.predicateType === null
    if (predicates.length > 0 && !unreadable && !(row.predicateType !== null && anyOf(predicates)(row.predicateType)))
      return false
    if (wantsPackage && !unreadable && (row.packages?.length ?? 0) === 0 && !isUnsearched(row)) return false
    if (signers.length > 0 && !row.signers.some(anyOf(signers))) return false
    const [name, issuer] = row.signers
    if (identities.length > 0 && !(name !== undefined && anyOf(identities)(name))) return false
    if (issuers.length > 0 && !(issuer !== undefined && anyOf(issuers)(issuer))) return false
    if (verdicts.length > 0 && !verdicts.includes(row.verdict)) return false
    if (trustedTime && row.time?.by !== 'trusted') return false
    return period === null || (row.time !== null && isInside(row.time.at, period))
  }
}

/** The newest rows of each image, kind, verdict and signer. What is not proven displaces nothing that is. */
export function newestOf(rows: readonly QueryRow[], count: number): QueryRow[] {
  const kinds = Map.groupBy(rows, ({ image, subject, kind, predicateType, artifactType, verdict, signers }) =>
    JSON.stringify([image.store, subject, kind, predicateType ?? artifactType, verdict, [...signers].sort()]),
  )
  const kept = new Set([...kinds.values()].flatMap((of) => of.toSorted(byTime).slice(0, count)))
  return rows.filter((row) => kept.has(row))
}

export function overlaps(one: Period, other: Period): boolean {
  const startsBefore = (a: Period, b: Period): boolean => a.from === null || b.to === null || a.from <= b.to
  return startsBefore(one, other) && startsBefore(other, one)
}

/** An SBOM that could not be read: it may hold the package. */
function isUnsearched({ notes }: QueryRow): boolean {
  return notes.some((note) => note.startsWith('cannot be searched'))
}

function byTime(a: QueryRow, b: QueryRow): number {
  const at = ({ time }: QueryRow): number => time?.at.getTime() ?? Number.NEGATIVE_INFINITY
  const [x, y] = [at(a), at(b)]
  return x === y ? (a.manifest < b.manifest ? -1 : 1) : y - x
}

function isInside(at: Date, { from, to }: Period): boolean {
  return (from === null || at >= from) && (to === null || at <= to)
}

/** A name with `*`, or SHA-256 of a public key as hex or base64. */
function signerPattern(text: string): Fits {
  const hex = /^(?:sha256:)?([0-9a-f]{64})$/.exec(text)?.[1]
  return hex === undefined ? glob(text) : glob(Buffer.from(hex, 'hex').toString('base64'))
}

function anyOf(fits: readonly Fits[]): Fits {
  return (text) => fits.some((one) => one(text))
}
