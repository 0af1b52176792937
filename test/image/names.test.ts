import { compareNames, isName, nameBytes, nameOf, nativePath } from '../../src/tar/names.ts'
import { Random } from '../../testkit/random.ts'

test.each<[string, number[], string]>([
  ['ASCII', [0x61, 0x5c, 0x78], 'a\\x'],
  ['UTF-8', [0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80], 'é😀'],
  ['a byte of Latin-1', [0x61, 0xe9], 'a\0e9'],
  ['an overlong slash', [0xc0, 0xaf], '\0c0\0af'],
  ['a surrogate', [0xed, 0xa0, 0x80], '\0ed\0a0\x0080'],
  ['a cut sequence', [0xc3, 0xa9, 0xe2, 0x82], 'é\0e2\x0082'],
  ['a byte between', [0xff, 0xc3, 0xa9], '\0ffé'],
])('%s is told and taken back', (_what, bytes, text) => {
  expect(nameOf(Buffer.from(bytes))).toBe(text)
  expect([...nameBytes(text)]).toEqual(bytes)
  expect(isName(text)).toBe(true)
  expect(JSON.parse(JSON.stringify(text))).toBe(text)
})

test.each(['\0', 'a\0', '\0f', '\0FF', '\x0061', '\0c3\0a9', 'a\0zz', '\udc80', 'é\0e9x\0'])(
  '%j is told for no name',
  (text) => {
    expect(isName(text)).toBe(false)
  },
)

test('all names come back, each as a text of its own, in the order of their bytes', () => {
  const random = new Random(9, 'names')
  const alphabet = [
    0x2f, 0x61, 0x7f, 0x80, 0xa9, 0xbf, 0xc3, 0xe2, 0x82, 0xac, 0xed, 0xa0, 0xf0, 0x9f, 0x98, 0xff, 0xef, 0xbd,
  ]
  const all = Array.from({ length: 3000 }, () =>
    Buffer.from(Array.from({ length: 1 + random.below(6) }, () => random.pick(alphabet))),
  )
  const texts = new Map(all.map((bytes) => [nameOf(bytes), bytes] as const))
  expect(texts.size).toBe(new Set(all.map((bytes) => bytes.toString('hex'))).size)
  for (const [text, bytes] of texts) {
    expect(nameBytes(text).equals(bytes)).toBe(true)
    expect(isName(text)).toBe(true)
  }
  const sorted = [...texts.keys()].sort(compareNames)
  const byBytes = [...texts].sort(([, a], [, b]) => Buffer.compare(a, b)).map(([text]) => text)
  expect(sorted).toEqual(byBytes)
})

test('the file system gets text where the name has one', () => {
  expect(nativePath('é')).toBe('é')
  expect(nativePath('\0ff')).toEqual(Buffer.of(0xff))
})
