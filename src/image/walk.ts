import { VerificationError } from '../base/errors.ts'
import { sizeInWords } from '../base/size.ts'
import type { Descriptor, Digest, Store } from '../oci/types.ts'
import { checkImageLimits, inflateLimits } from './inflate-limits.ts'
import { omittedBytes } from './layer-digest.ts'
import { LayerStreams, type LayerStream, type PassOptions } from './layer-stream.ts'
import type { LayerRecords } from './layer-records.ts'
import type { MergedInventory } from './merged-inventory.ts'
import { MergedView } from './merged-view.ts'
import { readOtherNames } from './other-names.ts'
import { askAll, giveAll, hashers, readFile, readFileNow, Scratch, type FileSink } from './read-file.ts'
import { SmallFiles } from './small-files.ts'
import { marks } from './rows.ts'
import { holeCount, readTar, type HoleCount } from '../tar/read.ts'
import type { Image, LayerFacts, PassReader, PassResult } from './types.ts'

export interface WalkResult extends PassResult {
  inventory: MergedInventory
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
  const blobs = new Set<Digest>()
  const total = { read: 0, written: 0 }
  const holes = holeCount(options.bounds?.holes)
  try {
    for (let index = count - 1; index >= 0; index--) {
      const descriptor = image.manifest.layers[index] as Descriptor
      const diffId = image.config.rootfs.diff_ids[index] as Digest
      options.log?.progress(`reading layer ${count - index} of ${count} (${sizeInWords(descriptor.size)})`)
      const plain = await streams.next(index)
      const records = await scan(plain, index, descriptor, view, { readers, small, sink, holes })
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
      small.endLayer(view.rows)
      if (!blobs.has(descriptor.digest)) total.read += descriptor.size
      blobs.add(descriptor.digest)
      total.written += found.size
      checkImageLimits(options.limits ?? inflateLimits, image.descriptor.digest, total.read, total.written)
    }
  } finally {
    await streams.close()
  }
  const inventory = view.finish()
  await readOtherNames(store, image, { inventory, small }, readers, options)
  small.free()
  return { image, layers: facts, inventory }
}

function omission(layer: number, bytes: number): string {
  return `layer ${layer} leaves out the last ${bytes} zero bytes of its archive: its diff id is right with them`
}

async function scan(
  plain: LayerStream,
  layer: number,
  descriptor: Descriptor,
  view: MergedView,
  {
    readers,
    small,
    sink,
    holes,
  }: { readers: readonly PassReader[]; small: SmallFiles; sink: FileSink | undefined; holes: HoleCount },
): Promise<LayerRecords> {
  const subject = `layer ${descriptor.digest}`
  const records = view.layer(subject)
  const { rows } = view
  const global = records.addGlobal.bind(records)
  const scratch = new Scratch()
  let serial = -1
  for await (const { header, body } of readTar(plain.stream, subject, { global, holes })) {
    serial++
    if (records.addWhiteout(header)) continue
    const shown = !view.hides(header.path)
    const row = records.add(header, layer, serial)
    for (const old of records.obsolete) {
      if (!rows.is(old, marks.given)) continue
      rows.unmark(old, marks.given)
      const path = rows.path(old)
      for (const reader of readers) reader.forget?.(path)
      await sink?.drop(path)
    }
    if (header.type === 'symlink') small.link(header)
    if (header.type !== 'file') continue
    if (shown) rows.mark(row, marks.given)
    const asking = shown ? readers : []
    const hashed = hashers(header, asking, rows, row)
    // A hidden file is hashed too: a hard link that is still visible may share its content. This comes before any of the content is read.
    const aside = body.inOnePiece && body.left > 0 ? plain.files : null
    aside?.want(body.offset, body.left, hashed.extra, hashed.take)
    const writer = shown && sink !== undefined ? await sink.open(header) : undefined
    const magic = body.magicNow() ?? (await body.magic())
    rows.setMagic(row, magic)
    const wanted = askAll(asking, header, layer, magic)
    if (shown && readers.length > 0 && small.wants(header, magic)) wanted.push(small.reader(row, header.size))
    const extra = aside === null ? hashed.extra : null
    const { kept, digests } =
      (writer === undefined ? readFileNow(header, body, wanted, extra) : null) ??
      (await readFile(header, body, wanted, { extra, scratch, writer }))
    if (digests !== null) hashed.take(digests.sha256, digests.extra)
    giveAll(header, wanted, kept)
  }
  scratch.free()
  return records
}
