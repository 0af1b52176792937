import { find, parsedOptions } from '../../src/cli/find.ts'

const valuesOf = (...args: string[]): Record<string, string> => {
  const found = find(['promote', ...args])
  if (found.kind !== 'action') throw new Error(`promote is a ${found.kind}`)
  return parsedOptions(found).values
}

test.each([
  [['--dry-run'], { 'dry-run': 'true' }],
  [['--dry-run', '--from', 'a'], { 'dry-run': 'true', from: 'a' }],
  [['--dry-run', 'false', '--reissue', 'true'], { 'dry-run': 'false', reissue: 'true' }],
  [['--dry-run=false'], { 'dry-run': 'false' }],
])('an input of an action that is false by default needs no value: %j', (args, values) => {
  expect(valuesOf(...args)).toEqual(values)
})

test('another input does', () => {
  expect(() => valuesOf('--from', '--to', 'b')).toThrow(expect.objectContaining({ code: 'input-invalid' }))
})
