import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { VerificationError } from '../base/errors.ts'
import { replaceFile } from '../base/files.ts'
import type { JsonObject } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { tooLarge, type ByteSource } from '../base/streams.ts'
import { bad, checkDescriptor, parseDocument } from './descriptor.ts'
import { requireLayout } from './layout-files.ts'
import { readListing, referrerMembers } from './listing.ts'
import { withLock } from './lock.ts'
import { artifactTypeOf } from './manifest.ts'
import { isLong } from './referrers.ts'
import { mediaTypes, type Descriptor, type Index, type Manifest } from './types.ts'

/** The annotation that makes an entry of `index.json` a tag (image-spec 1.1 annotations.md). */
const refName = 'org.opencontainers.image.ref.name'
/** Most bytes of an `index.json`, in a folder and in an archive: a writer holds the whole document, so no reader takes a larger one either. */
export const indexBytes = 64 << 20

/** @param path what errors name @throws VerificationError `format-invalid` above {@link indexBytes} */
export function checkIndexSize(size: number, path: string): void {
  if (size > indexBytes)
    throw tooLarge(
      path,
      indexBytes,
      size,
      'Take out of it what others listed, or get the image again from its publisher.',
    )
}

/** The tag of an entry, or null. */
export function tagOf(entry: Descriptor): string | null {
  return entry.annotations?.[refName] ?? null
}

/** An entry with a tag. */
export function tagged(entry: Descriptor, tag: string): Descriptor {
  return { ...entry, annotations: { ...entry.annotations, [refName]: tag } }
}

/** What a reader needs of `index.json`. Anybody who may write to the layout lists what he likes, so one bad entry hides no good one. */
export interface Listed {
  /** Media type, digest, size, artifact type, platform and tag of each entry. */
  entries: Descriptor[]
  /** The first entry that is not a descriptor, or null. */
  bad: VerificationError | null
}

/**
 * The entries of a layout's `index.json`, parsed again only when another file took the place of the one that was read: a layout with many
 * referrers has an index of some megabytes, and every manifest that is read looks into it. The file is read piece by piece, so its annotations
 * take no memory.
 *
 * @throws InputError `not-found` (no layout) · VerificationError `format-invalid` (too large, or damaged: that is never an empty one) · TransportError
 * for more entries than a listing may have
 */
export function indexReader(directory: string): () => Promise<Listed> {
  let held: { file: string; listed: Listed } | null = null
  return async () => {
    const info = await stat(join(directory, 'index.json'), { bigint: true }).catch(() => null)
    const file = info === null ? null : [info.dev, info.ino, info.size, info.mtimeNs, info.ctimeNs].join(' ')
    if (held === null || held.file !== file) {
      const path = await indexPath(directory)
      const listed = await readListed(createReadStream(path), Number(info?.size ?? 0), path)
      held = file === null ? null : { file, listed }
      return listed
    }
    await requireLayout(directory)
    return held.listed
  }
}

/** The entries of the bytes of an `index.json`. @param size in bytes @param path what errors name @throws as {@link indexReader} */
export async function readListed(source: ByteSource, size: number, path: string): Promise<Listed> {
  checkIndexSize(size, path)
  const listed: Listed = { entries: [], bad: null }
  const options = {
    keep: [...referrerMembers, 'annotations', 'platform'],
    onBad: (error: VerificationError) => void (listed.bad ??= error),
    top: (members: JsonObject) => checkDocument(members, path),
  }
  for await (const entry of readListing(source, path, options)) listed.entries.push(slim(entry))
  return listed
}

/** Of annotations the tag alone is kept. */
function slim(entry: Descriptor): Descriptor {
  const { annotations, ...rest } = entry
  const tag = tagOf({ ...rest, annotations })
  return tag === null ? rest : { ...rest, annotations: { [refName]: tag } }
}

/**
 * Changes the entries. `change` gives back the very array it got when there is nothing to do; then nothing is written.
 * The file is replaced in one step under a lock, with the entries in a fixed order: tags first, by name, then by digest.
 */
export async function changeEntries(
  directory: string,
  ports: Ports,
  change: (entries: Descriptor[]) => Descriptor[],
): Promise<void> {
  const { entries: seen } = await readIndex(directory)
  if (change(seen) === seen) return
  await withLock(directory, ports, async () => {
    const { document, entries } = await readIndex(directory)
    const changed = change(entries)
    if (changed === entries) return
    await replaceFile(join(directory, 'index.json'), indexText(document, changed), { mode: 0o666 })
  })
}

