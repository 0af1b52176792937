import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openStorage } from '../../src/kbs-server/storage.ts'
import { storedByKbs } from '../../testkit/kbs-stored.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { codeOf } from '../encrypt/support.ts'

const ports = testPorts()

/** A folder as embedded KBSs kept it before they had a database. */
async function oldFolder(): Promise<string> {
  const directory = scratch('kbs-old')
  await mkdir(join(directory, 'resources'))
  await writeFile(join(directory, 'resource-policy.rego'), 'package policy\ndefault allow := false\n')
  await writeFile(join(directory, 'reference-values.json'), '{"svn":["1"]}')
  await writeFile(join(directory, 'attestation-policies.json'), '{"default_cpu":"package policy\\n"}')
  await writeFile(join(directory, 'resources', encodeURIComponent('default/image-key/app')), Buffer.from([0, 255, 10]))
  await writeFile(join(directory, 'admin-key.pem'), 'kept')
  return directory
}

const key = ['resources', 'default/image-key/app'] as const

test('an older folder is moved into the database once, and its keys stay files', async () => {
  const directory = await oldFolder()
  const first = await openStorage(directory, ports)
  expect(await first.read(...key)).toEqual(Buffer.from([0, 255, 10]))
  expect(String(await first.read('resource-policy.rego'))).toContain('package policy')
  expect(String(await first.read('reference-values.json'))).toBe('{"svn":["1"]}')
  expect(String(await first.key('admin-key.pem', () => 'new'))).toBe('kept')
  await first.write('newer', 'resource-policy.rego')
  first.close()
  expect((await readdir(directory)).sort()).toEqual(['.gitignore', 'admin-key.pem', 'kbs.sqlite'])
  // As after a kill between the two halves of the move: what the database holds is newer.
  await writeFile(join(directory, 'resource-policy.rego'), 'older')
  const again = await openStorage(directory, ports)
  expect(String(await again.read('resource-policy.rego'))).toBe('newer')
  again.close()
  expect(await readdir(directory)).not.toContain('resource-policy.rego')
})

test('folder and database are their owner’s alone', async () => {
  const directory = scratch('kbs')
  const storage = await openStorage(directory, ports)
  await storage.write('x', ...key)
  const modes = async (name: string): Promise<number> => (await stat(join(directory, name))).mode & 0o777
  expect(await modes('.')).toBe(0o700)
  for (const name of (await readdir(directory)).filter((one) => one.startsWith('kbs.sqlite')))
    expect({ name, mode: await modes(name) }).toEqual({ name, mode: 0o600 })
  storage.close()
})

test('two that write one document lose nothing of each other', async () => {
  const directory = scratch('kbs')
  const [one, two] = [await openStorage(directory, ports), await openStorage(directory, ports)]
  const add = (value: number) => (old: Buffer | null) =>
    JSON.stringify([...(old === null ? [] : (JSON.parse(old.toString()) as number[])), value])
  await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? one : two).update(add(n), 'list')))
  const list = JSON.parse(String(await one.read('list'))) as number[]
  expect(list.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, n) => n))
  await expect(
    one.update(() => {
      throw new Error('no value')
    }, 'list'),
  ).rejects.toThrow('no value')
  await two.update(add(40), 'list')
  one.close()
  two.close()
})

test('two that start together have the same keys', async () => {
  const directory = scratch('kbs')
  const all = await Promise.all(Array.from({ length: 6 }, () => openStorage(directory, ports)))
  const keys = await Promise.all(all.map((one, n) => one.key('ear-key.pem', () => `key ${n}`)))
  expect(new Set(keys.map(String)).size).toBe(1)
  expect((await readdir(directory)).filter((name) => name.endsWith('.lock'))).toEqual([])
  for (const one of all) one.close()
})

describe('a damaged database says so, and is left as it is', () => {
  const damage: readonly [string, (bytes: Buffer) => Buffer][] = [
    ['cut in a page', (bytes) => bytes.subarray(0, bytes.length - 700)],
    ['cut to its first page', (bytes) => bytes.subarray(0, 4096)],
    [
      'pages of other bytes',
      (bytes) => Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(bytes.length - 4096, 0xa5)]),
    ],
    ['a header of other bytes', (bytes) => Buffer.concat([Buffer.alloc(100, 0x5a), bytes.subarray(100)])],
    ['another text', () => Buffer.from('not a database, but longer than a header is'.repeat(9))],
  ]
  test.each(damage)('%s', async (_, change) => {
    const directory = scratch('kbs')
    const path = join(directory, 'kbs.sqlite')
    const whole = await openStorage(directory, ports)
    for (let n = 0; n < 40; n++) await whole.write('x'.repeat(2000), 'resources', `default/key/${n}`)
    whole.close()
    const damaged = change(await readFile(path))
    await writeFile(path, damaged)
    const use = async (): Promise<void> => {
      const storage = await openStorage(directory, ports)
      try {
        for (let n = 0; n < 40; n++) await storage.read('resources', `default/key/${n}`)
        await storage.write('y', 'resources', 'default/key/new')
      } finally {
        storage.close()
      }
    }
    await expect(use()).rejects.toMatchObject({
      code: 'file-invalid',
      message: expect.stringMatching(/kbs\.sqlite" is damaged/) as string,
      remedy: expect.stringContaining('Restore a copy') as string,
    })
    expect((await readFile(path)).equals(damaged)).toBe(true)
  })
})

test('a removed secret is gone from the file', async () => {
  const directory = scratch('kbs')
  const storage = await openStorage(directory, ports)
  await storage.write('marked-secret-4711'.repeat(20), ...key)
  expect(await storage.remove(...key)).toBe(true)
  expect(await storage.remove(...key)).toBe(false)
  expect(await storage.read(...key)).toBeNull()
  storage.close()
  expect((await readFile(join(directory, 'kbs.sqlite'))).includes('marked-secret')).toBe(false)
  expect(storedByKbs(directory).size).toBe(0)
})

test('a session ends when its time has come, and each new one clears those away', async () => {
  const directory = scratch('kbs')
  const storage = await openStorage(directory, ports)
  const session = { id: 'a', nonce: 'n', tee: 'sample', until: 1000, token: null }
  storage.putSession(session, 0)
  storage.putSession({ ...session, token: 't' }, 0)
  expect(storage.session('a', 1000)).toEqual({ ...session, token: 't' })
  expect(storage.session('a', 1001)).toBeNull()
  expect(storage.session('b', 0)).toBeNull()
  storage.putSession({ ...session, id: 'b', until: 5000 }, 2000)
  expect(storage.session('a', 0)).toBeNull()
  storage.close()
  const again = await openStorage(directory, ports)
  expect(again.session('b', 5000)?.nonce).toBe('n')
  again.close()
})

test.each(['a link', 'another file'])('%s in the place of the database is refused', async (what) => {
  const directory = scratch('kbs')
  const path = join(directory, 'kbs.sqlite')
  if (what === 'a link') await symlink('/dev/null', path)
  else await writeFile(path, 'this is no database, and longer than the header of one would be'.repeat(4))
  expect(await codeOf(openStorage(directory, ports))).toBe('file-invalid')
})
