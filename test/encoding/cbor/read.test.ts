import { readFileSync } from 'node:fs'
import { replaceItem, valueOf } from '../../../src/encoding/cbor/item.ts'
import { readCbor, type CborOptions } from '../../../src/encoding/cbor/read.ts'
import { CborEncoded, CborFloat, CborSimple, CborTag, type CborValue } from '../../../src/encoding/cbor/types.ts'
import { encodeCbor } from '../../../src/encoding/cbor/write.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'

const read = (hex: string, options?: CborOptions): CborValue =>
  valueOf(readCbor(Buffer.from(hex, 'hex'), 'it', options))

test.each<[string, CborValue]>([
  ['00', 0],
  ['17', 23],
  ['1818', 24],
  ['1b0020000000000000', 2n ** 53n],
  ['1bffffffffffffffff', 2n ** 64n - 1n],
  ['3bffffffffffffffff', -(2n ** 64n)],
  ['3b001ffffffffffffe', -Number.MAX_SAFE_INTEGER],
  ['3b001fffffffffffff', -(2n ** 53n)],
  ['f90000', new CborFloat(0)],
  ['f98000', new CborFloat(-0)],
  ['f90001', new CborFloat(5.960464477539063e-8)],
  ['f97bff', new CborFloat(65504)],
  ['fa47c35000', new CborFloat(100000)],
  ['fb3ff199999999999a', new CborFloat(1.1)],
  ['f97e00', new CborFloat(NaN)],
  ['f97c00', new CborFloat(Infinity)],
  ['f4', false],
  ['f6', null],
  ['f7', undefined],
  ['f8ff', new CborSimple(255)],
  ['4401020304', Buffer.from('01020304', 'hex')],
  ['62c3bc', '\u00fc'],
  ['80', []],
  ['82018202f5', [1, [2, true]]],
  [
    'a201022063616263',
    new Map<CborValue, CborValue>([
      [1, 2],
      [-1, 'abc'],
    ]),
  ],
  ['d28443a10126a0f640', new CborTag(18, [Buffer.from('a10126', 'hex'), new Map(), null, Buffer.alloc(0)])],
])('%s is read, and written with the same bytes', (hex, value) => {
  expect(read(hex)).toEqual(value)
  expect(encodeCbor(value).toString('hex')).toBe(hex)
})

test.each([
  ['', 'the bytes end early'],
  ['18', 'the bytes end early'],
  ['4201', 'the bytes end early'],
  ['9bffffffffffffffff00', 'the bytes end early'],
  ['bb7fffffffffffffff00', 'the bytes end early'],
  ['5bffffffffffffffff', 'the bytes end early'],
  ['a101', 'the bytes end early'],
  ['0000', 'bytes follow the item'],
  ['1817', 'a number or length is not in its shortest form'],
  ['190018', 'a number or length is not in its shortest form'],
  ['1b00000000ffffffff', 'a number or length is not in its shortest form'],
  ['5800', 'a number or length is not in its shortest form'],
  ['d81200', 'a number or length is not in its shortest form'],
  ['fa00000000', 'a float is not in its shortest form'],
  ['fb3ff8000000000000', 'a float is not in its shortest form'],
  ['f97e01', 'a float is not in its shortest form'],
  ['f818', 'a simple value is malformed'],
  ['1c', 'the additional information 28 is reserved'],
  ['fe', 'the additional information 30 is reserved'],
  ['1f', 'the additional information 31 has no meaning here'],
  ['df00', 'the additional information 31 has no meaning here'],
  ['ff', 'a break stands outside an indefinite length'],
  ['81ff', 'a break stands outside an indefinite length'],
  ['9f00ff', 'a length is indefinite'],
  ['bf0000ff', 'a length is indefinite'],
  ['5f4100ff', 'a length is indefinite'],
  ['7f6100ff', 'a length is indefinite'],
  ['62c328', 'a text is not UTF-8'],
  ['63eda080', 'a text is not UTF-8'],
  ['a201020103', 'a map has a key twice'],
  ['a2616101616102', 'a map has a key twice'],
  ['a2800180f6', 'a map has a key twice'],
  ['a2f97e0001f97e0002', 'a map has a key twice'],
])('%s is refused: %s', (hex, why) => {
  expect(() => read(hex)).toThrow(
    expect.objectContaining({ code: 'format-invalid', message: expect.stringContaining(why) }),
  )
})

test('equal keys in two forms are one key', () => {
  expect(() => read('a20101180102', { longForms: true })).toThrow('a map has a key twice, at byte 3')
})

