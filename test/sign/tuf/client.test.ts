import { sha256 } from '../../../src/base/streams.ts'
import { makeTufKey } from '../../../testkit/sigstore/tuf.ts'
import { cacheFile, content, name, url, world } from './setup.ts'
import { readdirSync } from 'node:fs'

test('a target over two rotations of the root, and later only what is new', async () => {
  const { writer, sync, get, asked } = world()
  await expect(get()).resolves.toBe(content('one').toString())
  for (const role of ['root', 'timestamp', 'snapshot', 'targets'] as const) {
    writer.keys[role] = writer.keys[role].map(() => makeTufKey())
    writer.publishRoot()
  }
  writer.publish({ targets: { [name]: content('two') } })
  sync()
  asked.length = 0
  await expect(get()).resolves.toBe(content('two').toString())
  expect(asked.slice(0, 6)).toEqual([2, 3, 4, 5, 6].map((v) => `${v}.root.json`).concat('timestamp.json'))
  asked.length = 0
  await expect(get()).resolves.toBe(content('two').toString())
  expect(asked).toEqual(['6.root.json', 'timestamp.json'])
})

test('a repository without consistent snapshots', async () => {
  const { writer, sync, get, asked } = world()
  writer.consistent = false
  writer.publishRoot()
  writer.publish({ targets: { [name]: content('two') } })
  sync()
  await expect(get()).resolves.toBe(content('two').toString())
  expect(asked).toContain('snapshot.json')
})

test('offline: what is kept, as long as it is good, and no request', async () => {
  const { get, asked } = world()
  await expect(get({ offline: true })).rejects.toMatchObject({ code: 'not-found', exitCode: 2 })
  await get()
  asked.length = 0
  await expect(get({ offline: true })).resolves.toBe(content('one').toString())
  await expect(get({ offline: true }, new Date('2030-01-01T00:00:00Z'))).rejects.toMatchObject({
    code: 'expired',
    message: expect.stringContaining('root.json of version 1 expired at 2030-01-01T00:00:00.000Z'),
  })
  expect(asked).toEqual([])
})

test('a pinned digest: the root is looked for, then known', async () => {
  const { root, writer, sync, get, asked } = world()
  const second = writer.publishRoot()
  sync()
  await expect(get({ root: sha256(second) })).resolves.toBe(content('one').toString())
  expect(asked.slice(0, 3)).toEqual(['1.root.json', '2.root.json', '3.root.json'])
  asked.length = 0
  await get({ root: sha256(second), offline: true })
  expect(asked).toEqual([])
  await expect(get({ root: sha256(Buffer.concat([root, Buffer.from(' ')])) })).rejects.toMatchObject({
    code: 'digest-mismatch',
    message: expect.stringContaining('serves no root.json with the digest sha256:'),
  })
})

test('new keys make versions count anew: a stolen key that raised them does not stop the repository', async () => {
  const { writer, sync, get } = world()
  writer.publish({ targets: { [name]: content('stolen') }, versions: { timestamp: 900, snapshot: 900 } })
  sync()
  await get()
  writer.keys.snapshot = [makeTufKey()]
  writer.publishRoot()
  writer.publish({ targets: { [name]: content('recovered') } })
  sync()
  await expect(get()).resolves.toBe(content('recovered').toString())
})

test('a damaged or changed cache is told, never ignored', async () => {
  const { get, cache } = world()
  await get()
  const { text, path, write } = cacheFile(cache)
  write(text.slice(0, -5))
  await expect(get()).rejects.toMatchObject({ code: 'file-invalid', subject: path })
  const kept = JSON.parse(text) as { timestamp: string }
  const timestamp = Buffer.from(kept.timestamp, 'base64').toString().replace('"version":1,', '"version":7,')
  write(JSON.stringify({ ...kept, timestamp: Buffer.from(timestamp).toString('base64') }))
  await expect(get()).rejects.toMatchObject({
    code: 'file-invalid',
    message: expect.stringMatching(/does not verify: .*timestamp\.json is signed by 0 of/),
  })
  write(text)
  await expect(get()).resolves.toBe(content('one').toString())
})

test('an update that fails late has still seen the new timestamp', async () => {
  const { writer, sync, files, get } = world()
  const [old] = [files.get('timestamp.json')]
  writer.publish({ targets: { [name]: content('two') } })
  sync()
  files.delete('2.targets.json')
  await expect(get()).rejects.toMatchObject({
    code: 'sigstore-error',
    message: expect.stringContaining('has no 2.targets.json'),
  })
  if (old !== undefined) files.set('timestamp.json', old)
  await expect(get()).rejects.toMatchObject({ code: 'rolled-back' })
})

test('an older process does not set the cache back', async () => {
  const { writer, sync, get, cache } = world()
  await get()
  const { text, write } = cacheFile(cache)
  writer.publish({ targets: { [name]: content('two') } })
  sync()
  await get()
  const newer = cacheFile(cache).text
  write(text)
  const slow = get()
  write(newer)
  await expect(slow).resolves.toBe(content('two').toString())
  expect(cacheFile(cache).text).toBe(newer)
})

test.each([
  ['http://tuf.example/repo', 'is not the URL of a TUF repository'],
  ['https://tuf.example/repo?x=1', 'is not the URL of a TUF repository'],
  ['ftp://tuf.example', 'is not the URL of a TUF repository'],
])('the address %s is refused', async (address, why) => {
  await expect(world().get({ url: address })).rejects.toMatchObject({
    code: 'input-invalid',
    message: expect.stringContaining(why),
  })
})

test.each(['../timestamp.json', 'a/../b', '/etc/passwd', 'a//b', '', '.hidden', 'a b'])(
  'the name %j of a target is refused',
  async (target) => {
    await expect(world().get({ target })).rejects.toMatchObject({ code: 'input-invalid', subject: 'target' })
  },
)

test('a server that breaks off is a network error, not a defect', async () => {
  const { files, get } = world()
  files.set(
    'timestamp.json',
    () => new Response(new ReadableStream({ pull: (to) => to.error(new Error('reset by peer')) })),
  )
  await expect(get()).rejects.toMatchObject({
    code: 'sigstore-error',
    message: expect.stringContaining('broke off while it sent timestamp.json'),
  })
})

test('the address with a slash at its end is the same repository', async () => {
  const { get, cache } = world()
  await get()
  await get({ url: `${url}/` })
  expect(readdirSync(cache ?? '')).toHaveLength(1)
})

test('a target that is not named, and a busy server', async () => {
  const { files, get, asked } = world()
  await expect(get({ target: 'other.json' })).rejects.toMatchObject({ code: 'not-found', subject: 'other.json' })
  files.set('timestamp.json', () => new Response('later', { status: 503 }))
  asked.length = 0
  await expect(get()).rejects.toMatchObject({
    code: 'sigstore-error',
    message: expect.stringContaining('answered 503'),
  })
  expect(asked.filter((path) => path === 'timestamp.json')).toHaveLength(3)
})
