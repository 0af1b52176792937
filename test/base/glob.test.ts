import { glob } from '../../src/base/glob.ts'

test.each([
  ['a*c', 'abc'],
  ['a*c', 'ac'],
  ['*', ''],
  ['*b*', 'abc'],
  ['a*a', 'aa'],
  ['a.c', 'a.c'],
  ['**', 'x'],
  ['a*b*c', 'abbbc'],
])('%s covers %s', (pattern, text) => {
  expect(glob(pattern)(text)).toBe(true)
})

test.each([
  ['a.c', 'abc'],
  ['a*a', 'a'],
  ['b', 'abc'],
  ['a*', 'ba'],
  ['*c*b', 'abc'],
  ['', 'a'],
  ['ab*ba', 'aba'],
])('%j does not cover %s', (pattern, text) => {
  expect(glob(pattern)(text)).toBe(false)
})

test('many stars over a long text cost little', () => {
  const begin = performance.now()
  expect(glob(`${'a*'.repeat(50)}b`)('a'.repeat(100_000))).toBe(false)
  expect(performance.now() - begin).toBeLessThan(1000)
})