test('indefinite lengths and long forms are read where the caller allows them', () => {
  const foreign = { indefinite: true, longForms: true }
  expect(read('9f018202039f0405ffff', foreign)).toEqual([1, [2, 3], [4, 5]])
  expect(read('bf61610161629f0203ffff', foreign)).toEqual(
    new Map<CborValue, CborValue>([
      ['a', 1],
      ['b', [2, 3]],
    ]),
  )
  expect(read('5f42010243030405ff', foreign)).toEqual(Buffer.from('0102030405', 'hex'))
  expect(read('7f657374726561646d696e67ff', foreign)).toBe('streaming')
  expect(read('1900ff', foreign)).toBe(255)
  expect(read('fa00000000', foreign)).toEqual(new CborFloat(0))
})

test.each([
  ['5f00ff', 'a string holds a foreign chunk'],
  ['5f6100ff', 'a string holds a foreign chunk'],
  ['5f5f4100ffff', 'a string holds a foreign chunk'],
  ['7f61c361bcff', 'a text is not UTF-8'],
  ['bf01ff', 'a break stands outside an indefinite length'],
  ['9f01', 'the bytes end early'],
])('%s is refused even where indefinite lengths are allowed: %s', (hex, why) => {
  expect(() => read(hex, { indefinite: true, longForms: true })).toThrow(why)
})

test('limits hold for depth, items and bytes', () => {
  expect(() => read(`${'81'.repeat(33)}00`)).toThrow('it nests more than 32 levels')
  expect(read(`${'81'.repeat(32)}00`)).toBeDefined()
  expect(() => read(`${'c1'.repeat(100_000)}00`)).toThrow('it nests more than 32 levels')
  expect(() => read('83000000', { limits: { items: 3 } })).toThrow('it has more than 3 items')
  expect(() => read('5f40404040ff', { indefinite: true, limits: { items: 3 } })).toThrow('it has more than 3 items')
  expect(() => read('430000', { limits: { bytes: 2 } })).toThrow('it has more than 2 bytes')
  expect(read('83000000', { limits: { items: 4 } })).toEqual([0, 0, 0])
})

test('an item knows its place, and can be replaced without touching the other bytes', () => {
  const bytes = Buffer.from('d28440a10442313140187b', 'hex')
  const tagged = readCbor(bytes, 'it')
  if (tagged.kind !== 'tag' || tagged.item.kind !== 'array') throw new Error('not read')
  const [, map] = tagged.item.items
  if (map === undefined) throw new Error('no map')
  expect(bytes.toString('hex', map.offset, map.end)).toBe('a104423131')
  expect(replaceItem(bytes, map, Buffer.from('a0', 'hex')).toString('hex')).toBe('d28440a040187b')
})

test('keys are written in the bytewise order of their encodings, whatever the order they were given in', () => {
  const keys: CborValue[] = [false, [-1], [100], 'aa', 'z', -1, 100, 10]
  expect(encodeCbor(new Map(keys.map((key) => [key, 0]))).toString('hex')).toBe(
    'a80a001864002000617a006261610081186400812000f400',
  )
})

test.each<[string, CborValue]>([
  ['an integer of more than 64 bits', 2n ** 64n],
  ['a negative one of more than 64 bits', -(2n ** 64n) - 1n],
  ['half a surrogate pair', '\ud800'],
  ['a simple value that does not exist', new CborSimple(24)],
  [
    'two keys with one encoding',
    new Map<CborValue, CborValue>([
      [1, 1],
      [1n, 2],
    ]),
  ],
])('%s is not written', (_, value) => {
  expect(() => encodeCbor(value)).toThrow(RangeError)
})

test('encoded items are written as they are', () => {
  expect(encodeCbor([new CborEncoded(Buffer.from('1817', 'hex')), 1]).toString('hex')).toBe('82181701')
})

withPeers(['vectors:cose/notation-core-go'], 'the protected header of a Notation signature gets its bytes', () => {
  const path = vector('cose/notation-core-go/signature/cose/testdata/conformance.json')
  const { protectedHeaders } = JSON.parse(readFileSync(path, 'utf8')) as { protectedHeaders: { cborHex: string } }
  const hex = protectedHeaders.cborHex.toLowerCase()
  const value = read(hex)
  if (!(value instanceof Map)) throw new Error('not a map')
  // Given in another order, it is written in the same.
  expect(encodeCbor(new Map([...value].reverse())).toString('hex')).toBe(hex)
  return Promise.resolve()
})
