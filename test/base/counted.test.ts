import { counted } from '../../src/base/counted.ts'

test('a number has its noun in singular or plural', () => {
  expect(counted(1, 'path')).toBe('1 path')
  expect([0, 2].map((count) => counted(count, 'path'))).toEqual(['0 paths', '2 paths'])
  expect(counted(2, 'entry', 'entries')).toBe('2 entries')
})
