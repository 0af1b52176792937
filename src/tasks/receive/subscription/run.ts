import { errorRecord, exitCodes, InputError, toSealwrightError, type ErrorRecord } from '../../../base/errors.ts'
import type { Ports } from '../../../base/ports.ts'
import { openStore } from '../../../oci/open.ts'
import { parseReference } from '../../../oci/reference.ts'
import type { Descriptor, Digest } from '../../../oci/types.ts'
import { loadGatePolicy, type GatePolicy } from '../../verify/gate-policy.ts'
import { stoppedBy, type Promoter, type Promotion } from '../run.ts'
import type { SubscriptionEntry } from './file.ts'
import { isLiteral, matchRepositories, matchTags, tagFilter, type FoundPlace, type FoundSource } from './sources.ts'

/** What became of one image of a subscription, or of a repository whose tags could not be read. */
export interface EntryResult {
  readonly from: string
  readonly to: string
  readonly digest: Digest | null
  /** `present`: the target has this digest under this tag already. `unmatched`: a pattern of the entry fits no tag of the repository. */
  readonly state: 'promoted' | 'planned' | 'present' | 'unmatched' | 'refused' | 'failed'
  /** The pattern that fits nothing. */
  readonly pattern?: string
  readonly promotion: Promotion | null
  readonly error: ErrorRecord | null
  /** Exit code that this result alone would have (INTERFACE §4). */
  readonly exitCode: number
}

/** The state of one image that was promoted or not. */
function resultOf(from: string, to: string, promotion: Promotion, dryRun: boolean): EntryResult {
  const refused = stoppedBy(promotion) !== null
  return {
    from,
    to,
    digest: promotion.digest,
    state: refused ? 'refused' : dryRun ? 'planned' : 'promoted',
    promotion,
    error: null,
    exitCode: refused ? exitCodes.refused : exitCodes.ok,
  }
}

/**
 * Promotes all images that the entries name and the targets do not have yet. The target is asked each time, so nothing is remembered between runs. One
 * failure does not stop the others.
 *
 * @param refresh goes on with images that the target has: what was attached since goes along
 */
export async function runSubscription(
  entries: readonly SubscriptionEntry[],
  promoter: Promoter,
  { refresh, dryRun }: { refresh: boolean; dryRun: boolean },
  ports: Ports,
): Promise<EntryResult[]> {
  const results: EntryResult[] = []
  for (const entry of entries) {
    const attempt = async <T>(at: FoundSource, work: () => Promise<T>): Promise<T | null> => {
      try {
        return await work()
      } catch (thrown) {
        const error = errorRecord(thrown)
        ports.log.warn(`${at.from}: ${error.message}`)
        const { exitCode } = toSealwrightError(thrown)
        results.push({ from: at.from, to: at.to, digest: null, state: 'failed', promotion: null, error, exitCode })
        return null
      }
    }
    const opened = await attempt(entry, async () => ({ ...(await openEntry(entry)), places: matchRepositories(entry) }))
    if (opened === null) continue
    const { places, ...rest } = opened
    const found: { place: FoundPlace; unmatched: readonly string[] }[] = []
    for (const place of places) {
      const tags = await attempt(place, () => matchTags(place, entry.tags, ports))
      if (tags === null) continue
      found.push({ place, unmatched: tags.unmatched })
      for (const image of tags.images) {
        const done = await attempt(image, async () => {
          const present = refresh ? null : await presentAt(image, ports)
          if (present !== null) return presentResult(image, present)
          ports.log.progress(`promoting ${image.from}`)
          return resultOf(image.from, image.to, await promoter.promote({ ...rest, ...image }), dryRun)
        })
        if (done !== null) results.push(done)
      }
    }
    for (const { place, unmatched } of found)
      for (const pattern of unmatched) {
        // Of several repositories one that has the tag is enough.
        const isMissing = isLiteral(pattern) && found.every((one) => one.unmatched.includes(pattern))
        const { from, to } = place
        if (isMissing) await attempt({ from, to }, () => Promise.reject(noTag(from, pattern)))
        else results.push({ from, to, digest: null, state: 'unmatched', pattern, promotion: null, error: null, exitCode: exitCodes.ok }) // prettier-ignore
      }
  }
  return results
}

/** Promotes the one image of an entry. @throws what it failed with */
export async function promoteEntry(
  entry: SubscriptionEntry,
  promoter: Promoter,
  supersedes: readonly Digest[],
  dryRun: boolean,
): Promise<EntryResult> {
  const { from, to } = entry
  const opened = await openEntry(entry)
  const done = await promoter.promote({ ...opened, from, to, word: { ...opened.word, supersedes } })
  return resultOf(from, to, done, dryRun)
}

interface OpenedEntry {
  policy: GatePolicy
  toPolicy: GatePolicy | null
  filter: { include: readonly string[]; exclude: readonly string[] }
  word: { environment: string | null; class: SubscriptionEntry['class']; supersedes: readonly Digest[] }
}

async function openEntry(entry: SubscriptionEntry): Promise<OpenedEntry> {
  tagFilter(entry.tags)
  const { include, exclude, environment } = entry
  return {
    policy: await loadGatePolicy(entry.policy, entry.policyDigest),
    toPolicy: entry.toPolicy === null ? null : await loadGatePolicy(entry.toPolicy, null),
    filter: { include, exclude },
    word: { environment, class: entry.class, supersedes: [] },
  }
}

/** The digest that source and target have under their tags; null where the target has another one or none. */
async function presentAt({ from, to }: FoundSource, ports: Ports): Promise<Digest | null> {
  const resolve = (text: string): Promise<Descriptor | null> => {
    const reference = parseReference(text, ports.roots.cwd)
    return openStore(reference, ports).resolve({ tag: reference.tag ?? 'latest' })
  }
  const wanted = await resolve(from)
  const found = wanted === null ? null : await resolve(to).catch(absent)
  return wanted !== null && found?.digest === wanted.digest ? wanted.digest : null
}

function noTag(from: string, tag: string): InputError {
  return new InputError('not-found', `tags: ${from} has no tag ${JSON.stringify(tag)}`, {
    subject: 'tags',
    remedy: `Correct \`tags\`; "sealwright tree ${from}" lists what is there. A pattern with * may fit nothing.`,
  })
}

/** A layout that does not exist yet has no tag. */
export function absent(error: unknown): null {
  if (toSealwrightError(error).code === 'not-found') return null
  throw error
}

function presentResult({ from, to }: FoundSource, digest: Digest): EntryResult {
  return { from, to, digest, state: 'present', promotion: null, error: null, exitCode: exitCodes.ok }
}
