import { InputError, VerificationError } from '../../base/errors.ts'
import { inOrder } from '../../base/in-order.ts'
import { collect } from '../../base/streams.ts'
import { readBundle } from '../../bundle/read.ts'
import type { GraphNode } from '../../oci/graph.ts'
import { isIndex, manifestLimit } from '../../oci/manifest.ts'
import { isAttachedTag, isDigest } from '../../oci/digest.ts'
import type { Digest, Store } from '../../oci/types.ts'
import { envelopePayload } from '../../sign/dsse.ts'
import { bundlePlace } from '../../sign/find.ts'
import { parseStatement } from '../../statement/statement.ts'
import type { Statement } from '../../statement/types.ts'

/** A bundle of a job, which may have been deleted from the store. */
export interface KeptBundle {
  readonly bytes: Buffer
  readonly statement: Statement
}

/** What may be attached, by whatever names it. Nothing of it is believed: each manifest says itself what it is about. */
export interface Hints {
  readonly digests: Set<Digest>
  readonly bundles: KeptBundle[]
}

/** Statements above this size are documents with a digest for each file or package, of which none is a manifest. */
const statementBytes = 256 << 10
/** Manifests and bundles that are read at a time. */
const parallel = 4

/** Digests in a text, in the form of OCI and in that of in-toto's digest sets. */
function digestsIn(text: string): Digest[] {
  const found = text.matchAll(/(sha(?:256|384|512))(?::|"\s*:\s*")([0-9a-f]{64,128})(?![0-9a-f])/g)
  return Array.from(found, ([, algorithm, hex]) => `${algorithm}:${hex}`).filter(isDigest)
}

/**
 * Reads a file of a job: `bundles.jsonl`, `receipts.json`, a result of `--json`, a list of digests.
 *
 * @throws InputError `file-invalid` for one that names nothing
 */
export function hintsOfFile(bytes: Buffer, name: string, hints: Hints): void {
  const text = bytes.toString('utf8')
  const lines = text.split('\n').filter((line) => line.includes('dsseEnvelope'))
  const bundles = lines.flatMap((line) => bundleOf(Buffer.from(line)) ?? [])
  const digests = digestsIn(text)
  hints.bundles.push(...bundles)
  for (const digest of digests) hints.digests.add(digest)
  if (digests.length + bundles.length > 0) return
  throw new InputError('file-invalid', `--from: ${name} names no digest and holds no bundle`, {
    subject: 'from',
    remedy: 'Give `--from` a file that sign-attest wrote (`bundles-path`, `receipts-path`), or a list of digests.',
  })
}

function bundleOf(bytes: Buffer): KeptBundle | null {
  try {
    const { content } = readBundle(bytes)
    if (content.kind !== 'envelope') return null
    return { bytes, statement: parseStatement(envelopePayload(content.envelope)) }
  } catch (error) {
    if (error instanceof VerificationError) return null
    throw error
  }
}

/** What attached statements name: evidence and seal name the evidence bundle, a verification summary what it rests on. */
export async function hintsOfStatements(store: Store, nodes: readonly GraphNode[], hints: Hints): Promise<void> {
  const read = async ({ content, descriptor }: GraphNode): Promise<Digest[]> => {
    try {
      const place = bundlePlace({ content, descriptor, bytes: Buffer.alloc(0) })
      if (place === null || place.layer.size > statementBytes) return []
      const bundle = bundleOf(await collect(await store.openBlob(place.layer), statementBytes, place.layer.digest))
      return bundle === null ? [] : digestsIn(JSON.stringify(bundle.statement))
    } catch (error) {
      if (error instanceof VerificationError) return []
      throw error
    }
  }
  for await (const digests of inOrder(nodes, parallel, read)) for (const digest of digests) hints.digests.add(digest)
}

/** Blobs of a layout that are small enough for a manifest. */
export async function hintsOfBlobs(store: Store, hints: Hints): Promise<void> {
  if (store.blobs === undefined) return
  for await (const { digest, size } of store.blobs()) if (size <= manifestLimit) hints.digests.add(digest)
}

/** What the tags of a repository name: registries have no other list of what they hold. */
export async function hintsOfTags(store: Store, hints: Hints): Promise<void> {
  const tags = (await store.tags()).filter((tag) => !isAttachedTag(tag) || !tag.includes('.'))
  const read = async (tag: string): Promise<Digest[]> => {
    try {
      const found = await store.resolve({ tag })
      if (found === null) return []
      const { content } = await store.getManifest(found.digest)
      return [found.digest, ...(isIndex(content) ? content.manifests.map(({ digest }) => digest) : [])]
    } catch (error) {
      if (error instanceof VerificationError) return []
      throw error
    }
  }
  for await (const digests of inOrder(tags, parallel, read)) for (const digest of digests) hints.digests.add(digest)
}

/** A digest that was typed in place of a file's name, or null. */
export function typedDigest(text: string): Digest | null {
  return isDigest(text) ? text : null
}
