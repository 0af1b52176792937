import { createHash, hash } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import type { ByteSource } from '../base/streams.ts'
import type { Descriptor, Digest, Store } from '../oci/types.ts'
import { omittedBytes } from './layer-digest.ts'
import { LayerStreams, openLayer, type PassOptions } from './layer-stream.ts'
import { contentOf, LayerRecords, makeRecord, type LayerRecord } from './layer-records.ts'
import { MergedView } from './merged-view.ts'
import { SmallFiles } from './small-files.ts'
import { readTar, type TarBody } from './tar-read.ts'
import type { ExtraDigest, Image, LayerFacts, PassReader, PassResult, TarHeader } from './types.ts'

/** Takes the bytes of visible files as they flow by (unpacking). */
export interface FileSink {
  /** Called before the content of a file that is visible as far as is known. */
  open(header: TarHeader): Promise<FileWriter>
  /** A file given earlier was replaced later in its layer. */
  drop(path: string): Promise<void>
}
export interface FileWriter {
  write(chunk: Uint8Array): Promise<void>
  close(): Promise<void>
}

export interface WalkResult extends PassResult {
  visible: ReadonlyMap<string, LayerRecord>
}

/**
 * Walks the layers from the top down, once. Every blob is read to its end and its diff id checked.
 *
 * @throws VerificationError `digest-mismatch`, `missing-blob`, `path-escape`, `format-invalid`, `not-checked` (encrypted, no opener)
 */
export async function walkImage(
  store: Store,
  image: Image,
  readers: readonly PassReader[],
  options: PassOptions,
  sink?: FileSink,
): Promise<WalkResult> {
  const view = new MergedView()
  const facts: LayerFacts[] = []
  const count = image.manifest.layers.length
  const streams = new LayerStreams(store, image, options)
  const small = new SmallFiles()
  try {
    for (let index = count - 1; index >= 0; index--) {
      const descriptor = image.manifest.layers[index] as Descriptor
      const diffId = image.config.rootfs.diff_ids[index] as Digest
      options.log?.progress(`reading layer ${count - index} of ${count} (${Math.ceil(descriptor.size / 1e6)} MB)`)
      const plain = await streams.next(index)
      const records = await scan(plain.stream, index, descriptor, view, { readers, small, sink })
      const found = await plain.result()
      const omitted = omittedBytes(found, diffId, descriptor.mediaType)
      if (omitted === null) {
        throw new VerificationError(
          'digest-mismatch',
          `layer ${index} unpacks to ${found.digest}, the configuration says ${diffId}`,
          {
            subject: descriptor.digest,
            remedy: 'The image is damaged or was changed: publish it again from its source.',
          },
        )
      }
      if (omitted > 0) options.log?.info(omission(index, omitted))
      facts.unshift({ descriptor, diffId, size: found.size + omitted, ...(omitted === 0 ? {} : { omitted }) })
      view.apply(records)
    }
  } finally {
    await streams.close()
  }
  const inventory = view.finish()
  await readOtherNames(store, image, { inventory, visible: view.visible, small }, readers, options)
  return { image, layers: facts, inventory, visible: view.visible }
}

function omission(layer: number, bytes: number): string {
  return `layer ${layer} leaves out the last ${bytes} zero bytes of its archive: its diff id is right with them`
}

async function scan(
  plain: ByteSource,
  layer: number,
  descriptor: Descriptor,
  view: MergedView,
  { readers, small, sink }: { readers: readonly PassReader[]; small: SmallFiles; sink: FileSink | undefined },
): Promise<LayerRecords> {
  const subject = `layer ${descriptor.digest}`
  const records = new LayerRecords(subject)
  const global = records.addGlobal.bind(records)
  const given = new Set<string>()
  let serial = -1
  for await (const { header, body } of readTar(plain, subject, { global })) {
    serial++
    if (records.addWhiteout(header)) continue
    const record = makeRecord(header, layer, serial)
    const shown = !view.hides(header.path)
    for (const old of records.add(record)) {
      if (!given.delete(old.entry.path)) continue
      for (const reader of readers) reader.forget?.(old.entry.path)
      await sink?.drop(old.entry.path)
    }
    if (header.type === 'symlink') small.link(header)
    if (header.type !== 'file') continue
    const writer = shown ? await sink?.open(header) : undefined
    // A hidden file is hashed too: a hard link that is still visible may share its content.
    record.magic = await body.magic()
    const asked = askAll(shown ? readers : [], header, layer, record.magic)
    if (shown && readers.length > 0 && small.wants(header, record.magic)) asked.wanted.push(small.reader(record))
    record.entry.sha256 = await readFile(header, body, asked, writer)
    if (shown) given.add(header.path)
  }
  return records
}

