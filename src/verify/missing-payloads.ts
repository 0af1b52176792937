import { VerificationError } from '../base/errors.ts'
import { textOf } from '../base/json.ts'
import { roles } from '../journal/event.ts'
import type { Digest, Store } from '../oci/types.ts'
import type { JobKey } from './attached-types.ts'
import { headsOf } from './candidates.ts'
import { readEvidenceJournal } from './evidence.ts'
import type { Claim } from './statements.ts'

/**
 * What the journals of admitted jobs name as statements over these digests and nobody has found yet. A statement of a job counts only if it stands
 * in its sealed journal, so once this is empty no large document can be a job's. A journal is not verified here: a copy of evidence with another
 * journal can only make the list longer, since those that the key itself points to are always read.
 *
 * @param claims the claims found so far, by payload digest; looked at on each call
 * @returns the predicate types of what is missing, or null for nothing. The journals are read on the first call
 */
export function missingPayloads(
  store: Store,
  targets: readonly Digest[],
  keys: readonly JobKey[],
  claims: ReadonlyMap<Digest, Claim>,
): () => Promise<readonly string[] | null> {
  let named: Map<Digest, string> | null = null
  return async () => {
    named ??= await namedPayloads(store, targets, keys, [...claims.values()])
    const types = [...named].filter(([digest]) => !claims.has(digest)).map(([, type]) => type)
    return types.length === 0 ? null : types
  }
}

async function namedPayloads(
  store: Store,
  targets: readonly Digest[],
  keys: readonly JobKey[],
  claims: Claim[],
): Promise<Map<Digest, string>> {
  const named = new Map<Digest, string>()
  const wanted = new Set<string>(targets)
  for (const job of keys.filter(({ admitted, received }) => admitted !== null || received !== null)) {
    for (const { manifest } of headsOf(job, { claims })) {
      for (const event of await eventsOf(store, manifest)) {
        if (event.kind !== 'statement' || !event.inputs.some(({ digest }) => wanted.has(digest))) continue
        const type = textOf(event.result['predicateType'])
        for (const { role, digest } of event.outputs) if (role === roles.payload) named.set(digest, type)
      }
    }
  }
  return named
}

async function eventsOf(store: Store, manifest: Digest): ReturnType<typeof readEvidenceJournal> {
  try {
    return await readEvidenceJournal(store, manifest)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return []
  }
}
