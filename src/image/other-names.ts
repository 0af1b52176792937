import { hash } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import type { Descriptor, Digest, Store } from '../oci/types.ts'
import { openLayer, type PassOptions } from './layer-stream.ts'
import { OtherNameBudget } from './pass-bounds.ts'
import { readFile, Scratch } from './read-file.ts'
import type { SmallFiles } from './small-files.ts'
import { baseOf } from '../tar/paths.ts'
import type { MergedInventory } from './merged-inventory.ts'
import { marks, type Row, type Rows } from './rows.ts'
import { readTar, type TarBody } from '../tar/read.ts'
import type { ExtraDigest, Image, PassReader, TarHeader } from './types.ts'

/** All names of an image, and contents that were kept. */
export interface Names {
  inventory: MergedInventory
  small: SmallFiles
}

/** What a reader wants of a content under one more name. */
interface Need {
  header: TarHeader
  reader: PassReader
  bytes: number
  digest: ExtraDigest | null
}

/**
 * Files that readers want under a name other than the one under which their content went by: hard links, and names that lead over
 * symbolic links. Where a content was not kept, its layer is read a second time, as far as needed.
 */
export async function readOtherNames(
  store: Store,
  image: Image,
  { inventory, small }: Names,
  readers: readonly PassReader[],
  options: PassOptions,
): Promise<void> {
  const { rows } = inventory
  let needs = new Map<Row, Need[]>()
  const need = (row: Row, name: string, reader: PassReader): void => {
    const content = rows.contentOf(row)
    if (rows.type(content) !== 'file') return
    const header = otherHeader(rows, name, row, content)
    const bytes = reader.wants?.(header, rows.layer(content), rows.magic(content)) ?? 0
    const digest = reader.digest?.(header) ?? null
    if (bytes === 0 && digest === null) return
    const held = needs.get(content)
    if (held === undefined) needs.set(content, [{ header, reader, bytes, digest }])
    else held.push({ header, reader, bytes, digest })
  }
  for (const row of inventory.layerRows()) {
    if (rows.type(row) !== 'hardlink') continue
    const content = rows.contentOf(row)
    const path = rows.path(row)
    for (const reader of readers) {
      if (!rows.is(content, marks.visible) || reader.linked?.(path, rows.path(content)) !== true)
        need(row, path, reader)
    }
  }
  for (const reader of readers) {
    for (const alias of reader.aliases?.(inventory) ?? []) {
      const row = inventory.layerRow(alias.path)
      if (row !== 0) need(row, alias.as, reader)
    }
  }
  const budget = new OtherNameBudget(options.bounds?.otherNames)
  await giveNeeds(store, image, rows, needs, { small, budget, options })
  needs = new Map()
  for (const reader of readers) {
    for (const path of reader.further?.(inventory) ?? []) {
      const row = inventory.layerRow(path)
      if (row !== 0) need(row, path, reader)
    }
  }
  await giveNeeds(store, image, rows, needs, { small, budget, options })
}

/** Reads each content once, from memory or from its layer, and gives it to all who need it. */
async function giveNeeds(
  store: Store,
  image: Image,
  rows: Rows,
  needs: Map<Row, Need[]>,
  { small, budget, options }: { small: SmallFiles; budget: OtherNameBudget; options: PassOptions },
): Promise<void> {
  for (const [row, asked] of needs) {
    const content = small.get(row)
    if (content === undefined) continue
    give(asked, content, budget, (algorithm) => hash(algorithm, content, 'buffer'))
    needs.delete(row)
  }
  const scratch = new Scratch()
  await readAgain(store, image, { rows, wanted: [...needs.keys()] }, options, async (row, body) => {
    const asked = needs.get(row) ?? []
    // Read once for all names of the file.
    const bytes = asked.reduce((most, one) => Math.max(most, one.bytes), 0)
    const extra = [...new Set(asked.map(({ digest }) => digest).filter((digest) => digest !== null))]
    const header = otherHeader(rows, rows.path(row), row, row)
    const { kept, digests } = await readFile(header, body, [{ reader: {}, bytes }], { extra, scratch })
    give(asked, kept, budget, (algorithm) => digests?.extra.get(algorithm))
    return `sha256:${digests?.sha256.toString('hex') ?? ''}`
  })
}

/** Gives a content under all names that are asked for; what a reader made of it under one name it takes over for the others where it can. */
function give(
  asked: readonly Need[],
  content: Buffer,
  budget: OtherNameBudget,
  digestOf: (algorithm: ExtraDigest) => Buffer | undefined,
): void {
  const known = new Map<PassReader, Map<string, string>>()
  const digests = new Map<ExtraDigest, Buffer | undefined>()
  for (const { header, reader, bytes, digest } of asked) {
    if (digest !== null) {
      if (!digests.has(digest)) digests.set(digest, digestOf(digest))
      const found = digests.get(digest)
      if (found !== undefined) reader.hashed?.(header, found)
    }
    if (bytes === 0) continue
    const names = known.get(reader) ?? new Map<string, string>()
    known.set(reader, names)
    const name = baseOf(header.path)
    const before = names.get(name)
    if (before !== undefined && reader.linked?.(header.path, before) === true) continue
    names.set(name, header.path)
    budget.give(reader, header, bytes < content.length ? content.subarray(0, bytes) : content)
  }
}

/** Reads the contents of some rows again; `take` returns the digest of what it read, which must be the one from before. */
export async function readAgain(
  store: Store,
  image: Image,
  { rows, wanted }: { rows: Rows; wanted: readonly Row[] },
  options: PassOptions,
  take: (row: Row, body: TarBody) => Promise<Digest>,
): Promise<void> {
  const byLayer = Map.groupBy(wanted, (row) => rows.layer(row))
  for (const [index, inLayer] of byLayer) {
    const bySerial = new Map(inLayer.map((row) => [rows.serial(row), row]))
    const descriptor = image.manifest.layers[index] as Descriptor
    let serial = -1
    for await (const { body } of readTar(await openLayer(store, descriptor, options), `layer ${descriptor.digest}`)) {
      const row = bySerial.get(++serial)
      if (row === undefined) continue
      if ((await take(row, body)) !== rows.digest(row)) {
        throw new VerificationError('digest-mismatch', `layer ${index} changed between two reads of it`, {
          subject: descriptor.digest,
        })
      }
      bySerial.delete(serial)
      if (bySerial.size === 0) break
    }
  }
}

function otherHeader(rows: Rows, path: string, row: Row, content: Row): TarHeader {
  const [mode, uid, gid] = [rows.mode(row), rows.uid(row), rows.gid(row)]
  const rest = { uname: '', gname: '', link: '', devMajor: 0, devMinor: 0, xattrs: {} }
  return { path, type: 'file', mode, uid, gid, size: rows.size(content), mtime: rows.mtime(row), ...rest }
}
