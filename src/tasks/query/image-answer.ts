import type { VerificationError } from '../../base/errors.ts'
import type { GraphGap } from '../../oci/graph.ts'
import type { Digest, Store } from '../../oci/types.ts'
import { noticeTypes } from '../../statement/notices.ts'
import { predicateTypes } from '../../statement/types.ts'
import { effectiveStatus, statusInWords, type EffectiveStatus } from '../../verify/status/effective.ts'
import { readNotices } from '../../verify/status/read.ts'
import { packageMatcher } from './packages.ts'
import { imageRows, type RowPlan } from './rows.ts'
import { newestOf, overlaps, rowSelector, typeSelector } from './select.ts'
import type { QueryTrust } from './trust.ts'
import type { Period, QueriedImage, QueryRow, RowSelectors } from './types.ts'

export const queriedStates = ['none', 'active', 'end-of-life', 'superseded', 'revoked', 'contradictory'] as const
type QueriedState = EffectiveStatus['state']

export interface Query {
  readonly rows: RowSelectors
  /** Chooses images by when they were in production. */
  readonly inProduction: Period | null
  /** Chooses images by their effective status; empty for all. */
  readonly states: readonly QueriedState[]
  readonly trust: QueryTrust
  /** Time to judge at. */
  readonly at: Date
}

/** The status of an image, in words. */
export interface QueriedStatus {
  readonly state: QueriedState
  readonly text: string
}

export interface AnsweredImage {
  readonly image: QueriedImage
  /** Null where the query does not ask for it. */
  readonly status: QueriedStatus | null
  /** Null where the query does not ask for it; empty where nothing that counts says so. */
  readonly production: readonly Period[] | null
  readonly rows: readonly QueryRow[]
  readonly gaps: readonly GraphGap[]
}

/** What one image comes to. */
export interface ImageAnswer {
  /** Null for an image that does not fit. */
  readonly answer: AnsweredImage | null
  readonly gaps: readonly GraphGap[]
  readonly statements: number
  /** A statement of a signer that counts and that cannot be read: it may be a revocation, so there is no answer without it. */
  readonly refused: VerificationError | null
}

/**
 * A reader of images for one query.
 *
 * @returns reads an image; `rests` gets the manifests on which the answer rests, also where it is that the image does not fit
 * @throws as `walkGraph`
 */
export function imageReader(
  query: Query,
): (store: Store, image: QueriedImage, rests: Set<Digest>) => Promise<ImageAnswer> {
  const { rows: selectors, states, inProduction, trust, at } = query
  const plan: RowPlan = {
    trust,
    at,
    wants: inProduction === null ? typeSelector(selectors.types) : () => true,
    package: selectors.package === null ? null : packageMatcher(selectors.package),
  }
  const fits = rowSelector(selectors)
  const isType = typeSelector(selectors.types)
  const rowsAsked = hasSelectors(selectors)
  const isAsked = (row: QueryRow): boolean =>
    rowsAsked ? isType(row.artifactType) && fits(row) : !isChooser(query) || chose(row, query)
  return async (store, image, rests) => {
    const nothing = { answer: null, gaps: [], statements: 0, refused: null }
    const status = states.length === 0 ? null : await statusOf(store, image, query, rests)
    if (status !== null && 'refused' in status) return { ...nothing, ...status }
    if (status !== null && !states.includes(status.state)) return nothing
    const { rows: found, gaps } = await imageRows(store, image, plan)
    const ended = { ...nothing, gaps, statements: found.length }
    const restOn = (rows: readonly QueryRow[]): readonly QueryRow[] => {
      for (const { manifest, subject } of rows) rests.add(manifest).add(subject)
      return rows
    }
    const production =
      inProduction === null ? null : productionOf(restOn(found.filter((row) => row.production !== null)), trust.named)
    if (inProduction !== null && !(production ?? []).some((one) => overlaps(one, inProduction))) return ended
    const asked = restOn(found.filter(isAsked))
    const rows = selectors.newest === null ? asked : newestOf(asked, selectors.newest)
    // An image without a status is an answer to "status none", although nothing says so.
    if (rows.length === 0 && (rowsAsked || status === null)) return ended
    return { ...ended, answer: { image, status, production, rows, gaps } }
  }
}

function hasSelectors(selectors: RowSelectors): boolean {
  const { types, predicates, signers, identities, issuers, verdicts, period, trustedTime, newest } = selectors
  return (
    [types, predicates, signers, identities, issuers, verdicts].some(({ length }) => length > 0) ||
    period !== null ||
    trustedTime ||
    newest !== null ||
    selectors.package !== null
  )
}

function isChooser({ states, inProduction }: Query): boolean {
  return states.length > 0 || inProduction !== null
}

function chose({ predicateType, production }: QueryRow, { states, inProduction }: Query): boolean {
  return (
    (states.length > 0 && predicateType === noticeTypes.status) ||
    (inProduction !== null && production !== null && overlaps(production, inProduction))
  )
}

async function statusOf(
  store: Store,
  image: QueriedImage,
  { trust, at }: Query,
  rests: Set<Digest>,
): Promise<QueriedStatus | Pick<ImageAnswer, 'refused'>> {
  if (trust.status === null) return { state: 'none', text: 'none' }
  const { counted, broken } = await readNotices('status', store, image.digest, trust.status, at)
  for (const { manifest } of [...counted, ...broken]) rests.add(manifest)
  const [unread] = broken
  if (unread !== undefined) return { refused: unread.error }
  const { state, decisive } = effectiveStatus(counted, at)
  return { state, text: decisive === null || state === 'contradictory' ? state : statusInWords(decisive) }
}

/** Intervals of archive records; where there is none, the beginnings that promotion records state. */
function productionOf(rows: readonly QueryRow[], named: boolean): Period[] {
  const counted = rows.filter(({ verdict }) => (named ? verdict === 'verified' : verdict !== 'invalid'))
  const of = (type: string): Period[] =>
    counted.flatMap(({ predicateType, production }) => (predicateType === type ? (production ?? []) : []))
  const archived = of(noticeTypes.archive)
  return archived.length > 0 ? archived : of(predicateTypes.promotion)
}
