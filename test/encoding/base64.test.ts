import { fromBase64, fromEitherBase64 } from '../../src/encoding/base64.ts'

describe('base64', () => {
  // 0xfb 0xef 0xbe is "++++" or "----"; four zero bytes are "AAAAAA==" in both alphabets.
  test.each([
    ['++++', 'fbefbe'],
    ['----', 'fbefbe'],
    ['AAAAAA==', '00000000'],
    ['AAAAAA', '00000000'],
    ['-_8=', 'fbff'],
    ['-_8', 'fbff'],
    ['+/8=', 'fbff'],
    ['', ''],
  ])('either alphabet: %j', (text, hex) => {
    expect(fromEitherBase64(text, 'x').toString('hex')).toBe(hex)
  })

  test.each([
    ['the standard alphabet without padding', '+/8'],
    ['both alphabets', '+_8='],
    ['too little padding', 'AAAAAA='],
    ['too much padding', 'AAAA='],
    ['padding alone', '===='],
    ['leftover bits', 'AAAAAB'],
    ['a foreign character', 'AA*A'],
    ['a line end', 'AAAA\n'],
  ])('either alphabet: refuses %s', (_title, text) => {
    expect(() => fromEitherBase64(text, 'x')).toThrow(/x is not base64/)
  })

  test('one alphabet: the other one and missing padding are refused', () => {
    expect(() => fromBase64('AAAAAA', 'x')).toThrow(/x is not base64$/)
    expect(() => fromBase64('----', 'x')).toThrow(/x is not base64$/)
    expect(() => fromBase64('AAAAAA==', 'x', 'base64url')).toThrow(/x is not base64url/)
  })
})
