import { baseline, judge, type Target } from './target.ts'
import { flip, mutate } from '../../testkit/mutate.ts'
import { Random } from '../../testkit/random.ts'
import { VerificationError } from '../../src/base/errors.ts'

/** A verifier that has every fault that the run must see: it believes only its first byte, and crashes on 0xff. */
const target: Target = {
  name: 'broken on purpose',
  kind: 'report',
  bytes: Buffer.from('abcdef'),
  failed: (bytes) => {
    if (bytes.length === 0) throw new VerificationError('format-invalid', 'empty')
    if (bytes[0] === 0xff) throw new TypeError('a defect')
    return bytes[0] === 0x61 ? [] : ['signature']
  },
}
const of = (bytes: string | Buffer, more: Partial<Target> = {}) =>
  judge({ ...target, ...more }, baseline(target), Buffer.from(bytes)).outcome

test('a wrong accept, a crash and a refusal are told apart', () => {
  expect(of('abcdeX')).toBe('WRONG ACCEPT')
  expect(of('abc')).toBe('WRONG ACCEPT')
  expect(of('Xbcdef')).toBe('refused')
  expect(of('')).toBe('refused')
  expect(of(Buffer.of(0xff))).toBe('CRASH')
})

test('a place without signature excuses only changes inside it', () => {
  const unsigned = [{ from: 4, to: Infinity, why: 'padding' }]
  expect(of('abcdXX', { unsigned })).toBe('unsigned')
  expect(of('abcd', { unsigned })).toBe('unsigned')
  expect(of('abcXXX', { unsigned })).toBe('WRONG ACCEPT')
  expect(of('abcXef', { unsigned: [{ from: 4, to: 6, why: '' }] })).toBe('WRONG ACCEPT')
})

test('bytes that say more than the good ones are a wrong accept', () => {
  const meaning = (bytes: Buffer) => bytes.toString('latin1').toLowerCase().split('')
  expect(of('abCDef', { meaning })).toBe('same-meaning')
  expect(of('abcd', { meaning })).toBe('same-meaning')
  expect(of('abcdeg', { meaning })).toBe('WRONG ACCEPT')
})

test('a step that failed before excuses itself only', () => {
  const old: Target = { ...target, failed: (bytes) => (bytes[5] === 0x66 ? ['expired'] : ['expired', 'signature']) }
  const known = baseline(old)
  expect(judge(old, known, Buffer.from('abcdeX')).outcome).toBe('refused')
  expect(judge(old, known, Buffer.from('Xbcdef')).outcome).toBe('WRONG ACCEPT')
})

test('changes come again by their seed', () => {
  const bytes = Buffer.from('some bytes that are changed')
  const run = (seed: number) =>
    [...Array(200).keys()].map((n) => mutate(bytes, bytes, new Random(seed, String(n))).toString('hex'))
  expect(run(1)).toEqual(run(1))
  expect(run(1)).not.toEqual(run(2))
  expect(new Set(run(1)).size).toBeGreaterThan(150)
  expect(flip(Buffer.of(0, 0), 9)).toEqual(Buffer.of(0, 2))
})
