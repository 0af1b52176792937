import { duplicateMember, otherSpelling } from '../../src/base/json-members.ts'

test.each<[string, string | null]>([
  ['{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}', null],
  ['{"a":"b","b":"a","c":["a","a"]}', null],
  ['{"a":"{\\"a\\":1,","b":1}', null],
  ['{"a":"\\\\","b":1}', null],
  ['{}', null],
  ['[]', null],
  ['"a"', null],
  ['{"a":1,"a":1}', 'a'],
  ['{"x":{"a":[],"b":1,"a":{}}}', 'a'],
  ['[{"a":1},[{"b":1, "c":[{}] ,"b" : 2}]]', 'b'],
  ['{"a":1,"\\u0061":1}', 'a'],
  ['{"":1,"":2}', ''],
  ['{"toString":1,"__proto__":2,"__proto__":3}', '__proto__'],
])('%s has twice: %s', (text, found) => {
  JSON.parse(text)
  expect(duplicateMember(text)).toBe(found)
})

test('very many brackets are no trouble', () => {
  expect(duplicateMember('['.repeat(200_000) + ']'.repeat(200_000))).toBeNull()
})

test.each([
  ['Manifests', true],
  ['MANIFESTS', true],
  ['manife\u017fts', true],
  ['manifests', false],
  ['manifest', false],
  ['manifests ', false],
  ['m\u0430nifests', false],
  ['Man\u0130fests', false],
])('%j is another spelling of manifests: %s', (name, other) => {
  expect(otherSpelling({ [name]: 1, digest: 2 }, ['manifests', 'digest', 'links'])).toBe(other ? name : null)
})

test('the Kelvin sign folds into a letter of ASCII', () => {
  expect(otherSpelling({ 'lin\u212as': 1 }, ['links'])).toBe('lin\u212as')
})