/** What readers want of one file. */
interface Asked {
  wanted: { reader: PassReader; bytes: number }[]
  hashes: { reader: PassReader; algorithm: ExtraDigest }[]
}

function askAll(readers: readonly PassReader[], header: TarHeader, layer: number, magic: number): Asked {
  const asked: Asked = { wanted: [], hashes: [] }
  for (const reader of readers) {
    const bytes = reader.wants?.(header, layer, magic) ?? 0
    if (bytes > 0) asked.wanted.push({ reader, bytes })
    const algorithm = reader.digest?.(header) ?? null
    if (algorithm !== null) asked.hashes.push({ reader, algorithm })
  }
  return asked
}

async function readFile(
  header: TarHeader,
  body: TarBody,
  { wanted, hashes }: Asked,
  writer: FileWriter | undefined,
): Promise<Digest> {
  const keep = Math.min(header.size, Math.max(0, ...wanted.map(({ bytes }) => bytes)))
  const whole = body.now()
  let digest: Digest
  let kept: Buffer
  if (whole !== null) {
    digest = `sha256:${hash('sha256', whole, 'hex')}`
    for (const { reader, algorithm } of hashes) reader.hashed?.(header, hash(algorithm, whole, 'buffer'))
    // A copy: the chunk that it is a view of is large.
    kept = keep > 0 ? Buffer.from(whole.subarray(0, keep)) : whole.subarray(0, 0)
    await writer?.write(whole)
  } else {
    const running = createHash('sha256')
    const others = hashes.map(({ reader, algorithm }) => ({ reader, running: createHash(algorithm) }))
    kept = Buffer.allocUnsafe(keep)
    let at = 0
    for await (const chunk of body) {
      running.update(chunk)
      for (const other of others) other.running.update(chunk)
      if (at < keep) at += (chunk as Buffer).copy(kept, at, 0, Math.min(chunk.length, keep - at))
      await writer?.write(chunk)
    }
    digest = `sha256:${running.digest('hex')}`
    for (const other of others) other.reader.hashed?.(header, other.running.digest())
  }
  await writer?.close()
  for (const { reader, bytes } of wanted) reader.file?.(header, kept.subarray(0, Math.min(bytes, header.size)), digest)
  return digest
}

/**
 * Files that readers want under a name other than the one under which their content went by: hard links, and names that lead over
 * symbolic links. Where a content was not kept, its layer is read a second time, as far as needed.
 */
async function readOtherNames(
  store: Store,
  image: Image,
  { inventory, visible, small }: Pick<WalkResult, 'inventory' | 'visible'> & { small: SmallFiles },
  readers: readonly PassReader[],
  options: PassOptions,
): Promise<void> {
  const needs = new Map<LayerRecord, { header: TarHeader; reader: PassReader; bytes: number }[]>()
  const need = (record: LayerRecord, name: string, reader: PassReader): void => {
    const content = contentOf(record)
    if (content.entry.type !== 'file') return
    const header = otherHeader(name, record, content)
    const bytes = reader.wants?.(header, content.layer, content.magic) ?? 0
    if (bytes > 0) needs.set(content, [...(needs.get(content) ?? []), { header, reader, bytes }])
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
  for (const [record, asked] of needs) {
    const content = small.get(record)
    const { sha256 } = record.entry
    if (content === undefined || sha256 === undefined) continue
    for (const one of asked) one.reader.file?.(one.header, content.subarray(0, one.bytes), sha256)
    needs.delete(record)
  }
  await readAgain(store, image, [...needs.keys()], options, async (record, body) => {
    const asked = needs.get(record) ?? []
    // Read once for all names of the file.
    const all: PassReader = {
      file: (_header, content, digest) => {
        for (const one of asked) one.reader.file?.(one.header, content.subarray(0, one.bytes), digest)
      },
    }
    const bytes = Math.max(...asked.map((one) => one.bytes))
    const header = otherHeader(record.entry.path, record, record)
    return readFile(header, body, { wanted: [{ reader: all, bytes }], hashes: [] }, undefined)
  })
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
