import { VerificationError } from '../../base/errors.ts'
import { refPattern } from '../../base/ref-pattern.ts'
import { isIndex } from '../../oci/manifest.ts'
import type { Descriptor, Digest, Store } from '../../oci/types.ts'
import { findAttachedStatements, type AttachedStatement } from './attach.ts'
import { readStatement, type SignedStatement } from './statement.ts'

/** A signed statement that a registry or layout holds. Nothing of it is verified. */
export interface ListedStatement {
  /** The manifest that it is attached to. */
  readonly target: Digest
  readonly attached: AttachedStatement
  readonly statement: SignedStatement
  /** `feed`, the name that statements had in place of `sub` before RFC 9943; null without one. */
  readonly feed: string | null
}

/** Which statements are listed; null lists any. */
export interface StatementFilter {
  /** Compared whole. */
  readonly issuer: string | null
  /** Pattern; `*` covers a part of one segment. */
  readonly subject: string | null
  /** Pattern for `feed`. */
  readonly feed: string | null
  /** Content type of the payload, or of what a hash envelope digests. */
  readonly type: string | null
}

/**
 * Lists the signed statements that are attached to a manifest, or to an index and its manifests.
 *
 * @param onBroken hears of a referrer that is not a statement or receipt: strangers may attach what they like
 */
export async function listStatements(
  store: Store,
  subject: Descriptor,
  filter: StatementFilter,
  onBroken: (manifest: Digest) => void,
): Promise<ListedStatement[]> {
  const listed: ListedStatement[] = []
  for (const target of await withManifests(store, subject)) {
    for (const attached of await findAttachedStatements(store, target, ({ manifest }) => onBroken(manifest))) {
      const one = read(attached, target.digest)
      if (one === null) onBroken(attached.manifest.digest)
      else if (isWanted(one, filter)) listed.push(one)
    }
  }
  return listed
}

async function withManifests(store: Store, subject: Descriptor): Promise<Descriptor[]> {
  const { content } = await store.getManifest(subject.digest)
  return isIndex(content) ? [subject, ...content.manifests] : [subject]
}

function read(attached: AttachedStatement, target: Digest): ListedStatement | null {
  try {
    const statement = readStatement(attached.bytes, attached.manifest.digest)
    const feed = statement.message.protected.get('feed')
    return { target, attached, statement, feed: feed?.kind === 'text' ? feed.value : null }
  } catch (error) {
    if (error instanceof VerificationError) return null
    throw error
  }
}

function isWanted({ statement, feed }: ListedStatement, filter: StatementFilter): boolean {
  const fits = (pattern: string | null, value: string | null): boolean =>
    pattern === null || (value !== null && refPattern(pattern).test(value))
  return (
    (filter.issuer === null || filter.issuer === statement.issuer) &&
    fits(filter.subject, statement.subject) &&
    fits(filter.feed, feed) &&
    (filter.type === null || filter.type === String(statement.contentType))
  )
}
