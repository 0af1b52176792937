import { createHash } from 'node:crypto'

type Value = string | string[] | { numbers: number[]; width: 2 | 4 }

const numbers = (width: 2 | 4, ...values: number[]): Value => ({ numbers: values, width })

export interface Made {
  name: string
  version?: string
  release?: string
  epoch?: number
  arch?: string
  licence?: string
  vendor?: string
  provides?: string[]
  requires?: string[]
  /** Path, SHA-256 in hex, flags, mode, state. */
  files?: [path: string, digest: string, flags?: number, mode?: number, state?: number][]
  modularity?: string
}

/** A header as rpm's database has it, with the digest that covers it. */
export function rpmHeader(made: Made): Buffer {
  const { files = [] } = made
  const folders = [...new Set(files.map(([path]) => path.slice(0, path.lastIndexOf('/') + 1)))]
  const fields: [number, Value][] = [
    [1000, made.name],
    [1001, made.version ?? '1.0'],
    [1002, made.release ?? '1'],
    ...(made.epoch === undefined ? [] : [[1003, numbers(4, made.epoch)] as [number, Value]]),
    [1011, made.vendor ?? 'Example'],
    [1014, made.licence ?? 'MIT'],
    [1020, 'https://example.org/'],
    [1022, made.arch ?? 'x86_64'],
    [1030, numbers(2, ...files.map(([, , , mode]) => mode ?? 0o100644))],
    [1035, files.map(([, digest]) => digest)],
    [1037, numbers(4, ...files.map(([, , flags]) => flags ?? 0))],
    [1044, `${made.name}-1.0-1.src.rpm`],
    [1047, made.provides ?? [made.name]],
    [1049, made.requires ?? []],
    [1116, numbers(4, ...files.map(([path]) => folders.indexOf(path.slice(0, path.lastIndexOf('/') + 1))))],
    [1117, files.map(([path]) => path.slice(path.lastIndexOf('/') + 1))],
    [1118, folders],
    [5011, numbers(4, 8)],
    ...(made.modularity === undefined ? [] : [[5096, made.modularity] as [number, Value]]),
  ]
  const kept = fields.filter(([, value]) => !Array.isArray(value) || value.length > 0)
  const region = encode(kept)
  const trailer = entry(63, 7, -16 * (kept.length + 1), 16)
  const index = [entry(63, 7, region.data.length, 16), ...region.index]
  const data = Buffer.concat([region.data, trailer])
  const head = Buffer.from('8eade80100000000', 'hex')
  const sizes = Buffer.alloc(8)
  sizes.writeUInt32BE(index.length, 0)
  sizes.writeUInt32BE(data.length, 4)
  const digest = createHash('sha256')
    .update(Buffer.concat([head, sizes, ...index, data]))
    .digest('hex')
  const own = encode(
    [
      [273, digest],
      [1029, { numbers: files.map(([, , , , state]) => state ?? 0), width: 2 }],
    ],
    data.length,
  )
  const all = Buffer.concat([data, own.data])
  const lengths = Buffer.alloc(8)
  lengths.writeUInt32BE(index.length + own.index.length, 0)
  lengths.writeUInt32BE(all.length, 4)
  return Buffer.concat([lengths, ...index, ...own.index, all])
}

function encode(fields: readonly [number, Value][], start = 0): { index: Buffer[]; data: Buffer } {
  let data = Buffer.alloc(0)
  const index = fields.map(([tag, value]) => {
    const width = typeof value === 'object' && 'width' in value ? value.width : 1
    data = Buffer.concat([data, Buffer.alloc((width - ((start + data.length) % width)) % width)])
    const offset = start + data.length
    if (typeof value === 'string') {
      data = Buffer.concat([data, Buffer.from(`${value}\0`)])
      return entry(tag, 6, offset, 1)
    }
    if (Array.isArray(value)) {
      data = Buffer.concat([data, Buffer.from(value.map((text) => `${text}\0`).join(''))])
      return entry(tag, 8, offset, value.length)
    }
    const bytes = Buffer.alloc(value.numbers.length * width)
    value.numbers.forEach((number, i) => bytes.writeUIntBE(number, i * width, width))
    data = Buffer.concat([data, bytes])
    return entry(tag, width === 2 ? 3 : 4, offset, value.numbers.length)
  })
  return { index, data }
}

