import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  optional,
  optionalDigest,
  optionalFile,
  optionalPath,
  optionalText,
  wordList,
} from '../../src/actions/shared/optional.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import type { RawInputs } from '../../src/doors/context.ts'
import { testPorts } from '../../testkit/ports.ts'

const ports = testPorts()
const inputs = (given: Record<string, string>): RawInputs =>
  rawInputs({
    given: (name) => given[name],
    defaults: {},
    ports,
    confine: [ports.roots.cwd],
    label: (name) => `--${name}`,
  })

test('an input that was not given is null, whatever it would be', async () => {
  const none = inputs({})
  expect(optionalText(none, 'a')).toBeNull()
  expect(optionalPath(none, 'a')).toBeNull()
  expect(optionalDigest(none, 'a')).toBeNull()
  await expect(optionalFile(none, 'a')).resolves.toBeNull()
  expect(
    optional(none, 'a', () => {
      throw new Error('read although nothing was given')
    }),
  ).toBeNull()
  expect(wordList(none, 'a', ['x'])).toEqual([])
})

test('an input that was given is read in its form', async () => {
  const digest = `sha256:${'a'.repeat(64)}`
  writeFileSync(join(ports.roots.cwd, 'key.pem'), 'PEM\n')
  const given = inputs({ text: ' x ', file: 'key.pem', digest, words: 'b, a\nb', size: '12' })
  expect(optionalText(given, 'text')).toBe('x')
  expect(optionalPath(given, 'file')).toBe(join(ports.roots.cwd, 'key.pem'))
  expect(optionalDigest(given, 'digest')).toBe(digest)
  expect(String(await optionalFile(given, 'file'))).toBe('PEM\n')
  expect(optional(given, 'size', Number)).toBe(12)
  expect(wordList(given, 'words', ['a', 'b'])).toEqual(['b', 'a', 'b'])
})

test.each<[string, (i: RawInputs) => unknown, string, string]>([
  ['a digest in another form', (i) => optionalDigest(i, 'digest'), 'input-invalid', 'lower-case hex digits'],
  ['a word that is not allowed', (i) => wordList(i, 'words', ['alpha']), 'input-invalid', 'alpha'],
  ['a path that leaves the workspace', (i) => optionalPath(i, 'path'), 'input-invalid', 'inside the workspace'],
  ['a file that is not there', (i) => optionalFile(i, 'file', 'Give a PEM file.'), 'file-missing', 'Give a PEM file.'],
])('%s is refused by name', async (_name, read, code, remedy) => {
  const given = inputs({ digest: 'sha256:AA', words: 'alpa', path: '../out', file: 'none.pem' })
  await expect(async () => read(given)).rejects.toMatchObject({ code, remedy: expect.stringContaining(remedy) })
})
