import type { VerificationError } from '../base/errors.ts'
import type { OnBroken } from './referrers.ts'
import type { Digest, KnownTags, Store, StoredManifest } from './types.ts'

/** Reads referrers of manifests that a walk comes to later, so that a thousand of them do not wait for one another's answers. */
export interface LookAhead {
  /** Asks for the referrers of a manifest; they are held until {@link read} wants them. */
  start(digest: Digest): void
  /** The referrers of a manifest, in the order of the store. What is broken is told when they are read, not when they came. */
  read(digest: Digest, onBroken: OnBroken): AsyncGenerator<StoredManifest>
  /** Ends what was started and never read. */
  close(): void
}

interface Started {
  readonly iterator: AsyncIterator<StoredManifest>
  /** The beginning of the listing. */
  readonly first: Promise<readonly StoredManifest[]>
  onBroken: OnBroken
}

/** Referrers of one manifest that are read ahead, and manifests whose referrers are. */
const most = { referrers: 8, listings: 64 } as const

/**
 * Of each listing that is asked for ahead, only its beginning is read, and of few listings at a time: what a stranger attached by the thousand is not held.
 *
 * @param onFound hears of each referrer that is read ahead
 */
export function lookAhead(
  store: Store,
  known?: KnownTags,
  onFound: (referrer: StoredManifest, to: Digest) => void = () => {},
): LookAhead {
  const started = new Map<Digest, Started>()

  const begin = (digest: Digest): Started => {
    const early: { manifest: Digest; error: VerificationError }[] = []
    const one = { onBroken: (broken: (typeof early)[number]): void => void early.push(broken) }
    const referrers = store.readReferrers(digest, (broken) => one.onBroken(broken), known)
    const iterator = referrers[Symbol.asyncIterator]()
    const beginning = async (): Promise<StoredManifest[]> => {
      const found: StoredManifest[] = []
      while (found.length < most.referrers) {
        const next = await iterator.next()
        if (next.done === true) break
        found.push(next.value)
        onFound(next.value, digest)
      }
      return found
    }
    const first = beginning()
    // Whoever reads it hears of its failure.
    first.catch(() => {})
    return {
      iterator,
      first,
      set onBroken(told: OnBroken) {
        for (const broken of early.splice(0)) told(broken)
        one.onBroken = told
      },
    }
  }

  async function* read(digest: Digest, onBroken: OnBroken): AsyncGenerator<StoredManifest> {
    const found = started.get(digest) ?? begin(digest)
    started.delete(digest)
    try {
      found.onBroken = onBroken
      yield* await found.first
      for (let next = await found.iterator.next(); next.done !== true; next = await found.iterator.next())
        yield next.value
    } finally {
      await found.iterator.return?.()
    }
  }

  return {
    start: (digest) => {
      if (!started.has(digest) && started.size < most.listings) started.set(digest, begin(digest))
    },
    read,
    close: () => {
      for (const { iterator } of started.values()) iterator.return?.()?.catch(() => {})
      started.clear()
    },
  }
}
