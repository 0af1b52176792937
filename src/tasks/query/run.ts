import { InputError } from '../../base/errors.ts'
import { inOrder } from '../../base/in-order.ts'
import type { GraphGap } from '../../oci/graph.ts'
import type { Store } from '../../oci/types.ts'
import { noticeTypes } from '../../statement/notices.ts'
import { predicateTypes } from '../../statement/types.ts'
import { effectiveStatus, statusInWords, type EffectiveStatus } from '../../verify/status/effective.ts'
import { readNotices } from '../../verify/status/read.ts'
import { packageMatcher } from './packages.ts'
import { imageRows, type RowPlan } from './rows.ts'
import { newestOf, overlaps, rowSelector, typeSelector } from './select.ts'
import type { QuerySource } from './sources.ts'
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

export interface Answer {
  /** Images that fit, with the rows that were asked for. */
  readonly images: readonly AnsweredImage[]
  readonly looked: { readonly stores: number; readonly images: number; readonly statements: number }
  /** Of all images, also of those that do not fit: what could not be read may have been an answer. */
  readonly gaps: readonly GraphGap[]
}

/** Images that are read at a time; each reads several manifests at a time, and a registry has its own limit of connections. */
const parallel = 8

/**
 * Answers a query. Images are chosen by status and production: by verified statements alone where somebody was named whose statements count. Rows
 * are chosen by the other selectors; without one of these, the rows are the statements that chose the image.
 *
 * @throws InputError `input-missing` for states without anybody whose word on them counts
 */
export async function runQuery(sources: readonly QuerySource[], query: Query): Promise<Answer> {
  const { rows: selectors, states, inProduction, trust, at } = query
  if (states.length > 0 && trust.status === null)
    throw new InputError('input-missing', 'status: nobody was named whose word on the status counts', {
      subject: 'status',
      remedy: 'Give a policy with a section `status` as `trust`, or the key of the signer as `public-key`.',
    })
  const plan: RowPlan = {
    trust,
    at,
    wants: inProduction === null ? typeSelector(selectors.types) : () => true,
    package: selectors.package === null ? null : packageMatcher(selectors.package),
  }
  const fits = rowSelector(selectors)
  const isType = typeSelector(selectors.types)
  const rowsAsked = hasSelectors(selectors)
  const work = sources.flatMap(({ store, images }) => images.map((image) => ({ store, image })))
  const answered: AnsweredImage[] = []
  const gaps: GraphGap[] = []
  let statements = 0
  const read = inOrder(work, parallel, async ({ store, image }) => {
    const status = states.length === 0 ? null : await statusOf(store, image, query)
    if (status !== null && !states.includes(status.state)) return null
    const found = await imageRows(store, image, plan)
    const production = inProduction === null ? null : productionOf(found.rows, trust.named)
    return { image, status, production, ...found }
  })
  for await (const found of read) {
    if (found === null) continue
    statements += found.rows.length
    gaps.push(...found.gaps)
    if (inProduction !== null && !(found.production ?? []).some((one) => overlaps(one, inProduction))) continue
    const chosen = found.rows.filter((row) =>
      rowsAsked ? isType(row.artifactType) && fits(row) : !isChooser(query) || chose(row, query),
    )
    const rows = selectors.newest === null ? chosen : newestOf(chosen, selectors.newest)
    // An image without a status is an answer to "status none", although nothing says so.
    if (rows.length > 0 || (!rowsAsked && found.status !== null)) answered.push({ ...found, rows })
  }
  return { images: answered, gaps, looked: { stores: sources.length, images: work.length, statements } }
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

async function statusOf(store: Store, image: QueriedImage, { trust, at }: Query): Promise<QueriedStatus> {
  if (trust.status === null) return { state: 'none', text: 'none' }
  const { counted, broken } = await readNotices('status', store, image.digest, trust.status, at)
  const [unread] = broken
  // What a trusted signer said and cannot be read may be a revocation.
  if (unread !== undefined) throw unread.error
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
