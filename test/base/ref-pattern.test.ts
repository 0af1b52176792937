import { isAmongRefs, refPattern } from '../../src/base/ref-pattern.ts'

test.each([
  ['refs/heads/main', 'refs/heads/main', true],
  ['refs/heads/main', 'refs/heads/main2', false],
  ['refs/heads/main', 'xrefs/heads/main', false],
  ['refs/heads/main', 'refs/heads/MAIN', false],
  ['refs/tags/v*', 'refs/tags/v1.2.3', true],
  ['refs/tags/v*', 'refs/tags/v', true],
  ['refs/tags/v*', 'refs/tags/v1/x', false],
  ['refs/tags/v*', 'refs/heads/refs/tags/v1', false],
  ['refs/tags/v*', 'refs/tags/v1\nx', false],
  ['refs/tags/v*.*', 'refs/tags/v1.2', true],
  ['refs/tags/v*.*', 'refs/tags/v12', false],
  ['refs/*/main', 'refs/heads/main', true],
  ['refs/*/main', 'refs/heads/x/main', false],
  ['refs/tags/v1.2', 'refs/tags/v1x2', false],
  ['refs/tags/[v]', 'refs/tags/v', false],
  ['refs/tags/[v]', 'refs/tags/[v]', true],
])('%s covers %j: %s', (pattern, ref, expected) => {
  expect(isAmongRefs(ref, [pattern])).toBe(expected)
})

test('no pattern covers nothing, and each sign of a regular expression stands for itself', () => {
  expect(isAmongRefs('refs/heads/main', [])).toBe(false)
  const signs = String.raw`a.+?^$()[]{}|\/-b`
  expect(refPattern(signs).test(signs)).toBe(true)
})
