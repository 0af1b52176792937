import { hash } from 'node:crypto'
import { sha256 } from '../../../src/base/streams.ts'
import type { InventoryEntry, PassReader, TarHeader } from '../../../src/image/types.ts'
import type { Catalogue } from '../../../src/sbom/model.ts'
import { sbomReaders } from '../../../src/sbom/readers.ts'
import type { Files } from './types.ts'

/** What all catalogers make of some files, as a pass over a source tree offers them; without archive or disk. */
export function catalogueOf(files: Files): { catalogue: Catalogue; inventory: InventoryEntry[] } {
  const { readers, finish } = sbomReaders('source')
  const paths = Object.keys(files).sort(order)
  const entries = paths.map((path) => entryOf(path, files[path] ?? Buffer.alloc(0)))
  for (const entry of entries) for (const reader of readers) offer(reader, entry, files[entry.path] ?? Buffer.alloc(0))
  const inventory = [...foldersOf(paths), ...entries].sort((a, b) => order(a.path, b.path))
  for (const reader of readers) {
    for (const { path, as } of reader.aliases?.(inventory) ?? []) {
      const content = files[path] ?? Buffer.alloc(0)
      offer(reader, { ...entryOf(path, content), path: as }, content)
    }
  }
  for (const reader of readers) {
    for (const path of reader.further?.(inventory) ?? []) {
      const content = files[path] ?? Buffer.alloc(0)
      offer(reader, entryOf(path, content), content)
    }
  }
  return { catalogue: finish(inventory), inventory }
}

/** As a pass has them: every folder on the way to a file. */
function foldersOf(paths: readonly string[]): InventoryEntry[] {
  const folders = new Set<string>()
  for (const path of paths)
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) folders.add(path.slice(0, at))
  return [...folders].map((path) => ({ path, type: 'dir', mode: 0o755, uid: 0, gid: 0, size: 0 }))
}

function order(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function offer(reader: PassReader, entry: InventoryEntry, content: Buffer): void {
  const wanted = wantedBytes(reader, entry, content)
  if (wanted > 0) reader.file?.(headerOf(entry), content.subarray(0, wanted))
  const algorithm = reader.digest?.(headerOf(entry)) ?? null
  if (algorithm !== null) reader.hashed?.(headerOf(entry), hash(algorithm, content, 'buffer'))
}

/** How much of a file a reader asks for. */
export function wantedBytes(reader: PassReader, entry: InventoryEntry, content: Buffer): number {
  return reader.wants?.(headerOf(entry), 0, content.length < 4 ? 0 : content.readUInt32BE()) ?? 0
}

function headerOf({ path, mode, size }: InventoryEntry): TarHeader {
  return {
    ...{ path, mode, size, type: 'file', uid: 0, gid: 0, uname: '', gname: '', mtime: 0, link: '' },
    ...{ devMajor: 0, devMinor: 0, xattrs: {} },
  }
}

/** A file as a pass has it. */
export function entryOf(path: string, content: Buffer): InventoryEntry {
  return { path, type: 'file', mode: 0o755, uid: 0, gid: 0, size: content.length, sha256: sha256(content) }
}
