import { nearest } from '../../src/base/nearest.ts'

test.each([
  ['imge', ['image', 'issuer'], 'image'],
  ['recipient', ['recipients'], 'recipients'],
  ['verfiy', ['verify', 'vary'], 'verify'],
  ['colour', ['color', 'cover'], 'color'],
  ['frobnicate', ['verify'], null],
  // Nothing of such a word is left.
  ['ab', ['cd', 'key'], null],
  ['', ['a'], null],
])('%s among %j is %s', (typed, known, found) => {
  expect(nearest(typed, known)).toBe(found)
})
