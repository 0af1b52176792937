import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RawInputs } from '../../src/doors/context.ts'
import { writeNewFile } from '../../src/cli/new-file.ts'
import { namedFile, optionFile } from '../../src/cli/option-file.ts'
import { scratch } from '../../testkit/ports.ts'

const named = (path: string) => ({ path: () => path }) as unknown as RawInputs

test('a new file gets its mode from the first byte on, and what is there is never overwritten', async () => {
  const path = join(scratch('files'), 'secret')
  await expect(writeNewFile(named(path), 'output', 'one', { mode: 0o600 })).resolves.toBe(path)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const again = writeNewFile(named(path), 'output', 'two', { remedy: 'Name another.' })
  await expect(again).rejects.toMatchObject({ code: 'exists', subject: 'output', remedy: 'Name another.' })
  expect(readFileSync(path, 'utf8')).toBe('one')
})

test('a folder that is missing is no file that is taken', async () => {
  const path = join(scratch('files'), 'none', 'secret')
  await expect(writeNewFile(named(path), 'output', '', { remedy: 'Name another.' })).rejects.toMatchObject({
    code: 'file-invalid',
    remedy: 'Name a file in a folder that exists.',
  })
})

test('a file that cannot be read is told by its option, whether it was named alone or in a list', async () => {
  const folder = scratch('files')
  const missing = { code: 'file-missing', subject: 'keys', remedy: 'Name a file that this user can read.' }
  await expect(optionFile(named(join(folder, 'none')), 'keys')).rejects.toMatchObject({
    ...missing,
    message: expect.stringMatching(/^--keys: ".*none" cannot be read: it does not exist$/),
  })
  mkdirSync(join(folder, 'keys'))
  await expect(namedFile(join(folder, 'keys'), 'keys')).rejects.toMatchObject({
    ...missing,
    message: expect.stringMatching(/^--keys: ".*keys" cannot be read: it is a folder$/),
  })
  writeFileSync(join(folder, 'key'), 'k')
  await expect(namedFile(join(folder, 'key'), 'keys')).resolves.toEqual(Buffer.from('k'))
})
