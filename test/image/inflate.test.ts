import { crc32, deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { decompress } from '../../src/image/compress.ts'
import type { InflateLimits } from '../../src/image/inflate-limits.ts'
import { mediaTypes } from '../../src/oci/types.ts'
import { Random } from '../../testkit/random.ts'
import { bytesOf } from './make-image.ts'

const random = new Random(9, 'inflate')
const noise = (size: number): Buffer => Buffer.from(Array.from({ length: size }, () => random.below(256)))
const data = Buffer.concat([noise(70_000), Buffer.alloc(300_000, 'some text '), noise(30_000)])

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
const read = (type: string, bytes: Buffer, size = 4096, limits?: InflateLimits): Promise<Buffer> =>
  bytesOf(decompress(type, cut(bytes, size), limits))
const gzip = mediaTypes.layerGzip
const zstd = mediaTypes.layerZstd

/** Skippable frame (RFC 8878 §3.1.2). */
function skippable(content: Buffer, kind = 0): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(0x184d2a50 + kind, 0)
  header.writeUInt32LE(content.length, 4)
  return Buffer.concat([header, content])
}
/** A frame by hand: no content size, a window of 2^log bytes, and raw or run-length blocks. */
function frame(blocks: readonly (Buffer | { byte: number; times: number })[], log = 17): Buffer {
  const parts: Buffer[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (log - 10) << 3])]
  for (const [i, block] of blocks.entries()) {
    const last = i === blocks.length - 1 ? 1 : 0
    const header = Buffer.alloc(3)
    if (Buffer.isBuffer(block)) header.writeUIntLE((block.length << 3) | last, 0, 3)
    else header.writeUIntLE((block.times << 3) | 2 | last, 0, 3)
    parts.push(header, Buffer.isBuffer(block) ? block : Buffer.from([block.byte]))
  }
  return Buffer.concat(parts)
}
/** A gzip member with every optional field (RFC 1952 §2.3). */
function member(content: Buffer, options: { name?: string; extra?: Buffer; wrongSum?: boolean } = {}): Buffer {
  const { name = 'layer.tar', extra = Buffer.from('AB\u0002\u0000xy'), wrongSum = false } = options
  const length = Buffer.alloc(2)
  length.writeUInt16LE(extra.length)
  const fixed = Buffer.from([0x1f, 0x8b, 8, 2 + 4 + 8 + 16, 1, 2, 3, 4, 0, 3])
  const header = Buffer.concat([fixed, length, extra, Buffer.from(`${name}\0a comment\0`)])
  const sums = Buffer.alloc(2)
  sums.writeUInt16LE((crc32(header) & 0xffff) ^ (wrongSum ? 1 : 0))
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(content), 0)
  trailer.writeUInt32LE(content.length, 4)
  return Buffer.concat([header, sums, deflateRawSync(content), trailer])
}

const halves = [data.subarray(0, 123_456), data.subarray(123_456)] as const
const empty = Buffer.alloc(0)
const many = Array.from({ length: 400 }, (_, i) => data.subarray(i * 1000, (i + 1) * 1000))

test.each<[string, string, Buffer]>([
  ['one zstd frame', zstd, zstdCompressSync(data)],
  ['two zstd frames', zstd, Buffer.concat(halves.map((half) => zstdCompressSync(half)))],
  ['zstd frames with nothing in them', zstd, Buffer.concat([empty, ...halves, empty].map((b) => zstdCompressSync(b)))],
  [
    'zstd:chunked: hundreds of frames, a skippable one in the middle and at the end',
    zstd,
    Buffer.concat([
      ...many.slice(0, 200).map((b) => zstdCompressSync(b)),
      skippable(noise(5000), 3),
      ...many.slice(200).map((b) => zstdCompressSync(b)),
      skippable(empty, 15),
      skippable(noise(64)),
    ]),
  ],
  ['raw and run-length blocks without a content size', zstd, frame([many[0] ?? empty, { byte: 65, times: 100_000 }])],
  ['an empty last block', zstd, Buffer.concat([frame([many[0] ?? empty, empty]), frame([empty])])],
  ['one gzip member', gzip, gzipSync(data)],
  ['two gzip members', gzip, Buffer.concat(halves.map((half) => gzipSync(half)))],
  ['gzip members with nothing in them', gzip, Buffer.concat([empty, ...halves, empty].map((b) => gzipSync(b)))],
  ['hundreds of gzip members, as in estargz', gzip, Buffer.concat(many.map((b) => gzipSync(b)))],
  ['gzip members with every optional field', gzip, Buffer.concat(halves.map((half) => member(half)))],
])('%s decode to their concatenation, however they arrive', async (what, type, bytes) => {
  const expected =
    what.startsWith('raw') ? Buffer.concat([many[0] ?? empty, Buffer.alloc(100_000, 'A')])
    : what.startsWith('an empty') ? many[0] ?? empty
    : what.includes('hundreds') ? Buffer.concat(many)
    : data // prettier-ignore
  for (const size of [1, 3, 1000, bytes.length]) expect((await read(type, bytes, size)).equals(expected)).toBe(true)
})

