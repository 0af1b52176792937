import { hash } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import type { Descriptor, Digest, Store } from '../oci/types.ts'
import { contentOf, type LayerRecord } from './layer-records.ts'
import { openLayer, type PassOptions } from './layer-stream.ts'
import { OtherNameBudget } from './pass-bounds.ts'
import { readFile, Scratch } from './read-file.ts'
import type { SmallFiles } from './small-files.ts'
import { baseOf } from './paths.ts'
import { readTar, type TarBody } from './tar-read.ts'
import type { ExtraDigest, Image, InventoryEntry, PassReader, TarHeader } from './types.ts'

/** All names of an image, and contents that were kept. */
export interface Names {
  inventory: readonly InventoryEntry[]
  visible: ReadonlyMap<string, LayerRecord>
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
  { inventory, visible, small }: Names,
  readers: readonly PassReader[],
  options: PassOptions,
): Promise<void> {
  let needs = new Map<LayerRecord, Need[]>()
  const need = (record: LayerRecord, name: string, reader: PassReader): void => {
    const content = contentOf(record)
    if (content.entry.type !== 'file') return
    const header = otherHeader(name, record, content)
    const bytes = reader.wants?.(header, content.layer, content.magic) ?? 0
    const digest = reader.digest?.(header) ?? null
    if (bytes === 0 && digest === null) return
    const held = needs.get(content)
    if (held === undefined) needs.set(content, [{ header, reader, bytes, digest }])
    else held.push({ header, reader, bytes, digest })
  }
  for (const record of visible.values()) {
    if (record.entry.type !== 'hardlink') continue
    const content = contentOf(record)
    const isVisible = visible.get(content.entry.path) === content
    for (const reader of readers) {
      if (!isVisible || reader.linked?.(record.entry.path, content.entry.path) !== true)
        need(record, record.entry.path, reader)
    }
  }
  for (const reader of readers) {
    for (const alias of reader.aliases?.(inventory) ?? []) {
      const record = visible.get(alias.path)
      if (record !== undefined) need(record, alias.as, reader)
    }
  }
  const budget = new OtherNameBudget(options.bounds?.otherNames)
  await giveNeeds(store, image, needs, { small, budget, options })
  needs = new Map()
  for (const reader of readers) {
    for (const path of reader.further?.(inventory) ?? []) {
      const record = visible.get(path)
      if (record !== undefined) need(record, path, reader)
    }
  }
  await giveNeeds(store, image, needs, { small, budget, options })
}

/** Reads each content once, from memory or from its layer, and gives it to all who need it. */
async function giveNeeds(
  store: Store,
  image: Image,
  needs: Map<LayerRecord, Need[]>,
  { small, budget, options }: { small: SmallFiles; budget: OtherNameBudget; options: PassOptions },
): Promise<void> {
  for (const [record, asked] of needs) {
    const content = small.get(record)
    if (content === undefined) continue
    give(asked, content, budget, (algorithm) => hash(algorithm, content, 'buffer'))
    needs.delete(record)
  }
  const scratch = new Scratch()
  await readAgain(store, image, [...needs.keys()], options, async (record, body) => {
    const asked = needs.get(record) ?? []
    // Read once for all names of the file.
    const bytes = asked.reduce((most, one) => Math.max(most, one.bytes), 0)
    const extra = [...new Set(asked.map(({ digest }) => digest).filter((digest) => digest !== null))]
    const header = otherHeader(record.entry.path, record, record)
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

/** Reads the contents of some records again; `take` returns the digest of what it read, which must be the one from before. */
export async function readAgain(
  store: Store,
  image: Image,
  wanted: readonly LayerRecord[],
  options: PassOptions,
  take: (record: LayerRecord, body: TarBody) => Promise<Digest>,
): Promise<void> {
  const byLayer = Map.groupBy(wanted, (record) => record.layer)
  for (const [index, records] of byLayer) {
    const bySerial = new Map(records.map((record) => [record.serial, record]))
    const descriptor = image.manifest.layers[index] as Descriptor
    let serial = -1
    for await (const { body } of readTar(await openLayer(store, descriptor, options), `layer ${descriptor.digest}`)) {
      const record = bySerial.get(++serial)
      if (record === undefined) continue
      if ((await take(record, body)) !== record.entry.sha256) {
        throw new VerificationError('digest-mismatch', `layer ${index} changed between two reads of it`, {
          subject: descriptor.digest,
        })
      }
      bySerial.delete(serial)
      if (bySerial.size === 0) break
    }
  }
}

function otherHeader(path: string, record: LayerRecord, content: LayerRecord): TarHeader {
  const { mode, uid, gid } = record.entry
  const rest = { uname: '', gname: '', link: '', devMajor: 0, devMinor: 0, xattrs: {} }
  return { path, type: 'file', mode, uid, gid, size: content.entry.size, mtime: record.mtime, ...rest }
}
