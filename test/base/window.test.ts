import { isWithin, windowOf, windowText } from '../../src/base/window.ts'

const [first, last] = ['2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z']
const window = windowOf({ 'not-before': first, 'not-after': last })

test.each([
  [first, true],
  [last, true],
  ['2026-01-15T00:00:00Z', true],
  ['2025-12-31T23:59:59.999Z', false],
  ['2026-02-01T00:00:00.001Z', false],
])('%s: %s', (at, within) => expect(isWithin(window, new Date(at))).toBe(within))

test('a side that is left out has no end', () => {
  expect(isWithin(windowOf({}), new Date(0))).toBe(true)
  expect(isWithin(windowOf({ 'not-before': first }), new Date('2999-01-01'))).toBe(true)
  expect(isWithin(windowOf({ 'not-after': last }), new Date(0))).toBe(true)
  expect(isWithin(windowOf({ 'not-after': last }), new Date('2999-01-01'))).toBe(false)
})

test('a time that is not valid is in no window that has an end', () => {
  expect(isWithin(window, new Date('no'))).toBe(false)
})

test('in words', () => {
  expect(windowText(window)).toBe('from 2026-01-01T00:00:00.000Z to 2026-02-01T00:00:00.000Z')
  expect(windowText(windowOf({}))).toBe('always')
})