test.each([
  ['gzip', gzip, Buffer.concat([gzipSync(many[0] ?? empty), member(many[1] ?? empty)])],
  ['zstd', zstd, Buffer.concat([zstdCompressSync(many[0] ?? empty), frame([many[1] ?? empty, { byte: 1, times: 9 }])])],
])('%s that ends at any other place than the end of a member or frame is refused', async (kind, type, bytes) => {
  const first = kind === 'gzip' ? gzipSync(many[0] ?? empty).length : zstdCompressSync(many[0] ?? empty).length
  for (let end = 0; end < bytes.length; end++) {
    if (end === first) expect((await read(type, bytes.subarray(0, end))).equals(many[0] ?? empty)).toBe(true)
    else await expect(read(type, bytes.subarray(0, end))).rejects.toMatchObject({ code: 'format-invalid' })
  }
})

test.each([
  ['gzip', gzip, gzipSync(many[0] ?? empty), [4, 5, 6, 7, 8, 9]],
  // The last byte of its window descriptor's mantissa is only an allocation.
  ['zstd', zstd, zstdCompressSync(many[0] ?? empty, { params: { 201: 1 } }), []],
] as const)('a flipped bit of %s is refused, or changes no byte', async (_kind, type, bytes, idle) => {
  const expected = many[0] ?? empty
  for (let at = 0; at < bytes.length; at++) {
    const flipped = Buffer.from(bytes)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8))
    const found = await read(type, flipped).catch((error: unknown) => error)
    if (Buffer.isBuffer(found)) expect(found.equals(expected)).toBe(true)
    else expect(found).toMatchObject({ code: 'format-invalid' })
    if (idle.includes(at as never)) expect(Buffer.isBuffer(found)).toBe(true)
  }
})

