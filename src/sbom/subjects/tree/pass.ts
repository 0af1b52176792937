import { createHash, hash } from 'node:crypto'
import { VerificationError } from '../../../base/errors.ts'
import { compareUtf8, parentOf } from '../../../tar/paths.ts'
import { OtherNameBudget } from '../../../image/pass-bounds.ts'
import type { Alias, InventoryEntry, PassReader, TarEntry, TarHeader } from '../../../image/types.ts'
import type { Digest } from '../../../oci/types.ts'
import { changedMeanwhile } from './changed.ts'
import { treeLimits, type Tree, type TreeRest } from './types.ts'

/** Sees the bytes of every regular file as they flow by. */
export interface Tap {
  open(header: TarHeader): { update(chunk: Uint8Array): void; end(): void }
}

export interface TreePass extends TreeRest {
  /** Sorted by path in byte order, sockets included. */
  inventory: InventoryEntry[]
}

/**
 * Reads a tree once: what `passImage` is for the layers of an image. Every regular file is hashed; readers get the bytes that they want.
 *
 * @param budget what readers get of contents under other names
 * @throws VerificationError `format-invalid` for a tree that is not in order (a stream of another machine), InputError `file-invalid` for
 *   one that changes meanwhile
 */
export async function passTree(
  tree: Tree,
  readers: readonly PassReader[],
  taps: readonly Tap[] = [],
  budget: OtherNameBudget = new OtherNameBudget(),
): Promise<TreePass> {
  const inventory: InventoryEntry[] = []
  const folders = new Set(['.'])
  let last = ''
  for await (const { header, body } of tree.entries()) {
    const { path, type } = header
    if (inventory.length >= treeLimits.entries)
      throw disorder(path, `is one of more than ${treeLimits.entries} entries`)
    if (last !== '' && compareUtf8(last, path) >= 0) throw disorder(path, 'is not in order')
    if (!folders.has(parentOf(path))) throw disorder(path, 'lies in something that is not a folder')
    if (type === 'hardlink' || path === '.') throw disorder(path, 'is neither a file, a folder nor a symbolic link')
    last = path
    if (type === 'dir') folders.add(path)
    const entry = entryOf(header)
    inventory.push(entry)
    if (type === 'file') entry.sha256 = await readFile({ header, body }, readers, taps)
  }
  const rest = tree.rest()
  const all = rest.sockets.length === 0 ? inventory : merged(inventory, rest.sockets, folders)
  await readAliases(tree, all, readers, budget)
  return { ...rest, inventory: all }
}

function merged(
  inventory: InventoryEntry[],
  sockets: readonly InventoryEntry[],
  folders: Set<string>,
): InventoryEntry[] {
  const taken = new Set(inventory.map(({ path }) => path))
  for (const { path } of sockets) {
    if (taken.has(path) || !folders.has(parentOf(path))) throw disorder(path, 'is not in order')
    taken.add(path)
  }
  return [...inventory, ...sockets].sort((a, b) => compareUtf8(a.path, b.path))
}

function entryOf(header: TarHeader): InventoryEntry {
  const { path, type, mode, uid, gid, size, link, devMajor, devMinor, xattrs } = header
  const entry: InventoryEntry = { path, type, mode, uid, gid, size }
  if (type === 'symlink') entry.link = link
  if (type === 'char' || type === 'block') entry.device = `${devMajor}:${devMinor}`
  if (Object.keys(xattrs).length > 0) entry.xattrs = xattrs
  return entry
}

