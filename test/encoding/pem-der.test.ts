import { VerificationError } from '../../src/base/errors.ts'
import { readDer } from '../../src/encoding/der.ts'
import { readPem, writePem } from '../../src/encoding/pem.ts'

const der = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

describe('pem', () => {
  test('reads back what it writes, with text around and CRLF', () => {
    const bytes = Buffer.alloc(100, 7)
    const text = `before\n${writePem('A KEY', bytes)}between\n${writePem('B', Buffer.from([1]))}`
    const expected = [
      { label: 'A KEY', bytes },
      { label: 'B', bytes: Buffer.from([1]) },
    ]
    expect(readPem(text, 'x')).toEqual(expected)
    expect(readPem(text.replaceAll('\n', '\r\n'), 'x')).toEqual(expected)
    expect(readPem('', 'x')).toEqual([])
  })

  test.each([
    ['no end', '-----BEGIN A-----\nAAAA\n'],
    ['another end', '-----BEGIN A-----\nAAAA\n-----END B-----\n'],
    ['an end alone', '-----END A-----\n'],
    ['a block in a block', '-----BEGIN A-----\n-----BEGIN A-----\n-----END A-----\n-----END A-----\n'],
    ['headers', '-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END A-----\n'],
    ['bad base64', '-----BEGIN A-----\nAAA\n-----END A-----\n'],
    ['too much', 'x'.repeat((1 << 20) + 1)],
  ])('refuses %s', (_title, text) => {
    expect(() => readPem(text, 'x')).toThrow(VerificationError)
  })
})

describe('der', () => {
  test('gives tags, offsets and views', () => {
    const element = readDer(der('30 06 02 01 05 04 01 ff'), 'x')
    expect(element.children.map(({ tag, offset }) => [tag, offset])).toEqual([
      [0x02, 2],
      [0x04, 5],
    ])
    expect(element.children[1]?.content).toEqual(Buffer.from([0xff]))
  })

  test('reads long lengths', () => {
    const content = Buffer.alloc(300)
    expect(readDer(Buffer.concat([der('04 82 01 2c'), content]), 'x').content).toHaveLength(300)
  })

  test.each([
    ['nothing', ''],
    ['no length', '30'],
    ['trailing bytes', '05 00 00'],
    ['an indefinite length', '30 80 00 00'],
    ['a long form for a short length', '04 81 01 00'],
    ['a leading zero in the length', '04 82 00 81 00'],
    ['a huge length', '04 85 01 00 00 00 00'],
    ['content that is cut', '04 05 00'],
    ['a child longer than its parent', '30 03 04 05 00'],
    ['a length that is cut', '04 82 01'],
    ['a high tag number', '1f 81 00 00'],
  ])('refuses %s', (_title, hex) => {
    expect(() => readDer(der(hex), 'x')).toThrow(VerificationError)
  })

  test('refuses deep nesting and too many elements', () => {
    let nested = der('05 00')
    for (let i = 0; i < 40; i++) nested = Buffer.concat([Buffer.from([0x30, nested.length]), nested])
    expect(() => readDer(nested, 'x')).toThrow(/deeply/)
    const many = Buffer.concat(Array.from({ length: 5000 }, () => der('05 00')))
    expect(() =>
      readDer(Buffer.concat([der('30 82'), Buffer.from([many.length >> 8, many.length & 255]), many]), 'x'),
    ).toThrow(/too many/)
  })

  test('every truncation of a key is refused', () => {
    const key = der('30 0a 02 01 05 30 05 04 03 01 02 03')
    for (let i = 0; i < key.length; i++) expect(() => readDer(key.subarray(0, i), 'x')).toThrow(VerificationError)
  })
})
