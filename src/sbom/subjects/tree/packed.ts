import { z } from 'zod'
import { VerificationError } from '../../../base/errors.ts'
import { firstIssue } from '../../../base/first-issue.ts'
import { parseJson } from '../../../base/json.ts'
import { collect, type ByteSource } from '../../../base/streams.ts'
import { isXattrs } from '../../../image/inventory.ts'
import { readTar } from '../../../tar/read.ts'
import { writeTar } from '../../../tar/write.ts'
import type { TarEntry, TarHeader } from '../../../image/types.ts'
import { gapReasons } from '../../model.ts'
import type { Tree, TreeRest } from './types.ts'

/** Largest document that goes ahead of a tree: git's listing of a tree of some million files. */
const documentBytes = 512 << 20
/** Largest list of what could not be read. */
const restBytes = 64 << 20
const restName = 'rest.json'

const restSchema = z.strictObject({
  gaps: z.array(
    z.strictObject({
      path: z.string().max(4096),
      kind: z.string().max(64),
      reason: z.enum(gapReasons),
      why: z.string().max(1024),
    }),
  ),
  sockets: z.array(
    z.strictObject({
      path: z.string().max(4096),
      type: z.literal('socket'),
      mode: z.int().min(0).max(0o7777),
      uid: z.int().min(0).max(0xffffffff),
      gid: z.int().min(0).max(0xffffffff),
      size: z.literal(0),
    }),
  ),
})

/**
 * A tree as one stream, for a worker that sees no path of the job (TRUST §4): a tar archive with documents first (`about/NAME`), the entries
 * (`tree/PATH`), and what could not be read last.
 *
 * @param about what is known of the tree before it is read: what git said
 */
export function packTree(tree: Tree, about: ReadonlyMap<string, Buffer>): ByteSource {
  async function* entries(): AsyncGenerator<TarEntry> {
    for (const [name, bytes] of about) yield document(`about/${name}`, bytes)
    for await (const { header, body } of tree.entries())
      yield { header: { ...header, path: `tree/${header.path}`, xattrs: packedXattrs(header) }, body }
    yield document(restName, Buffer.from(JSON.stringify(tree.rest())))
  }
  return writeTar(entries())
}

/** What a stream of {@link packTree} holds: its documents, and the tree that follows them. */
export interface PackedTree {
  about: ReadonlyMap<string, Buffer>
  tree: Tree
}

/**
 * Opens a packed tree. Nothing that it says is believed here: the reader of the tree checks its order and hashes every byte.
 *
 * @param open gives the stream, from its start at each call
 * @throws VerificationError `format-invalid` for a stream that does not end as it should, also while the tree is read
 */
export async function openPackedTree(open: () => Promise<ByteSource>): Promise<PackedTree> {
  const first = await documentsOf(await open())
  let rest: TreeRest | null = null
  const read = async function* (stream: Awaited<ReturnType<typeof documentsOf>>): AsyncGenerator<TarEntry> {
    for (let next = stream.next; next !== null; next = await nextEntry(stream.entries)) {
      const { header, body } = next
      if (header.path === restName) {
        rest = parseRest(await collect(body, restBytes, restName))
        if ((await nextEntry(stream.entries)) !== null) throw invalid('it goes on after its end')
        return
      }
      if (!header.path.startsWith('tree/')) throw invalid(`it holds "${header.path.slice(0, 80)}"`)
      yield { header: { ...header, path: header.path.slice('tree/'.length), xattrs: openedXattrs(header) }, body }
    }
    throw invalid('it is cut short')
  }
  return {
    about: first.about,
    tree: {
      entries: () => read(first),
      again: async function* (paths) {
        for await (const entry of read(await documentsOf(await open()))) if (paths.has(entry.header.path)) yield entry
      },
      rest: () => rest ?? { gaps: [], sockets: [] },
    },
  }
}

async function documentsOf(
  stream: ByteSource,
): Promise<{ about: Map<string, Buffer>; entries: AsyncIterator<TarEntry>; next: TarEntry | null }> {
  const entries = readTar(stream, 'the tree of the step', { guests: false })[Symbol.asyncIterator]()
  const about = new Map<string, Buffer>()
  for (;;) {
    const next = await nextEntry(entries)
    if (next?.header.path.startsWith('about/') !== true) return { about, entries, next }
    about.set(next.header.path.slice('about/'.length), await collect(next.body, documentBytes, next.header.path))
  }
}

async function nextEntry(entries: AsyncIterator<TarEntry>): Promise<TarEntry | null> {
  const next = await entries.next()
  return next.done === true ? null : next.value
}

function parseRest(bytes: Buffer): TreeRest {
  const parsed = restSchema.safeParse(parseJson(bytes.toString('utf8'), restName))
  if (parsed.success) return parsed.data
  const { where, what } = firstIssue(parsed.error, restName)
  throw invalid(`${where}: ${what}`)
}

/** One attribute holds all of an entry: a tar archive cannot hold every name and value. */
const xattrsName = 'tree'

function packedXattrs({ xattrs }: TarHeader): Record<string, string> {
  if (Object.keys(xattrs).length === 0) return xattrs
  return { [xattrsName]: Buffer.from(JSON.stringify(xattrs)).toString('latin1') }
}

function openedXattrs({ path, xattrs }: TarHeader): Record<string, string> {
  const text = xattrs[xattrsName]
  if (text === undefined) return {}
  const found = parseJson(Buffer.from(text, 'latin1').toString('utf8'), path)
  if (!isXattrs(found)) throw invalid(`the attributes of "${path.slice(0, 80)}" have another form`)
  return found
}

function document(path: string, bytes: Buffer): TarEntry {
  async function* body(): AsyncGenerator<Uint8Array> {
    yield bytes
  }
  const owner = { uid: 0, gid: 0, uname: '', gname: '', mtime: 0, link: '', devMajor: 0, devMinor: 0 }
  const header: TarHeader = { path, type: 'file', mode: 0o644, ...owner, size: bytes.length, xattrs: {} }
  return { header, body: body() }
}

function invalid(why: string): VerificationError {
  return new VerificationError('format-invalid', `the tree of the step is refused: ${why}`, {
    subject: 'subject',
    remedy: 'Use steps and agent of one version.',
  })
}
