import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { actionExamples } from '../../src/cli/action-examples.ts'
import { commands } from '../../src/cli/commands.ts'
import { find, parsedOptions } from '../../src/cli/find.ts'
import { help } from '../../src/cli/help.ts'
import { topics } from '../../src/cli/topics.ts'
import { definitions } from '../../src/doors/definitions.generated.ts'
import { root } from '../../testkit/peers.ts'
import { sealwrightLines, shellWords } from '../../testkit/typed-commands.ts'

const examples = [
  ...Object.entries(actionExamples).map(([name, lines]) => ({ name, lines })),
  ...Object.entries(commands).map(([name, { examples }]) => ({ name, lines: examples })),
]

/** What a line means to the command line's own parser. @throws InputError */
function parsed(line: string): {
  name: string
  values: Record<string, string>
  inputs: { name: string; required: boolean }[]
} {
  const found = find(shellWords(line).slice(1))
  if (found.kind === 'family') throw new Error(`${found.name} needs another word`)
  const { inputs } = found.kind === 'action' ? found.definition : found.command
  return { name: found.name, values: parsedOptions(found).values, inputs }
}

describe('the overview', () => {
  test('names every action, command and topic on a line that is not cut', () => {
    const text = help([])
    for (const name of [...Object.keys(definitions), ...Object.keys(commands), ...Object.keys(topics)])
      expect(text).toContain(`\n  ${name} `)
    const cut = text.split('\n').filter((line) => line.endsWith(' …') && !line.startsWith('Usage'))
    expect(cut).toEqual([])
  })
  test('fits a terminal of 100 columns', () => {
    for (const text of [help([]), ...Object.keys(topics).map((name) => help([name]))])
      for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(104)
  })
})

describe('examples', () => {
  test('every action and command has one or more', () => {
    expect(Object.keys(actionExamples).sort()).toEqual(Object.keys(definitions).sort())
    expect(examples.filter(({ lines }) => lines.length === 0).map(({ name }) => name)).toEqual([])
  })
  test.each(examples)('$name: each can be typed as it stands', ({ name, lines }) => {
    const own = lines.filter((line) => line.startsWith('sealwright '))
    expect(own.length).toBeGreaterThan(0)
    for (const line of own) {
      const { name: found, values, inputs } = parsed(line)
      expect(found).toBe(name)
      for (const input of inputs) if (input.required) expect(Object.keys(values)).toContain(input.name)
      expect(help(name.split(' '))).toContain(line)
    }
  })
  test('a line with an unknown option or a missing word is noticed', () => {
    expect(() => parsed('sealwright sbom --colour blue')).toThrow('Unknown option')
    expect(() => parsed('sealwright tee')).toThrow('needs another word')
    expect(() => parsed('sealwright sbom image')).toThrow()
  })
})

describe('each command line in the documentation', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', ...below('docs'), ...below('actions'), ...below('examples')]
  test.each(pages)('%s', (page) => {
    for (const line of sealwrightLines(readFileSync(join(root, page), 'utf8'))) {
      // What stands for something else is no word of a command.
      const words = shellWords(line.replaceAll(/(--[\w-]+) …/g, '$1 X').replaceAll(/ …(?= |$)/g, '')).slice(1)
      if (words.length === 0 || words[0] === '--help' || words[0] === 'help') continue
      const found = find(words)
      if (found.kind !== 'family') parsedOptions(found)
    }
  })
  test('are found in blocks, with their continuations, and inside of text', () => {
    const page = 'Run `sealwright version`.\n\n```sh\n# first\nsealwright tee show \\\n  "a b.bin" | less\nls\n```\n'
    expect(sealwrightLines(page).map((line) => shellWords(line))).toEqual([
      ['sealwright', 'tee', 'show', 'a b.bin'],
      ['sealwright', 'version'],
    ])
  })
})

describe('help for words', () => {
  test.each([
    [['tee'], 'sealwright tee …'],
    [['tee', 'ak'], 'sealwright tee ak …'],
    [['tee', 'ak', 'show'], 'sealwright tee ak show'],
    [['verify-deploy'], 'sealwright verify-deploy'],
    [['exit-codes'], 'Exit codes'],
  ])('help %j', (words, start) => {
    expect(help(words)).toMatch(new RegExp(`^${start}\n`))
  })
  test('an unknown word is answered with the nearest', () => {
    expect(() => help(['exit-code'])).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining('Did you mean exit-codes?') as string }),
    )
    expect(() => help(['zzzzzz'])).toThrow(
      expect.objectContaining({ remedy: expect.not.stringContaining('Did you mean') as string }),
    )
  })
})

test('the overview shows every summary whole', () => {
  const cut = help([])
    .split('\n')
    .filter((line) => line.endsWith(' …') && !line.startsWith('Usage:'))
  expect(cut).toEqual([])
})

test.each([
  [['verify-deply'], 'verify-deploy'],
  [['build'], 'build-reproducible'],
  [['sign', '--image', 'x'], 'sign-attest'],
  [['policy-init'], 'policy init'],
  [['init', 'policy'], 'policy init'],
  [['diff', 'sbom', 'a', 'b'], 'sbom diff'],
  [['tee', 'verfy', 'x'], 'tee verify'],
])('%j is answered with %s', (argv, meant) => {
  expect(() => find(argv)).toThrow(
    expect.objectContaining({ remedy: expect.stringContaining(`Did you mean ${meant}?`) as string }),
  )
})

function below(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`)
}
