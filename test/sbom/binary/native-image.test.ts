import { gzipSync } from 'node:zlib'
import { nativeImage } from '../../../src/sbom/catalogers/binary/native-image.ts'
import { flip } from '../../../testkit/mutate.ts'
import { catalog } from './catalog.ts'
import { base, makeElf, type Part } from '../../../testkit/sbom/make-executable.ts'

const document = {
  bomFormat: 'CycloneDX',
  components: [
    { type: 'library', group: 'io.netty', name: 'netty-common', version: '4.1.100', purl: 'pkg:maven/x/y@1' },
    { type: 'library', name: 'bare' },
  ],
}

/** A native image: its document, its length, and the symbols that lead to them. */
function image(
  bytes: Buffer,
  { length = bytes.length, names = ['__svm_version_info', 'sbom', 'sbom_length'] } = {},
): Buffer {
  const data = Buffer.concat([Buffer.alloc(8), bytes])
  data.writeBigUInt64LE(BigInt(length), 0)
  const table = Buffer.alloc(24 * (names.length + 1))
  const parts: Part[] = [
    { name: '.data', bytes: data, data: true },
    { name: '.dynsym', bytes: table },
    { name: '.dynstr', bytes: Buffer.from(`\0${names.map((name) => `${name}\0`).join('')}`) },
  ]
  const start = base + makeElf(parts).indexOf(data)
  let at = 1
  names.forEach((name, i) => {
    table.writeUInt32LE(at, 24 * (i + 1))
    table.writeBigUInt64LE(BigInt(name === 'sbom' ? start + 8 : start), 24 * (i + 1) + 8)
    at += name.length + 1
  })
  return makeElf(parts)
}

const packed = gzipSync(JSON.stringify(document))
const read = (bytes: Buffer): ReturnType<typeof catalog> => catalog(nativeImage, { 'opt/app': bytes })

test('the libraries of the document in a native image', () => {
  const { packages, gaps } = read(image(packed))
  expect(packages).toMatchObject([
    { purl: 'pkg:maven/io.netty/netty-common@4.1.100', type: 'maven', locations: ['opt/app'] },
    { purl: 'pkg:maven/bare/bare', version: null, properties: [['java:group', 'assumed']] },
  ])
  expect(gaps).toEqual([])
})

test('a native image without a document is a gap; other programs are nothing', () => {
  expect(read(image(packed, { names: ['__svm_version_info'] }))).toMatchObject({
    packages: [],
    gaps: [{ path: 'opt/app', kind: 'maven', reason: 'opaque' }],
  })
  expect(read(image(packed, { names: ['sbom', 'sbom_length'] }))).toEqual({ packages: [], gaps: [] })
  expect(read(makeElf([]))).toEqual({ packages: [], gaps: [] })
})

test('a document that lies about itself is an error', () => {
  expect(() => read(image(packed, { length: 1 << 30 }))).toThrow(/bytes are expected/)
  expect(() => read(image(Buffer.from('no gzip')))).toThrow()
  expect(() => read(image(gzipSync('[]')))).toThrow('expected a JSON object')
  expect(() => read(image(gzipSync('{"components":[7]}')))).toThrow('components: expected objects')
})

test('every flipped bit is read or refused', () => {
  const whole = image(packed)
  let refused = 0
  for (let bit = 0; bit < whole.length * 8; bit += 3) {
    try {
      read(flip(whole, bit))
    } catch {
      refused++
    }
  }
  expect(refused).toBeGreaterThan(0)
})
