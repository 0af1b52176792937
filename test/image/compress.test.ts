import { gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib'
import { randomBytes } from 'node:crypto'
import { compress, decompress } from '../../src/image/compress.ts'
import { mediaTypes } from '../../src/oci/types.ts'
import { bytesOf, once } from './make-image.ts'

const data = Buffer.concat([randomBytes(300_000), Buffer.alloc(700_000, 'text')])
async function* cut(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

test('gzip has a neutral header and does not depend on how its input was cut', async () => {
  const whole = await bytesOf(compress('gzip', once(data)))
  expect(whole.subarray(0, 10).toString('hex')).toBe('1f8b08000000000000ff')
  expect(gunzipSync(whole).equals(data)).toBe(true)
  expect((await bytesOf(compress('gzip', cut(data, 777)))).equals(whole)).toBe(true)
})

test('zstd does not depend on how its input was cut', async () => {
  const whole = await bytesOf(compress('zstd', once(data)))
  expect(zstdDecompressSync(whole).equals(data)).toBe(true)
  expect((await bytesOf(compress('zstd', cut(data, 777)))).equals(whole)).toBe(true)
})

test.each([
  ['gzip', mediaTypes.layerGzip],
  ['gzip', mediaTypes.dockerLayer],
  ['zstd', mediaTypes.layerZstd],
  ['none', mediaTypes.layerTar],
] as const)('%s is undone for %s', async (kind, mediaType) => {
  const packed = await bytesOf(compress(kind, once(data)))
  expect((await bytesOf(decompress(mediaType, cut(packed, 1000)))).equals(data)).toBe(true)
})

test('several gzip members are one stream', async () => {
  const packed = Buffer.concat([gzipSync(data.subarray(0, 500)), gzipSync(data.subarray(500))])
  expect((await bytesOf(decompress(mediaTypes.layerGzip, cut(packed, 997)))).equals(data)).toBe(true)
})

const gz = gzipSync(data)
test.each<[string, string, Buffer, string]>([
  ['another compression than announced', mediaTypes.layerZstd, gz, 'format-invalid'],
  ['compressed data announced as plain', mediaTypes.layerTar, gz, 'format-invalid'],
  ['plain data announced as gzip', mediaTypes.layerGzip, data, 'format-invalid'],
  ['truncated gzip', mediaTypes.layerGzip, gz.subarray(0, -20), 'format-invalid'],
  [
    'damaged gzip',
    mediaTypes.layerGzip,
    Buffer.concat([gz.subarray(0, 5000), randomBytes(50), gz.subarray(5050)]),
    'format-invalid',
  ],
  [
    'foreign data after gzip',
    mediaTypes.layerGzip,
    Buffer.concat([gz, randomBytes(400_000).fill(1, 0, 2)]),
    'format-invalid',
  ],
  ['nothing at all', mediaTypes.layerGzip, Buffer.alloc(0), 'format-invalid'],
  ['an encrypted layer', `${mediaTypes.layerGzip}+encrypted`, gz, 'not-checked'],
  ['a type that is no layer', 'application/json', gz, 'format-invalid'],
])('%s is refused', async (_what, mediaType, bytes, code) => {
  await expect(bytesOf(decompress(mediaType, cut(bytes, 4096)))).rejects.toMatchObject({ code })
})

test('an error of the source comes through as it is', async () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield gz.subarray(0, 1000)
    throw new RangeError('from below')
  }
  await expect(bytesOf(decompress(mediaTypes.layerGzip, failing()))).rejects.toThrow('from below')
})

test('who stops reading stops the source', async () => {
  let closed = false
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield data
    } finally {
      closed = true
    }
  }
  for await (const piece of compress('gzip', endless())) {
    expect(piece.length).toBeGreaterThan(0)
    break
  }
  expect(closed).toBe(true)
})