test.each<[string, string, Buffer, RegExp]>([
  ['zero bytes after gzip', gzip, Buffer.concat([gzipSync(data), Buffer.alloc(512)]), /zero bytes follow/],
  ['one zero byte after gzip', gzip, Buffer.concat([gzipSync(data), Buffer.alloc(1)]), /zero bytes follow/],
  ['other bytes after gzip', gzip, Buffer.concat([gzipSync(data), Buffer.from('tail')]), /other data follows/],
  ['a zstd frame after gzip', gzip, Buffer.concat([gzipSync(data), zstdCompressSync(data)]), /other data follows/],
  ['zero bytes after zstd', zstd, Buffer.concat([zstdCompressSync(data), Buffer.alloc(512)]), /zero bytes follow/],
  ['other bytes after zstd', zstd, Buffer.concat([zstdCompressSync(data), Buffer.from('tail')]), /other data follows/],
  ['three bytes after zstd', zstd, Buffer.concat([zstdCompressSync(data), Buffer.from('abc')]), /unexpected end/],
  ['a gzip member after zstd', zstd, Buffer.concat([zstdCompressSync(data), gzipSync(data)]), /other data follows/],
  ['a skippable frame first', zstd, Buffer.concat([skippable(noise(9)), zstdCompressSync(data)]), /skippable/],
  ['nothing but a skippable frame', zstd, skippable(noise(9)), /skippable/],
  [
    'a skippable frame that is cut short',
    zstd,
    Buffer.concat([frame([empty]), skippable(noise(9)).subarray(0, 16)]),
    /end of/,
  ],
  ['a window of 256 MiB', zstd, frame([many[0] ?? empty], 28), /window of 268435456 bytes.*134217728/],
  ['a reserved block type', zstd, Buffer.from([...zstdCompressSync(empty).subarray(0, 6), 7, 0, 0]), /reserved type/],
  ['unknown gzip flags', gzip, Buffer.from([0x1f, 0x8b, 8, 0x20, 0, 0, 0, 0, 0, 3, 3, 0]), /unknown flags/],
  ['a gzip name without an end', gzip, member(data, { name: 'n'.repeat(600) }), /more than 512 bytes/],
  ['a wrong sum of a gzip header', gzip, member(data, { wrongSum: true }), /checksum of a gzip header/],
  ['an empty gzip blob', gzip, empty, /is empty/],
  ['an empty zstd blob', zstd, empty, /is empty/],
  ['an empty plain blob', mediaTypes.layerTar, empty, /is empty/],
  ['two bytes of gzip', gzip, Buffer.from([0x1f, 0x8b]), /end of/],
  ['zstd in a layer of type gzip', gzip, zstdCompressSync(data), /holds zstd data/],
  ['a plain layer of type gzip', gzip, data, /holds other data/],
  ['gzip in a plain layer', mediaTypes.layerTar, gzipSync(data), /holds gzip data/],
])('%s: refused, and the message says why', async (_what, type, bytes, message) => {
  for (const size of [1, bytes.length || 1]) {
    const expected = { code: 'format-invalid', message: expect.stringMatching(message) }
    await expect(read(type, bytes, size)).rejects.toMatchObject(expected)
  }
})

test('errors name the layer and its type, and the remedy is for what was found', async () => {
  const named = async (bytes: Buffer): Promise<unknown> =>
    bytesOf(decompress(zstd, cut(bytes, 4096), undefined, 'layer sha256:ab')).catch((error: unknown) => error)
  expect(await named(gzipSync(data))).toMatchObject({
    message: `layer sha256:ab of type ${zstd} holds gzip data`,
    remedy: expect.stringContaining('manifest'),
  })
  expect(await named(zstdCompressSync(data).subarray(0, 2000))).toMatchObject({
    message: expect.stringMatching(/^layer sha256:ab of type .* is damaged or cut short: /),
    remedy: expect.stringContaining('publish it again'),
  })
  expect(await named(frame([many[0] ?? empty], 28))).toMatchObject({
    message: expect.stringMatching(/^layer sha256:ab of type \S+ has a zstd frame with a window/),
    remedy: expect.stringContaining('without --long'),
  })
})

describe('bombs', () => {
  const limits: InflateLimits = { bytes: 5_000_000, ratio: 50, free: 1_000_000 }
  const zeros = (size: number): Buffer => Buffer.alloc(size)

  test('the limit on bytes names itself', async () => {
    await expect(read(gzip, gzipSync(data), 4096, { ...limits, bytes: 300_000 })).rejects.toThrow(
      'may have at most 300000 bytes after decompression',
    )
  })

  test.each([
    ['gzip', gzip, gzipSync(zeros(2_000_000))],
    ['zstd', zstd, zstdCompressSync(zeros(2_000_000))],
    ['run-length blocks', zstd, frame(Array.from({ length: 16 }, () => ({ byte: 0, times: 100_000 })))],
  ])('the limit on the ratio names itself and the remedy: %s', async (_what, type, bytes) => {
    await expect(read(type, bytes, 4096, limits)).rejects.toMatchObject({
      code: 'format-invalid',
      message: expect.stringContaining('at most 50 times its size beyond 1000000 bytes'),
      remedy: expect.stringContaining('build it again'),
    })
    expect((await read(type, bytes, 4096, { ...limits, free: 5_000_000 })).length).toBeGreaterThan(1_000_000)
  })

  test('less than the free bytes has no ratio', async () => {
    expect((await read(zstd, zstdCompressSync(zeros(900_000)), 4096, limits)).length).toBe(900_000)
  })
})
