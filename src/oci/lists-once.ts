import { TransportError } from '../base/errors.ts'
import { fallbackTag, isAttachedTag } from './digest.ts'
import type { FallbackIndex } from './fallback-index.ts'
import type { OnBroken } from './referrers.ts'
import type { ReferrersApi } from './referrers-api.ts'
import type { Descriptor, Digest } from './types.ts'

const none: ReadonlySet<string> = new Set()
const isListing = (tag: string): boolean => !tag.includes('.')

/** A longer list is read again, so that what strangers attached is not held. */
const heldEntries = 20_000

interface Lists {
  readonly api: ReferrersApi
  tags(): Promise<string[]>
  /** The reading of fallback indexes. */
  fallbackOf(index: Pick<FallbackIndex, 'read'>): FallbackIndex['read']
  /** Whether a fallback tag or one of cosign's is known to be absent from the tags that were read before; false where it has to be asked for. */
  lacks(tag: string): Promise<boolean>
}

/** The lists of one repository; a steady reader asks for each once. */
export function listsOf(
  { api, listTags }: { readonly api: ReferrersApi; listTags(): Promise<string[]> },
  steady: boolean,
): Lists {
  if (!steady) return { api, tags: listTags, fallbackOf: ({ read }) => read, lacks: () => Promise.resolve(false) }
  const once = memory()
  const tags = (): Promise<string[]> => once('tags', listTags)
  let asked = false
  const lacks = async (tag: string): Promise<boolean> => {
    if (!asked || !isAttachedTag(tag)) return false
    const known = await once('attached tags', async () => new Set((await tags()).filter(isAttachedTag))).catch(
      (error: unknown) => {
        if (!(error instanceof TransportError)) throw error
        return none
      },
    )
    // Some registries leave out of the list what is attached: only one that shows fallback tags is believed to show all.
    return [...known].some(isListing) && !known.has(tag)
  }
  return {
    api: {
      list: async (digest, artifactType) =>
        once(`${digest} ${artifactType ?? ''}`, () => api.list(digest, artifactType)),
    },
    tags: () => {
      asked = true
      return tags()
    },
    fallbackOf:
      ({ read }) =>
      async (subject: Digest, onBroken: OnBroken): Promise<Descriptor[]> => {
        if (await lacks(fallbackTag(subject))) return []
        const { found, broken } = await once(`fallback ${subject}`, async () => {
          const broken: Parameters<OnBroken>[0][] = []
          return { found: await read(subject, (one) => broken.push(one)), broken }
        })
        for (const one of broken) onBroken(one)
        return found
      },
    lacks,
  }
}

/** Answers by key; a failed question and a very long answer are asked for again. */
function memory(): <T>(key: string, ask: () => Promise<T>) => Promise<T> {
  const answers = new Map<string, Promise<unknown>>()
  return <T>(key: string, ask: () => Promise<T>): Promise<T> => {
    const known = answers.get(key) as Promise<T> | undefined
    if (known !== undefined) return known
    const answer = ask()
    answers.set(key, answer)
    const forget = (): void => void answers.delete(key)
    answer.then((value) => {
      if (sizeOf(value) > heldEntries) forget()
    }, forget)
    return answer
  }
}

function sizeOf(answer: unknown): number {
  if (Array.isArray(answer)) return answer.length
  return typeof answer === 'object' && answer !== null && 'found' in answer ? sizeOf(answer.found) : 0
}
