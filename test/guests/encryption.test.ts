import { toBase64 } from '../../src/encoding/base64.ts'
import { annotations, publicOptions } from '../../src/encrypt/options.ts'
import { encryptedLayers, type EncryptedLayer } from '../../src/guests/encryption.ts'
import { coco } from '../../src/guests/readers/coco.ts'
import { mediaTypes } from '../../src/oci/types.ts'
import { testPorts } from '../../testkit/ports.ts'
import { factsOf, kbsKeys, layout, nobody, putShape } from './support.ts'

const type = `${mediaTypes.layerGzip}+encrypted`
const good = {
  kid: 'kbs:///example/key/app',
  wrapped_data: toBase64(Buffer.alloc(48)),
  iv: toBase64(Buffer.alloc(12)),
  wrap_type: 'A256GCM',
}

function layerOf(given: Record<string, string>): EncryptedLayer {
  const [layer] = encryptedLayers([
    { mediaType: type, digest: `sha256:${'0'.repeat(64)}`, size: 1, annotations: given },
  ])
  if (layer === undefined) throw new Error('not encrypted')
  return layer
}

function packetOf(packet: unknown, name: string = annotations.provider): EncryptedLayer['packets'][number] | undefined {
  const text = toBase64(Buffer.from(typeof packet === 'string' ? packet : JSON.stringify(packet)))
  return layerOf({ [annotations.publicOptions]: publicOptions(Buffer.alloc(32)), [name]: text }).packets[0]
}

/** What CDH of guest-components da8d93f2 opened, and what it refused, when it was asked live. */
test.each<[string, unknown, boolean]>([
  ['version 1', good, true],
  ['version 2', { ...good, version: '0.1.0', provider: 'kbs', provider_settings: {}, annotations: {} }, true],
  ['version 2 without provider', { ...good, version: '0.1.0' }, true],
  ['A256CTR', { ...good, wrap_type: 'A256CTR', iv: toBase64(Buffer.alloc(16)) }, true],
  ['a host in the key id', { ...good, kid: 'kbs://kbs.example/example/key/app' }, true],
  ['an unknown member', { ...good, other: 1 }, true],
  ['a key id without scheme', { ...good, kid: '/default/image-kek/1' }, false],
  ['a key id of two segments', { ...good, kid: 'kbs:///example/app' }, false],
  ['version 9', { ...good, version: '9' }, false],
  ['another provider', { ...good, provider: 'aliyun' }, false],
  ['another mode', { ...good, wrap_type: 'A128GCM' }, false],
  ['a key that is not base64', { ...good, wrapped_data: '***' }, false],
  ['no key id', { ...good, kid: undefined }, false],
  ['not JSON', 'nothing', false],
  ['a list', [], false],
])('a packet with %s', (_what, packet, opens) => {
  const found = packetOf(packet)
  expect(found?.fault === null).toBe(opens)
})

test('the name of the provider is ignored, and each form of key is named', () => {
  expect(packetOf(good, `${annotations.keysPrefix}provider.other`)).toEqual({ kid: good.kid, fault: null })
  const layer = layerOf({ ...kbsKeys(), [annotations.jwe]: 'AA==', [`${annotations.keysPrefix}pkcs7`]: 'AA==' })
  expect(layer.keys).toEqual(['jwe', 'pkcs7', 'provider'])
  expect(layer.plainType).toBe(mediaTypes.layerGzip)
})

test('layers in clear are left out', () => {
  expect(encryptedLayers([{ mediaType: mediaTypes.layerGzip, digest: `sha256:${'0'.repeat(64)}`, size: 1 }])).toEqual(
    [],
  )
})

test.each<[string, Record<string, string>, string | null]>([
  ['a packet', kbsKeys(), null],
  [
    'a packet that no guest reads beside a good one',
    { ...kbsKeys(), [`${annotations.keysPrefix}provider.b`]: 'e30=' },
    null,
  ],
  ['no public options', { ...kbsKeys(), [annotations.publicOptions]: '' }, 'layer 0: '],
  [
    'no key at all',
    { [annotations.publicOptions]: kbsKeys()[annotations.publicOptions] ?? '' },
    'no key is wrapped for anybody',
  ],
  [
    'a public key only',
    { [annotations.publicOptions]: kbsKeys()[annotations.publicOptions] ?? '', [annotations.jwe]: 'AA==' },
    'wrapped for jwe only',
  ],
  ['a key id without scheme', kbsKeys('/default/image-kek/1'), 'is not kbs:///'],
])('a guest and %s', async (_what, given, why) => {
  const ports = testPorts()
  await putShape(layout(ports), 'it', [{ type, annotations: given }])
  const found = coco.judge(await factsOf(ports, 'it'), nobody).filter(({ code }) => code === 'encryption-form')
  if (why === null) expect(found).toEqual([])
  else expect(found).toMatchObject([{ effect: 'fails', why: expect.stringContaining(why) }])
})
