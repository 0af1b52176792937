import { table } from '../../src/base/table.ts'

test('a table has its own entries alone', () => {
  const words = table({ a: 'b' })
  expect(words['a']).toBe('b')
  for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) expect(words[name]).toBeUndefined()
})