async function readFile(
  { header, body }: TarEntry,
  readers: readonly PassReader[],
  taps: readonly Tap[],
): Promise<Digest> {
  const open = taps.map((tap) => tap.open(header))
  const content = body[Symbol.asyncIterator]()
  const start = await firstBytes(content, header.size)
  const magic = start.length < 4 ? 0 : start.readUInt32BE()
  const wanted = readers
    .map((reader) => ({ reader, bytes: reader.wants?.(header, 0, magic) ?? 0 }))
    .filter(({ bytes }) => bytes > 0)
  const extra = readers.flatMap((reader) => {
    const algorithm = reader.digest?.(header) ?? null
    return algorithm === null ? [] : [{ reader, running: createHash(algorithm) }]
  })
  const most = wanted.reduce((max, { bytes }) => Math.max(max, Math.min(bytes, header.size)), 0)
  const kept = Buffer.alloc(most)
  const whole = start.length === header.size
  const running = whole ? null : createHash('sha256')
  let at = 0
  for (let chunk: Uint8Array | null = start; chunk !== null; chunk = await nextOf(content)) {
    running?.update(chunk)
    for (const { running: other } of extra) other.update(chunk)
    for (const tap of open) tap.update(chunk)
    if (at < most) kept.set(chunk.subarray(0, most - at), at)
    at += chunk.length
  }
  if (at !== header.size) throw changedMeanwhile(header.path)
  const hex = running === null ? hash('sha256', start, 'hex') : running.digest('hex')
  const digest: Digest = `sha256:${hex}`
  for (const tap of open) tap.end()
  for (const { reader, running: other } of extra) reader.hashed?.(header, other.digest())
  for (const { reader, bytes } of wanted) reader.file?.(header, kept.subarray(0, bytes))
  return digest
}

async function nextOf(content: AsyncIterator<Uint8Array>): Promise<Uint8Array | null> {
  const next = await content.next()
  return next.done === true ? null : next.value
}

/** The first chunk, with as many more as make its first four bytes. */
async function firstBytes(content: AsyncIterator<Uint8Array>, size: number): Promise<Buffer> {
  let start: Buffer = Buffer.alloc(0)
  while (start.length < Math.min(4, size)) {
    const chunk = await nextOf(content)
    if (chunk === null) break
    start =
      start.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) : Buffer.concat([start, chunk])
  }
  return start
}

/** Files that readers want under other names: over symbolic links of folders, or of the file itself. */
async function readAliases(
  tree: Tree,
  inventory: readonly InventoryEntry[],
  readers: readonly PassReader[],
  budget: OtherNameBudget,
): Promise<void> {
  const asked = (of: (reader: PassReader) => readonly Alias[]): Asked[] =>
    readers.flatMap((reader) => of(reader).map((alias) => ({ reader, alias })))
  await readAgain(
    tree,
    inventory,
    asked((reader) => reader.aliases?.(inventory) ?? []),
    budget,
  )
  const further = (reader: PassReader): Alias[] =>
    (reader.further?.(inventory) ?? []).map((path) => ({ path, as: path }))
  await readAgain(tree, inventory, asked(further), budget)
}

interface Asked {
  reader: PassReader
  alias: Alias
}

async function readAgain(
  tree: Tree,
  inventory: readonly InventoryEntry[],
  asked: readonly Asked[],
  budget: OtherNameBudget,
): Promise<void> {
  if (asked.length === 0) return
  const known = new Map(inventory.map((entry) => [entry.path, entry]))
  const byPath = Map.groupBy(asked, ({ alias }) => alias.path)
  for await (const { header, body } of tree.again(new Set(byPath.keys()))) {
    const wanting = (byPath.get(header.path) ?? []).map(({ reader, alias }) => renamed(reader, alias, budget))
    const digest = await readFile({ header, body }, wanting, [])
    if (known.get(header.path)?.sha256 !== digest) throw changedMeanwhile(header.path)
  }
}

/** A reader that gets one file under another name. */
function renamed(reader: PassReader, { as }: Alias, budget: OtherNameBudget): PassReader {
  return {
    wants: (header, layer, magic) => reader.wants?.({ ...header, path: as }, layer, magic) ?? 0,
    file: (header, content) => budget.give(reader, { ...header, path: as }, content),
    digest: (header) => reader.digest?.({ ...header, path: as }) ?? null,
    hashed: (header, digest) => reader.hashed?.({ ...header, path: as }, digest),
  }
}

function disorder(path: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `the tree cannot be read: ${JSON.stringify(path)} ${why}`, {
    subject: 'subject',
    remedy: 'Use steps and agent of one version.',
  })
}
