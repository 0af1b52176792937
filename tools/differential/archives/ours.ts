import { hash } from 'node:crypto'
import { SealwrightError } from '../../../src/base/errors.ts'
import { MergedView } from '../../../src/image/merged-view.ts'
import { nameBytes } from '../../../src/tar/names.ts'
import { readTar } from '../../../src/tar/read.ts'
import type { MergedInventory } from '../../../src/image/merged-inventory.ts'
import type { InventoryEntry, TarHeader } from '../../../src/image/types.ts'

/** [name, type, mode, size, sha256, link, uid, gid, device, xattrs]; bytes in hexadecimal, as the peer writes it. */
export type Line = readonly [string, string, number, number, string, string, number, number, string, string]

/** What we read, or the code of our refusal. An error that is none of ours is thrown on. */
export type Reading<T> = { read: T } | { refused: string }

/** Reads one archive as a list of entries. */
export async function ourEntries(archive: Buffer): Promise<Reading<Line[]>> {
  return refusing(async () => {
    const lines: Line[] = []
    for await (const { header, body } of readTar(once(archive), 'archive')) {
      const content = await whole(body)
      const { path, type, mode, size, uid, gid } = header
      const sum = type === 'file' ? hash('sha256', content) : ''
      lines.push([
        hex(path),
        type,
        mode,
        size,
        sum,
        hex(header.link),
        uid,
        gid,
        deviceOf(header),
        xattrsOf(header.xattrs),
      ])
    }
    return lines
  })
}

/** Reads the layers of an image, bottom first, as the tree that an engine unpacks. */
export async function ourTree(layers: readonly Buffer[]): Promise<Reading<Line[]>> {
  return refusing(async () => {
    const view = new MergedView()
    for (let index = layers.length - 1; index >= 0; index--) {
      const records = view.layer(`layer ${index}`)
      const global = records.addGlobal.bind(records)
      let serial = -1
      for await (const { header, body } of readTar(once(layers[index] ?? Buffer.alloc(0)), `layer ${index}`, {
        global,
      })) {
        serial++
        if (records.addWhiteout(header)) continue
        const row = records.add(header, index, serial)
        if (header.type === 'file') records.rows.setDigest(row, hash('sha256', await whole(body), 'buffer'))
      }
      view.apply(records)
    }
    const inventory = view.finish()
    return [...inventory].filter(({ path }) => path !== '.').map((entry) => treeLine(entry, inventory))
  })
}

function treeLine(entry: InventoryEntry, inventory: MergedInventory): Line {
  const { rows } = inventory
  // On disk a hard link is what it is linked with.
  const content = entry.type === 'hardlink' ? rows.entry(rows.contentOf(inventory.layerRow(entry.path))) : entry
  const { type, size, sha256 = '', device = '' } = content
  const link = type === 'symlink' ? (content.link ?? '') : ''
  const xattrs = Object.entries(entry.xattrs ?? {})
  const told = xattrs.map(([name, value]) => `${hex(name)}=${value}`).sort()
  return [
    hex(entry.path),
    type,
    content.mode,
    type === 'file' ? size : 0,
    sha256.slice(7),
    hex(link),
    content.uid,
    content.gid,
    device,
    told.join(','),
  ]
}

async function refusing<T>(read: () => Promise<T>): Promise<Reading<T>> {
  try {
    return { read: await read() }
  } catch (error) {
    if (error instanceof SealwrightError && error.code !== 'internal') return { refused: error.code }
    throw error
  }
}

function deviceOf({ type, devMajor, devMinor }: TarHeader): string {
  return type === 'char' || type === 'block' ? `${devMajor}:${devMinor}` : ''
}

function xattrsOf(xattrs: Readonly<Record<string, string>>): string {
  const all = Object.entries(xattrs).map(
    ([name, value]) => `${hex(name)}=${Buffer.from(value, 'latin1').toString('hex')}`,
  )
  return all.sort().join(',')
}

function hex(name: string): string {
  return nameBytes(name).toString('hex')
}

async function whole(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes
}
