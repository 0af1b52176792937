import { isIndex, manifestBytes, manifestLimit, mediaTypeOf, parseManifest } from '../../src/oci/manifest.ts'
import { sha256 } from '../../src/base/streams.ts'
import { mediaTypes } from '../../src/oci/types.ts'
import { codeOfSync } from './helpers.ts'

const descriptor = { mediaType: 'a/b', digest: sha256('x'), size: 1 }
const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config: descriptor, layers: [descriptor] }
const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [descriptor] }
const parse = (value: unknown, type: string = mediaTypes.manifest) =>
  parseManifest(Buffer.from(JSON.stringify(value)), type, 'test')

test('manifests and indexes are read, unknown members kept, an absent media type filled in', () => {
  expect(parse({ ...manifest, extra: { a: 1 } })).toEqual({ ...manifest, extra: { a: 1 } })
  expect(isIndex(parse(index, mediaTypes.index))).toBe(true)
  expect(parse({ ...manifest, mediaType: undefined }).mediaType).toBe(mediaTypes.manifest)
  expect(parse({ ...manifest, config: { ...descriptor, data: 'eA==' } })).toBeDefined()
})

test.each<[string, unknown, string?]>([
  ['media type differs from the field', manifest, mediaTypes.dockerManifest],
  ['unknown media type', { ...manifest, mediaType: 'a/b' }, 'a/b'],
  ['schema version 1', { ...manifest, schemaVersion: 1 }],
  ['manifest and index at once', { ...manifest, manifests: [] }],
  ['index and manifest at once', { ...index, layers: [] }, mediaTypes.index],
  ['no layers', { ...manifest, layers: undefined }],
  ['no manifests', { ...index, manifests: {} }, mediaTypes.index],
  ['no config', { ...manifest, config: undefined }],
  ['digest is a path', { ...manifest, layers: [{ ...descriptor, digest: '../../etc/passwd' }] }],
  ['sha512 of another length', { ...manifest, layers: [{ ...descriptor, digest: `sha512:${'a'.repeat(64)}` }] }],
  ['blake3', { ...manifest, layers: [{ ...descriptor, digest: `blake3:${'a'.repeat(64)}` }] }],
  ['negative size', { ...manifest, layers: [{ ...descriptor, size: -1 }] }],
  ['fraction', { ...manifest, layers: [{ ...descriptor, size: 1.5 }] }],
  ['huge size', { ...manifest, layers: [{ ...descriptor, size: 2 ** 60 }] }],
  ['empty media type', { ...manifest, layers: [{ ...descriptor, mediaType: '' }] }],
  ['annotation is a number', { ...manifest, annotations: { a: 1 } }],
  ['another spelling of layers', { ...manifest, Layers: [descriptor] }],
  ['another spelling alone', { ...manifest, layers: undefined, LAYERS: [descriptor] }],
  ['another spelling of a digest', { ...manifest, layers: [{ ...descriptor, Digest: sha256('y') }] }],
  ['another spelling of the config', { ...manifest, conFig: descriptor }],
  ['another spelling of manifests', { ...index, Manifests: [] }, mediaTypes.index],
  ['a long s', { ...index, manifeſts: [] }, mediaTypes.index],
  [
    'another spelling of a platform',
    { ...index, manifests: [{ ...descriptor, platform: { os: 'a', architecture: 'b' }, Platform: {} }] },
    mediaTypes.index,
  ],
  [
    'another spelling in a platform',
    { ...index, manifests: [{ ...descriptor, platform: { os: 'a', architecture: 'b', OS: 'c' } }] },
    mediaTypes.index,
  ],
  ['another spelling in the subject', { ...manifest, subject: { ...descriptor, MediaType: 'c/d' } }],
  ['subject without digest', { ...manifest, subject: { mediaType: 'a/b', size: 1 } }],
  ['artifact type with a space', { ...manifest, artifactType: 'a b' }],
  [
    'platform without os',
    { ...index, manifests: [{ ...descriptor, platform: { architecture: 'x' } }] },
    mediaTypes.index,
  ],
  ['too many layers', { ...manifest, layers: Array.from({ length: 4097 }, () => descriptor) }],
  ['array', []],
])('refused: %s', (_, value, type = mediaTypes.manifest as string) => {
  expect(codeOfSync(() => parse(value, type))).toBe('format-invalid')
})

test('embedded data must be the described bytes; broken bytes and size limits are refused', () => {
  expect(codeOfSync(() => parse({ ...manifest, config: { ...descriptor, data: 'eQ==' } }))).toBe('digest-mismatch')
  expect(codeOfSync(() => parseManifest(Buffer.from('{'), mediaTypes.manifest, 'test'))).toBe('format-invalid')
  expect(codeOfSync(() => parseManifest(Buffer.from([0x22, 0xff, 0x22]), mediaTypes.manifest, 'test'))).toBe(
    'format-invalid',
  )
  expect(codeOfSync(() => parseManifest(Buffer.alloc(manifestLimit + 1, 32), mediaTypes.manifest, 'test'))).toBe(
    'format-invalid',
  )
})

test('our own bytes do not depend on the order of members; the shape tells the type', () => {
  const bytes = manifestBytes(parse(manifest))
  expect(manifestBytes(parse(Object.fromEntries(Object.entries(manifest).reverse())))).toEqual(bytes)
  expect(mediaTypeOf(Buffer.from('{"manifests":[]}'), 't')).toBe(mediaTypes.index)
  expect(codeOfSync(() => mediaTypeOf(Buffer.from('{}'), 't'))).toBe('format-invalid')
})

test('a member that stands twice is refused, wherever it is; annotations may differ in case', () => {
  const text = JSON.stringify({ ...index, annotations: { 'org.Example': '1', 'org.example': '2' } })
  const read = (changed: string) => parseManifest(Buffer.from(changed), mediaTypes.index, 'test')
  expect(read(text)).toBeDefined()
  for (const [from, to] of [
    ['"manifests":', '"manifests":[],"manifests":'],
    ['"size":1', '"size":2,"size":1'],
    ['"schemaVersion":2', '"schema\\u0056ersion":2,"schemaVersion":2'],
  ] as const) {
    expect(text).toContain(from)
    expect(codeOfSync(() => read(text.replace(from, to)))).toBe('format-invalid')
  }
})
