import { gzipSync } from 'node:zlib'
import { nativeImage } from '../../../src/sbom/catalogers/binary/native-image.ts'
import { flip } from '../../../testkit/mutate.ts'
import { catalog } from './catalog.ts'
import { makeElf } from '../../../testkit/sbom/make-executable.ts'
import { makeNativeImage } from '../../../testkit/sbom/make-native-image.ts'

const document = {
  bomFormat: 'CycloneDX',
  components: [
    { type: 'library', group: 'io.netty', name: 'netty-common', version: '4.1.100', purl: 'pkg:maven/x/y@1' },
    { type: 'library', name: 'bare' },
  ],
}

const packed = gzipSync(JSON.stringify(document))
const read = (bytes: Buffer): ReturnType<typeof catalog> => catalog(nativeImage, { 'opt/app': bytes })

test('the libraries of the document in a native image', () => {
  const { packages, gaps } = read(makeNativeImage(packed))
  expect(packages).toMatchObject([
    { purl: 'pkg:maven/io.netty/netty-common@4.1.100', type: 'maven', locations: ['opt/app'] },
    { purl: 'pkg:maven/bare/bare', version: null, properties: [['java:group', 'assumed']] },
  ])
  expect(gaps).toEqual([])
})

test('a native image without a document is a gap; other programs are nothing', () => {
  expect(read(makeNativeImage(packed, { names: ['__svm_version_info'] }))).toMatchObject({
    packages: [],
    gaps: [{ path: 'opt/app', kind: 'maven', reason: 'opaque' }],
  })
  expect(read(makeNativeImage(packed, { names: ['sbom', 'sbom_length'] }))).toEqual({ packages: [], gaps: [] })
  expect(read(makeElf([]))).toEqual({ packages: [], gaps: [] })
})

test('a document that lies about itself is an error', () => {
  expect(() => read(makeNativeImage(packed, { length: 1 << 30 }))).toThrow(/bytes are expected/)
  expect(() => read(makeNativeImage(Buffer.from('no gzip')))).toThrow()
  expect(() => read(makeNativeImage(gzipSync('[]')))).toThrow('expected a JSON object')
  expect(() => read(makeNativeImage(gzipSync('{"components":[7]}')))).toThrow('components: expected objects')
})

test('every flipped bit is read or refused', () => {
  const whole = makeNativeImage(packed)
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
