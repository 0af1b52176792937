import type { ByteSource } from '../base/streams.ts'
import { LayerRecords } from './layer-records.ts'
import { compareUtf8 } from '../tar/paths.ts'
import { ambiguous } from '../tar/refusals.ts'
import type { Row } from './rows.ts'
import { Spool } from './spool.ts'
import { readTar } from '../tar/read.ts'
import { writeTar } from '../tar/write.ts'
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
const subject = 'the layer to normalise'

/**
 * Rewrites an uncompressed layer so that equal content gives equal bytes: entries sorted by path, the last one of a path kept, times
 * clamped, names of owners and pax times dropped, extended attributes kept. Of several hard links to one file the first in order
 * becomes the file.
 *
 * @throws VerificationError as {@link readTar}, and `archive-ambiguous` for what {@link LayerRecords} refuses and for a hard link whose target
 *   is not in the layer
 */
export async function* normaliseLayer(source: ByteSource, options: NormaliseOptions): AsyncGenerator<Uint8Array> {
  const spool = await Spool.open(options.temp)
  try {
    const records = new LayerRecords(subject)
    const whiteouts = new Map<string, TarHeader>()
    const contents = new Map<Row, Spooled>()
    const global = records.addGlobal.bind(records)
    for await (const { header, body } of readTar(source, subject, { global })) {
      if (records.addWhiteout(header)) {
        whiteouts.set(header.path, { ...plainHeader(header, options), type: 'file', size: 0, link: '', xattrs: {} })
        continue
      }
      const start = header.size > 0 ? await spool.put(body) : 0
      const row = records.add(header, 0, contents.size)
      contents.set(row, { header: plainHeader(header, options), start })
    }
    const sorted = [...kept(records, contents), ...neededWhiteouts(whiteouts, records)].sort((a, b) =>
      compareUtf8(a.header.path, b.header.path),
    )
    yield* writeTar(sorted.map(({ header, start }): TarEntry => ({ header, body: spool.read(start, header.size) })))
  } finally {
    await spool.close()
  }
}

/** What is left at the layer's end; of each hard-linked file the first name is the file, whichever came first. */
function* kept(records: LayerRecords, contents: ReadonlyMap<Row, Spooled>): Generator<Spooled> {
  const { rows } = records
  const [open] = records.openLinks
  if (open !== undefined) {
    const why = `is a hard link to ${JSON.stringify(rows.link(open))}, which is not in its layer`
    throw ambiguous(
      { subject, position: rows.position(open) },
      contents.get(open)?.header.path ?? '',
      why,
      'Write the file into the same layer.',
    )
  }
  const names = new Map<Row, string[]>()
  for (const row of records.current()) {
    const path = rows.path(row)
    const content = rows.contentOf(row)
    const others = names.get(content)
    if (others === undefined) names.set(content, [path])
    else others.push(path)
  }
  for (const [content, paths] of names) {
    const [first, ...rest] = paths.sort(compareUtf8)
    const spooled = contents.get(content)
    if (first === undefined || spooled === undefined) continue
    const { header, start } = spooled
    yield { header: { ...header, path: first }, start }
    for (const path of rest)
      yield { header: { ...header, path, type: 'hardlink', link: first, size: 0, xattrs: {} }, start: 0 }
  }
}

/** Whiteouts whose name the layer itself gives to a file are of no effect, and would stand behind it in the new order. */
function* neededWhiteouts(whiteouts: ReadonlyMap<string, TarHeader>, records: LayerRecords): Generator<Spooled> {
  for (const [path, header] of whiteouts) {
    const own = records.find(path.replace(/(^|\/)\.wh\.([^/]*)$/, '$1$2'))
    if (own === 0 || records.rows.type(own) === 'dir') yield { header, start: 0 }
  }
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
