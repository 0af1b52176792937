import { help } from '../../../src/cli/help.ts'
import { commands } from '../../../src/cli/commands.ts'
import { parseOptions } from '../../../src/cli/options.ts'

test('the help of the action sbom lists the commands beside it', () => {
  expect(help(['sbom'])).toMatch(/Commands:\n(?: {2}sbom .*\n)*? {2}sbom diff /)
})

test('two words behind the command are A and B', () => {
  const { inputs = [], positional } = commands['sbom diff'] ?? {}
  const names = inputs.map(({ name }) => name)
  expect(parseOptions('sbom diff', names, ['x', '--format', 'json', 'y'], positional).values).toEqual({
    a: 'x',
    b: 'y',
    format: 'json',
  })
  expect(() => parseOptions('sbom diff', names, ['x', 'y', 'z'], positional)).toThrow('"z" is one word too many')
  expect(() => parseOptions('sbom diff', names, ['--a', 'x', 'y'], positional)).toThrow('"y" is one word too many')
})
