import { normaliseLayer } from '../../src/image/normalise.ts'
import { readTar } from '../../src/tar/read.ts'
import type { TarHeader } from '../../src/image/types.ts'
import { bytesOf, once, tar, type Short } from './make-image.ts'

async function normalised(entries: readonly Short[]): Promise<Buffer> {
  return bytesOf(normaliseLayer(once(await tar(entries)), { epoch: 500 }))
}
async function list(bytes: Buffer): Promise<(Partial<TarHeader> & { text: string })[]> {
  const found = []
  for await (const { header, body } of readTar(once(bytes), 'test')) {
    found.push({ ...header, text: (await bytesOf(body)).toString() })
  }
  return found
}

test('order, time and owner names do not matter any more', async () => {
  const a: Short = { path: 'a', text: 'one', mtime: 400 }
  const b: Short = { path: 'b/', mtime: 900 }
  const c: Short = { path: 'b/c', text: 'x'.repeat(5000), mtime: 1e9, xattrs: { 'user.k': 'v' } }
  const bytes = await normalised([c, b, a])
  expect(bytes.equals(await normalised([{ ...a }, { ...b, mtime: 1234 }, { ...c, mtime: 2e9 }]))).toBe(true)
  expect(await list(bytes)).toMatchObject([
    { path: 'a', mtime: 400, text: 'one' },
    { path: 'b', mtime: 500 },
    { path: 'b/c', mtime: 500, text: 'x'.repeat(5000), xattrs: { 'user.k': 'v' } },
  ])
  expect((await bytesOf(normaliseLayer(once(bytes), { epoch: 500 }))).equals(bytes)).toBe(true)
})

test('which name of a hard-linked file came first does not matter', async () => {
  const one = await normalised([
    { path: 'z', text: 'one' },
    { path: 'a', type: 'hardlink', link: 'z' },
    { path: 'm', type: 'hardlink', link: 'a' },
  ])
  const two = await normalised([
    { path: 'm', text: 'one' },
    { path: 'z', type: 'hardlink', link: 'm' },
    { path: 'a', type: 'hardlink', link: 'm' },
  ])
  expect(one.equals(two)).toBe(true)
  expect(await list(one)).toMatchObject([
    { path: 'a', type: 'file', text: 'one' },
    { path: 'm', type: 'hardlink', link: 'a' },
    { path: 'z', type: 'hardlink', link: 'a' },
  ])
})

test('the last entry of a path is kept', async () => {
  const found = await list(
    await normalised([{ path: 'a/' }, { path: 'a/b', text: '1' }, { path: 'a', text: '2' }, { path: '.wh.c' }]),
  )
  expect(found.map(({ path, text }) => [path, text])).toEqual([
    ['.wh.c', ''],
    ['a', '2'],
  ])
})

test('a hard link out of the layer is refused', async () => {
  await expect(normalised([{ path: 'a', type: 'hardlink', link: 'gone' }])).rejects.toMatchObject({
    code: 'archive-ambiguous',
  })
})
