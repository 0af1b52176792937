import type { ByteSource } from '../base/streams.ts'
import { broken } from './layer-records.ts'
import { compareUtf8 } from './paths.ts'
import { Spool } from './spool.ts'
import { readTar } from './tar-read.ts'
import { writeTar } from './tar-write.ts'
import type { TarEntry, TarHeader } from './types.ts'

export interface NormaliseOptions {
  /** Seconds since 1970: later modification times become this one (SOURCE_DATE_EPOCH). */
  epoch: number
  /** Owner to give to everything; default: the numeric owner as it is. Names of owners are always left out. */
  owner?: { uid: number; gid: number } | undefined
  /** Folder for the temporary file that contents are spooled to. */
  temp?: string | undefined
}

interface Spooled {
  header: TarHeader
  start: number
}

/**
 * Rewrites an uncompressed layer so that equal content gives equal bytes: entries sorted by path, the last one of a path kept, times
 * clamped, names of owners and pax times dropped, extended attributes kept. Of several hard links to one file the first in order
 * becomes the file.
 *
 * @throws VerificationError as {@link readTar}, and `format-invalid` for a hard link whose target is not in the layer
 */
export async function* normaliseLayer(source: ByteSource, options: NormaliseOptions): AsyncGenerator<Uint8Array> {
  const spool = await Spool.open(options.temp)
  try {
    const entries = new Map<string, Spooled>()
    for await (const { header, body } of readTar(source, 'the layer to normalise')) {
      const start = header.type === 'file' && header.size > 0 ? await spool.put(body) : 0
      const old = entries.get(header.path)
      if (header.type !== 'dir' && old?.header.type === 'dir') removeBelow(entries, header.path)
      entries.set(header.path, { header: plainHeader(header, options), start })
    }
    relink(entries)
    const sorted = [...entries.values()].sort((a, b) => compareUtf8(a.header.path, b.header.path))
    yield* writeTar(sorted.map(({ header, start }): TarEntry => ({ header, body: spool.read(start, header.size) })))
  } finally {
    await spool.close()
  }
}

/** A file takes the place of a folder, with all that the layer had in it. */
function removeBelow(entries: Map<string, Spooled>, path: string): void {
  for (const key of entries.keys()) if (key.startsWith(`${path}/`)) entries.delete(key)
}

function plainHeader(header: TarHeader, options: NormaliseOptions): TarHeader {
  return {
    ...header,
    uid: options.owner?.uid ?? header.uid,
    gid: options.owner?.gid ?? header.gid,
    uname: '',
    gname: '',
    mtime: Math.min(header.mtime, options.epoch),
  }
}

/** Makes the first name of each hard-linked file the file, so that the result does not depend on which name came first. */
function relink(entries: Map<string, Spooled>): void {
  const groups = new Map<Spooled, string[]>()
  for (const [path, entry] of entries) {
    if (entry.header.type !== 'hardlink') continue
    let at = entry
    for (let steps = 0; at.header.type === 'hardlink'; steps++) {
      const next = entries.get(at.header.link)
      if (next === undefined || steps > 64)
        throw broken(path, `is a hard link to ${entry.header.link}, which is not in its layer`)
      at = next
    }
    groups.set(at, [...(groups.get(at) ?? []), path])
  }
  for (const [file, links] of groups) {
    const [first, ...rest] = [file.header.path, ...links].sort(compareUtf8) as [string, ...string[]]
    const header = file.header
    entries.set(first, { header: { ...header, path: first }, start: file.start })
    for (const path of rest) {
      entries.set(path, { header: { ...header, path, type: 'hardlink', link: first, size: 0, xattrs: {} }, start: 0 })
    }
  }
}
