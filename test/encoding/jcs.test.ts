import { VerificationError } from '../../src/base/errors.ts'
import { readFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { jcs, parseJcs } from '../../src/encoding/jcs.ts'
import { fromBase64, fromHex, toBase64url } from '../../src/encoding/base64.ts'
import { vector, withPeers } from '../../testkit/peers.ts'

describe('JCS (RFC 8785)', () => {
  test('sorts members by UTF-16 code units and writes no blanks', () => {
    expect(jcs({ b: [1, true, null], a: 'x', '\ud83d\ude00': 1, '\ufb33': 2 }).toString()).toBe(
      '{"a":"x","b":[1,true,null],"\ud83d\ude00":1,"\ufb33":2}',
    )
  })
  test('escapes what JSON must escape and nothing else', () => {
    expect(jcs({ s: '\u0001\n"\\/é\u2028' }).toString()).toBe('{"s":"\\u0001\\n\\"\\\\/é\u2028"}')
  })
  test.each([1.5, Number.NaN, 2 ** 53, '\ud800', () => 1])('refuses what has no canonical form here: %p', (value) => {
    expect(() => jcs({ value })).toThrow(expect.objectContaining({ code: 'format-invalid' }))
  })
  test('reads its own form back', () => {
    expect(parseJcs(Buffer.from('{"a":1,"b":[]}'), 'x')).toEqual({ a: 1, b: [] })
  })
  test.each([
    '{"b":1,"a":1}',
    '{"a":1,"a":1}',
    '{"a": 1}',
    '{"a":1.0}',
    '{"a":1e0}',
    '{"a":1}\n',
    '\ufeff{"a":1}',
    '{"a":',
    '{"\\u0061":1}',
  ])('refuses stored bytes in another form: %j', (text) => {
    expect(() => parseJcs(Buffer.from(text), 'x')).toThrow(expect.objectContaining({ code: 'format-invalid' }))
  })
  test('refuses bytes that are not UTF-8', () => {
    expect(() => parseJcs(Buffer.from([0x22, 0xff, 0x22]), 'x')).toThrow(
      expect.objectContaining({ code: 'format-invalid' }),
    )
  })
  withPeers(['vectors:coco/passport/live.json'], 'gives the bytes that a live Trustee hashed', async () => {
    const text = readFileSync(vector('coco/passport/live.json'), 'utf8')
    const found: string[] = []
    JSON.parse(text, (key, value: unknown) => {
      if (key === 'binding' && typeof value === 'object')
        found.push(createHash('sha384').update(jcs(value)).digest('hex'))
      return value
    })
    expect(found.length).toBeGreaterThan(0)
    for (const digest of found) {
      const raw = Buffer.from(digest, 'hex')
      expect([raw.toString('base64'), raw.toString('base64url'), digest].some((form) => text.includes(form))).toBe(true)
    }
  })
})

describe('base64 and hex', () => {
  test('strict forms', () => {
    expect(fromBase64('AQI=', 'x')).toEqual(Buffer.from([1, 2]))
    expect(fromBase64('AQI', 'x', 'base64url')).toEqual(Buffer.from([1, 2]))
    expect(toBase64url('a>')).toBe('YT4')
    expect(fromHex('00ff', 2, 'x')).toEqual(Buffer.from([0, 255]))
  })
  test.each(['AQI', 'AQJ=', 'AQI=\n', 'AQ_=', ' AQI='])('refuses %j as base64', (text) => {
    expect(() => fromBase64(text, 'x')).toThrow(expect.objectContaining({ code: 'format-invalid' }))
  })
  test.each(['00FF', '00f', '00ff00'])('refuses %j as two bytes of hex', (text) => {
    expect(() => fromHex(text, 2, 'x')).toThrow(expect.objectContaining({ code: 'format-invalid' }))
  })
})

test('brackets beyond any use of ours are refused before anything walks them; those in text are none', () => {
  const nested = (levels: number) => Buffer.from(`${'['.repeat(levels)}${']'.repeat(levels)}`)
  expect(() => parseJcs(nested(256), 'it')).not.toThrow()
  for (const levels of [257, 100_000]) expect(() => parseJcs(nested(levels), 'it')).toThrow(VerificationError)
  expect(parseJcs(Buffer.from(JSON.stringify([`\\"${'['.repeat(1000)}`])), 'it')).toHaveLength(1)
})
