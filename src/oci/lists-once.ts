import { TransportError } from '../base/errors.ts'
import { fallbackTag, isAttachedTag } from './digest.ts'
import type { FallbackIndex } from './fallback-index.ts'
import type { OnBroken } from './referrers.ts'
import type { ReferrersApi } from './referrers-api.ts'
import type { Descriptor, Digest } from './types.ts'

const none: ReadonlySet<string> = new Set()
/** Registries that end a list of tags early without saying so end it at a round number; such a list is not believed. */
const maybeCut = ({ length }: readonly string[]): boolean => length > 0 && length % 50 === 0
const isListing = (tag: string): boolean => !tag.includes('.')

/** A longer list is read again, so that what strangers attached is not held; nor are more entries of all lists together. */
const heldEntries = { one: 20_000, all: 100_000 } as const

/** What a fallback index lists, and what was wrong with it. */
interface Written {
  readonly found: Descriptor[]
  readonly broken: readonly Parameters<OnBroken>[0][]
}

interface Lists {
  readonly api: ReferrersApi
  tags(): Promise<string[]>
  /** The reading of fallback indexes. */
  fallbackOf(index: Pick<FallbackIndex, 'read'>): FallbackIndex['read']
  /** Whether a fallback tag or one of cosign's is known to be absent from the tags that were read before; false where it has to be asked for. */
  lacks(tag: string): Promise<boolean>
  /** What stands under a tag. Each child of an index asks for cosign's tags of the index: of those the answer is remembered. */
  under(tag: string, ask: () => Promise<Descriptor | null>): Promise<Descriptor | null>
}

/** The lists of one repository; a steady reader asks for each once. */
export function listsOf(
  { api, listTags }: { readonly api: ReferrersApi; listTags(): Promise<string[]> },
  steady: boolean,
): Lists {
  if (!steady)
    return {
      api,
      tags: listTags,
      fallbackOf: ({ read }) => read,
      lacks: () => Promise.resolve(false),
      under: (_tag, ask) => ask(),
    }
  const listed = memory<Descriptor[] | null>((list) => list?.length ?? 0)
  const indexes = memory<Written>(({ found }) => found.length)
  const names = memory<string[]>((list) => list.length)
  const attached = memory<ReadonlySet<string>>(() => 0)
  const standing = memory<Descriptor | null>(() => 0)
  const tags = (): Promise<string[]> => names('', listTags)
  let asked = false
  const lacks = async (tag: string): Promise<boolean> => {
    if (!asked || !isAttachedTag(tag)) return false
    const known = await attached('', async () => {
      const list = await tags()
      return new Set(maybeCut(list) ? [] : list.filter(isAttachedTag))
    }).catch((error: unknown) => {
      if (!(error instanceof TransportError)) throw error
      return none
    })
    // Some registries leave out of the list what is attached: only one that shows fallback tags is believed to show all.
    return [...known].some(isListing) && !known.has(tag)
  }
  return {
    api: {
      list: async (digest, artifactType) =>
        listed(`${digest} ${artifactType ?? ''}`, () => api.list(digest, artifactType)),
    },
    tags: () => {
      asked = true
      return tags()
    },
    fallbackOf:
      ({ read }) =>
      async (subject: Digest, onBroken: OnBroken): Promise<Descriptor[]> => {
        if (await lacks(fallbackTag(subject))) return []
        const { found, broken } = await indexes(subject, async () => {
          const broken: Parameters<OnBroken>[0][] = []
          return { found: await read(subject, (one) => broken.push(one)), broken }
        })
        for (const one of broken) onBroken(one)
        return found
      },
    lacks,
    under: (tag, ask) => (isAttachedTag(tag) ? standing(tag, ask) : ask()),
  }
}

/** Answers by key; a failed question, a very long answer and the oldest of too many are asked for again. @param sizeOf entries of an answer */
function memory<T>(sizeOf: (answer: T) => number): (key: string, ask: () => Promise<T>) => Promise<T> {
  const answers = new Map<string, Promise<T>>()
  /** Entries of answers that came, in the order in which they came. */
  const sizes = new Map<string, number>()
  let held = 0
  return (key, ask) => {
    const known = answers.get(key)
    if (known !== undefined) return known
    const answer = ask()
    answers.set(key, answer)
    const forget = (): void => void answers.delete(key)
    answer.then((value) => {
      const size = sizeOf(value)
      if (size > heldEntries.one) return forget()
      sizes.set(key, size + 1)
      held += size + 1
      for (const [oldest, old] of sizes) {
        if (held <= heldEntries.all) break
        sizes.delete(oldest)
        answers.delete(oldest)
        held -= old
      }
    }, forget)
    return answer
  }
}