/** The text of an `index.json` with these entries in their fixed order; other members of the document stay. */
export function indexText(document: JsonObject, entries: readonly Descriptor[]): string {
  const manifests = [...entries].sort(byTagThenDigest)
  return JSON.stringify({ ...document, mediaType: mediaTypes.index, manifests })
}

/**
 * The entry of a manifest. A referrer's carries its artifact type and annotations, as a registry's listing would; an annotation
 * that would turn it into a tag is left out, since the manifest's author must not name tags of this layout.
 */
export function entryOf(descriptor: Descriptor, content: Manifest | Index): Descriptor {
  const { mediaType, digest, size } = descriptor
  const artifactType = content.subject === undefined ? content.artifactType : artifactTypeOf(content)
  const entry: Descriptor = { mediaType, digest, size }
  if (artifactType !== undefined) entry.artifactType = artifactType
  if (content.subject !== undefined && content.annotations !== undefined) {
    const kept = Object.entries(content.annotations).filter(([key]) => key !== refName)
    const annotations = Object.fromEntries(kept)
    if (kept.length > 0 && !isLong(annotations)) entry.annotations = annotations
  }
  return entry
}

/** Lists a manifest without a tag, unless it is listed already. */
export function withEntry(entries: Descriptor[], entry: Descriptor): Descriptor[] {
  return entries.some((e) => e.digest === entry.digest) ? entries : [...entries, entry]
}

/** Moves a tag to a manifest. What had the tag leaves the index, unless it is an artifact: that stays, untagged. */
export function withTag(entries: Descriptor[], tag: string, entry: Descriptor): Descriptor[] {
  const holders = entries.filter((e) => tagOf(e) === tag)
  if (holders.length === 1 && holders[0]?.digest === entry.digest) return entries
  let kept = entries.filter((e) => tagOf(e) !== tag && !(tagOf(e) === null && e.digest === entry.digest))
  for (const holder of holders) {
    if (holder.artifactType !== undefined && holder.digest !== entry.digest) kept = withEntry(kept, untagged(holder))
  }
  return [...kept, tagged(entry, tag)]
}

function untagged(entry: Descriptor): Descriptor {
  const { annotations, ...rest } = entry
  const kept = Object.entries(annotations ?? {}).filter(([key]) => key !== refName)
  return kept.length === 0 ? rest : { ...rest, annotations: Object.fromEntries(kept) }
}

/** The whole document, for a writer. */
async function readIndex(directory: string): Promise<{ document: JsonObject; entries: Descriptor[] }> {
  const path = await indexPath(directory)
  checkIndexSize((await stat(path)).size, path)
  return parseIndex(await readFile(path, 'utf8'), path)
}

/** An `index.json` as a writer needs it. @throws VerificationError `format-invalid` */
export function parseIndex(text: string, path: string): { document: JsonObject; entries: Descriptor[] } {
  const document = parseDocument(text, path)
  checkDocument(document, path)
  if (!Array.isArray(document['manifests'])) throw bad(path, 'lists no manifests')
  return {
    document,
    entries: document['manifests'].map((entry, i) => checkDescriptor(entry, `${path}: manifests[${i}]`)),
  }
}

async function indexPath(directory: string): Promise<string> {
  await requireLayout(directory)
  const path = join(directory, 'index.json')
  const info = await stat(path).catch(() => null)
  if (info?.isFile() === true) return path
  throw new VerificationError('format-invalid', `${directory} has no index.json`, {
    subject: directory,
    remedy: 'The layout is damaged: make it again.',
  })
}

function checkDocument(document: JsonObject, path: string): void {
  if (document['schemaVersion'] !== 2) throw bad(path, 'does not have schemaVersion 2')
  if ((document['mediaType'] ?? mediaTypes.index) !== mediaTypes.index)
    throw bad(path, 'has a mediaType that is not that of an index')
}

function byTagThenDigest(a: Descriptor, b: Descriptor): number {
  const key = (e: Descriptor): string => (tagOf(e) === null ? `1${e.digest}` : `0${tagOf(e)}\n${e.digest}`)
  return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0
}
