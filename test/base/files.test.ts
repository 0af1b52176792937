import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readNamedFile, replaceFile, requireEmpty } from '../../src/base/files.ts'
import { scratch } from '../../testkit/ports.ts'

test('a file is replaced whole, with its permissions, and nothing is left beside it', async () => {
  const folder = scratch('replace')
  const path = join(folder, 'file')
  writeFileSync(path, 'a longer old text', { mode: 0o644 })
  await replaceFile(path, 'new')
  expect(readFileSync(path, 'utf8')).toBe('new')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  await replaceFile(path, Buffer.from([1, 2]), { mode: 0o640 })
  expect([...readFileSync(path)]).toEqual([1, 2])
  expect(statSync(path).mode & 0o777).toBe(0o640)
  expect(readdirSync(folder)).toEqual(['file'])
})

test('what cannot be put in place leaves the old content and no other file', async () => {
  const folder = scratch('blocked')
  const path = join(folder, 'file')
  mkdirSync(path)
  await expect(replaceFile(path, 'new')).rejects.toMatchObject({ code: 'EISDIR' })
  expect(readdirSync(folder)).toEqual(['file'])
  await expect(replaceFile(join(folder, 'none', 'file'), 'new')).rejects.toMatchObject({ code: 'ENOENT' })
})

test('the temporary file may lie in another folder, which is swept', async () => {
  const folder = scratch('through')
  mkdirSync(join(folder, 'below'))
  await replaceFile(join(folder, 'below', 'file'), 'new', { through: folder })
  expect(readFileSync(join(folder, 'below', 'file'), 'utf8')).toBe('new')
  await expect(
    replaceFile(join(folder, 'below', 'file'), 'x', { through: join(folder, 'none') }),
  ).rejects.toMatchObject({
    code: 'ENOENT',
  })
  expect(readFileSync(join(folder, 'below', 'file'), 'utf8')).toBe('new')
})

test('a file that an option names', async () => {
  const path = join(scratch('named'), 'file')
  await expect(readNamedFile(path, 'collateral')).rejects.toMatchObject({
    code: 'file-missing',
    subject: 'collateral',
    message: `collateral: "${path}" cannot be read: it does not exist`,
    remedy: 'Name a readable file for collateral.',
  })
  await expect(readNamedFile(path, 'x', { remedy: 'Run it again.' })).rejects.toMatchObject({ remedy: 'Run it again.' })
  writeFileSync(path, 'text')
  expect((await readNamedFile(path, 'collateral')).toString()).toBe('text')
})

test('a folder that must be empty is empty or missing', async () => {
  const folder = scratch('empty')
  await requireEmpty(folder)
  await requireEmpty(join(folder, 'new'))
  writeFileSync(join(folder, 'mine'), '')
  await expect(requireEmpty(folder)).rejects.toMatchObject({
    code: 'exists',
    subject: folder,
    message: `"${folder}" is not empty: it holds "mine"`,
  })
  await expect(requireEmpty(join(folder, 'mine'))).rejects.toMatchObject({ code: 'exists' })
})

test('why a file cannot be read is said in words: a folder, a path through a file', async () => {
  const folder = scratch('files')
  writeFileSync(join(folder, 'file'), '')
  const message = async (path: string): Promise<string> =>
    readNamedFile(path, 'x').then(
      () => 'read',
      (error: unknown) => (error as { message: string }).message,
    )
  expect(await message(folder)).toBe(`x: "${folder}" cannot be read: it is a folder`)
  expect(await message(join(folder, 'file', 'y'))).toContain(': a part of its path is not a folder')
  expect(await message(join(folder, 'file'))).toBe('read')
})
