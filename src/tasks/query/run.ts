import { InputError } from '../../base/errors.ts'
import { inOrder } from '../../base/in-order.ts'
import type { GraphGap } from '../../oci/graph.ts'
import { imageReader, type AnsweredImage, type ImageAnswer, type Query } from './image-answer.ts'
import type { QuerySource } from './sources.ts'
import type { QueriedImage } from './types.ts'

export interface Answer {
  /** Images that fit, with the rows that were asked for. */
  readonly images: readonly AnsweredImage[]
  readonly looked: { readonly stores: number; readonly images: number; readonly statements: number }
  /** Of all images, also of those that do not fit: what could not be read may have been an answer. */
  readonly gaps: readonly GraphGap[]
  /** Stores without a tagged image, such as a misspelt name in a list. */
  readonly empty: readonly string[]
}

/** Images that are read at a time; each reads several manifests at a time, and a registry has its own limit of connections. */
const parallel = 16

/**
 * Answers a query. Images are chosen by status and production: by verified statements alone where somebody was named whose statements count. Rows
 * are chosen by the other selectors; without one of these, the rows are the statements that chose the image.
 *
 * @param onImage told after each image how many were read
 * @throws InputError `input-missing` for states without anybody whose word on them counts
 */
export async function runQuery(
  sources: readonly QuerySource[],
  query: Query,
  onImage: (done: number, of: number) => void = () => {},
): Promise<Answer> {
  if (query.states.length > 0 && query.trust.status === null)
    throw new InputError('input-missing', 'status: nobody was named whose word on the status counts', {
      subject: 'status',
      remedy: 'Give `trust` a policy that has the section "status", or `public-key` the key of the signer.',
    })
  const read = imageReader(query)
  const work = sources.flatMap((source) => source.images.map((image) => ({ source, image })))
  const answered: AnsweredImage[] = []
  const gaps: GraphGap[] = []
  let [done, statements] = [0, 0]
  for await (const found of inOrder(work, parallel, ({ source, image }) => answerOf(source, image, read))) {
    statements += found.statements
    gaps.push(...found.gaps)
    if (found.answer !== null) answered.push(found.answer)
    onImage(++done, work.length)
  }
  const empty = sources.filter(({ images }) => images.length === 0).map(({ store }) => store.name)
  return { images: answered, gaps, empty, looked: { stores: sources.length, images: work.length, statements } }
}

/** An answer may rest on what the cache alone still has. Then the image is read once more, from the registry. */
async function answerOf(
  { store, fresh, holds }: QuerySource,
  image: QueriedImage,
  read: ReturnType<typeof imageReader>,
): Promise<ImageAnswer> {
  const rests = new Set<QueriedImage['digest']>()
  let found = await read(store, image, rests)
  for await (const there of inOrder(rests, parallel, holds)) {
    if (there) continue
    found = await read(fresh(), image, new Set())
    break
  }
  if (found.refused !== null) throw found.refused
  return found
}
