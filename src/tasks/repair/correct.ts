import { jcs } from '../../encoding/jcs.ts'
import { VerificationError } from '../../base/errors.ts'
import { inOrder } from '../../base/in-order.ts'
import { fallbackTag } from '../../oci/digest.ts'
import type { Descriptor, Digest, Store, StoredManifest, WrittenListing } from '../../oci/types.ts'

/** An entry that says something else than its manifest. */
export interface Corrected {
  readonly manifest: Digest
  readonly was: string | null
  readonly is: string | null
}

/** What was wrong with entries of the lists that clients write. */
export interface Corrections {
  readonly corrected: readonly Corrected[]
  /** Listed, but the manifest is gone. */
  readonly missing: readonly Digest[]
  /** Whether the missing ones were taken out. */
  readonly dropped: boolean
}

/** Manifests that are read at a time. */
const parallel = 4

/**
 * Corrects what lists of referrers say of their entries: some clients write the type of the empty config as artifact type, so that tools that filter by
 * type do not find the entry. Entries of manifests that cannot be read stay as they are.
 */
export async function correctListings(
  store: Store,
  subjects: readonly Digest[],
  how: { dropMissing: boolean; dryRun: boolean },
): Promise<Corrections> {
  const { listing } = store
  const corrected: Corrected[] = []
  const missing: Digest[] = []
  for (const subject of listing === undefined ? [] : await subjectsOf(store, subjects)) {
    const entries = await wholeEntries(listing, subject)
    const right = new Map<Digest, Descriptor | null>()
    for await (const { entry, stored } of inOrder(entries, parallel, (one) => read(store, one))) {
      if (stored === 'unreadable') continue
      const correct = stored === null ? null : rightEntry(listing, entry, stored)
      if (correct === entry) continue
      right.set(entry.digest, correct)
      if (correct === null) missing.push(entry.digest)
      else corrected.push({ manifest: entry.digest, was: entry.artifactType ?? null, is: correct.artifactType ?? null })
    }
    if (how.dryRun || right.size === 0) continue
    const change = (now: readonly Descriptor[]): readonly Descriptor[] => changed(now, right, how.dropMissing)
    await listing?.rewrite(subject, change)
  }
  return { corrected, missing, dropped: how.dropMissing && !how.dryRun }
}

/** Entries with all that they say. A change that gives back the list it got writes nothing. */
async function wholeEntries(listing: WrittenListing | undefined, subject: Digest): Promise<readonly Descriptor[]> {
  let entries: readonly Descriptor[] = []
  await listing?.rewrite(subject, (now) => (entries = now), { replaceImage: true })
  return entries
}

/** A layout has one list for all; of a registry's those that are there. */
async function subjectsOf(store: Store, subjects: readonly Digest[]): Promise<readonly Digest[]> {
  if (store.kind === 'layout') return subjects.slice(0, 1)
  const tags = new Set(await store.tags())
  return subjects.filter((subject) => tags.has(fallbackTag(subject)))
}

async function read(
  store: Store,
  entry: Descriptor,
): Promise<{ entry: Descriptor; stored: StoredManifest | null | 'unreadable' }> {
  try {
    return { entry, stored: await store.getManifest(entry.digest) }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return { entry, stored: error.code === 'missing-blob' ? null : 'unreadable' }
  }
}

/** The entry itself where nothing is wrong with it. */
function rightEntry(listing: WrittenListing | undefined, entry: Descriptor, stored: StoredManifest): Descriptor {
  const right = listing?.entryOf(stored)
  const same = (name: 'artifactType' | 'annotations' | 'size' | 'mediaType'): boolean =>
    jcs(entry[name] ?? null).equals(jcs(right?.[name] ?? null))
  const isSame = same('artifactType') && same('annotations') && same('size') && same('mediaType')
  // What else an entry says (a platform, embedded data) stays.
  return right === undefined || isSame ? entry : { ...entry, annotations: undefined, artifactType: undefined, ...right }
}

function changed(
  now: readonly Descriptor[],
  right: ReadonlyMap<Digest, Descriptor | null>,
  dropMissing: boolean,
): readonly Descriptor[] {
  const next = now.flatMap((entry) => {
    const correct = right.get(entry.digest)
    if (correct === null) return dropMissing ? [] : [entry]
    return [correct ?? entry]
  })
  return jcs([...now]).equals(jcs(next)) ? now : next
}