function entry(tag: number, type: number, offset: number, count: number): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32BE(tag, 0)
  bytes.writeUInt32BE(type, 4)
  bytes.writeInt32BE(offset, 8)
  bytes.writeUInt32BE(count, 12)
  return bytes
}

/** `Packages.db`: one page of slots, then the packages in blocks of 16 bytes. */
export function ndb(headers: readonly Buffer[]): Buffer {
  const slots = Buffer.alloc(4096)
  slots.write('RpmP', 0, 'latin1')
  slots.writeUInt32LE(1, 12)
  for (let at = 32; at < 4096; at += 16) slots.write('Slot', at, 'latin1')
  const parts: Buffer[] = [slots]
  let at = 4096
  headers.forEach((blob, i) => {
    const size = Math.ceil((16 + blob.length + 12) / 16) * 16
    const block = Buffer.alloc(size)
    block.write('BlbS', 0, 'latin1')
    block.writeUInt32LE(i + 1, 4)
    block.writeUInt32LE(blob.length, 12)
    blob.copy(block, 16)
    block.writeUInt32LE(adler(block.subarray(0, size - 12)), size - 12)
    block.writeUInt32LE(blob.length, size - 8)
    block.write('BlbE', size - 4, 'latin1')
    slots.writeUInt32LE(i + 1, 32 + 16 * i + 4)
    slots.writeUInt32LE(at / 16, 32 + 16 * i + 8)
    slots.writeUInt32LE(size / 16, 32 + 16 * i + 12)
    parts.push(block)
    at += size
  })
  return Buffer.concat(parts)
}

function adler(bytes: Buffer): number {
  let [a, b] = [1, 0]
  for (const byte of bytes) {
    a = (a + byte) % 65521
    b = (b + a) % 65521
  }
  return b * 65536 + a
}

/** `Packages`: a hash page with one pair per package, each value on overflow pages, but for the small ones of `inline`. */
export function bdb(headers: readonly Buffer[], { big = false, inline = false } = {}): Buffer {
  const pageSize = 4096
  const pages: Buffer[] = []
  const u32 = (page: Buffer, value: number, at: number): number =>
    big ? page.writeUInt32BE(value, at) : page.writeUInt32LE(value, at)
  const u16 = (page: Buffer, value: number, at: number): number =>
    big ? page.writeUInt16BE(value, at) : page.writeUInt16LE(value, at)
  const add = (kind: number): Buffer => {
    const page = Buffer.alloc(pageSize)
    u32(page, pages.length, 8)
    page.writeUInt8(kind, 25)
    pages.push(page)
    return page
  }
  const meta = add(8)
  u32(meta, 0x061561, 12)
  u32(meta, 9, 16)
  u32(meta, pageSize, 20)
  const hash = add(13)
  let [end, items] = [pageSize, 0]
  const put = (bytes: Buffer): void => {
    end -= bytes.length
    bytes.copy(hash, end)
    u16(hash, end, 26 + 2 * items)
    items++
    u16(hash, items, 20)
  }
  const key = (value: number): Buffer => {
    const bytes = Buffer.alloc(5)
    bytes.writeUInt8(1, 0)
    u32(bytes, value, 1)
    return bytes
  }
  put(key(0))
  put(key(headers.length + 1))
  headers.forEach((blob, i) => {
    put(key(i + 1))
    if (inline) return put(Buffer.concat([Buffer.from([1]), blob]))
    const value = Buffer.alloc(12)
    value.writeUInt8(3, 0)
    u32(value, pages.length, 4)
    u32(value, blob.length, 8)
    put(value)
    for (let at = 0; at < blob.length; at += pageSize - 26) {
      const page = add(7)
      const part = blob.subarray(at, at + pageSize - 26)
      part.copy(page, 26)
      u16(page, part.length, 22)
      if (at + part.length < blob.length) u32(page, pages.length, 16)
    }
  })
  u32(meta, pages.length - 1, 32)
  u32(meta, headers.length + 1, 88)
  return Buffer.concat(pages)
}
