import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sha256 } from '../../../src/base/streams.ts'
import { scratch } from '../../../testkit/ports.ts'
import { hastyPorts, putImage, storeOf } from '../../oci/helpers.ts'
import { tinyRegistry, type TinyRegistry } from '../../oci/tiny-registry.ts'
import { bom, pemFile, publisher, query, say, stranger } from './support.ts'

let registry: TinyRegistry
let name: string
const key = pemFile(publisher)

beforeEach(async () => {
  registry = await tinyRegistry()
  name = `${registry.host}/a`
  const store = storeOf(name, hastyPorts())
  const image = await putImage(store, 'layer', 'v1')
  await say(store, image, 'cyclonedx', bom('pkg:npm/left-pad@1.3.0'), publisher)
  await say(store, image, 'cyclonedx', bom('pkg:npm/left-pad@1.2.0'), stranger, { hint: publisher.signer.hint })
})
afterEach(() => registry.close())

/** The answer, and how many blobs the registry was asked for. */
async function ask(cache: string): Promise<{ answer: unknown; blobs: number }> {
  registry.asked.length = 0
  const { code, outputs } = await query(name, '--package', 'pkg:npm/left-pad', '--public-key', key, '--cache', cache)
  expect(code).toBe(0)
  return { answer: outputs, blobs: registry.asked.filter((line) => line.startsWith('GET blobs/')).length }
}

const rows = (file: string): { digest: string; bytes: Uint8Array }[] => {
  const database = new DatabaseSync(file)
  try {
    return database.prepare('SELECT digest, bytes FROM blobs ORDER BY digest').all() as never
  } finally {
    database.close()
  }
}

test('the answer is the same without a cache, with a fresh one, a used one, and after any damage', async () => {
  const { answer, blobs } = await ask('none')
  expect(blobs).toBe(2)
  const folder = join(scratch('cache'), 'deep')
  const file = join(folder, 'query.sqlite')
  expect(await ask(folder)).toEqual({ answer, blobs: 2 })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(await ask(folder)).toEqual({ answer, blobs: 0 })
  expect(rows(file)).toHaveLength(2)

  // Not a database any more.
  writeFileSync(file, 'x'.repeat(4096))
  expect(await ask(folder)).toEqual({ answer, blobs: 2 })
  expect(await ask(folder)).toEqual({ answer, blobs: 0 })

  // A page of it was written over.
  const bytes = readFileSync(file)
  writeFileSync(file, bytes.fill(0xff, 4096))
  expect((await ask(folder)).answer).toEqual(answer)

  // Another version, and a table of another shape under our version.
  for (const change of ['PRAGMA user_version = 99', 'DROP TABLE blobs; CREATE TABLE blobs (other TEXT)']) {
    const own = scratch('cache')
    await ask(own)
    const database = new DatabaseSync(join(own, 'query.sqlite'))
    database.exec(change)
    database.close()
    expect(await ask(own)).toEqual({ answer, blobs: 2 })
  }
})

test('a row that was tampered with is fetched anew: neither other bytes nor another verified document count', async () => {
  const { answer } = await ask('none')
  const folder = scratch('cache')
  const file = join(folder, 'query.sqlite')
  await ask(folder)
  const [first, second] = rows(file)
  const write = (bytes: Uint8Array, digest: string): void => {
    const database = new DatabaseSync(file)
    database.prepare('UPDATE blobs SET bytes = ? WHERE digest = ?').run(bytes, digest)
    database.close()
  }
  // The publisher's statement in the place of the stranger's, and the reverse.
  write(second!.bytes, first!.digest)
  write(first!.bytes, second!.digest)
  expect(await ask(folder)).toEqual({ answer, blobs: 2 })
  expect(rows(file).map(({ digest, bytes }) => sha256(bytes) === digest)).toEqual([true, true])
})

test('what the registry no longer lists is no answer, whatever the cache holds', async () => {
  const folder = scratch('cache')
  await ask(folder)
  registry.tags.delete('v1')
  const { code, outputs } = await query(name, '--public-key', key, '--cache', folder)
  expect([code, outputs.images]).toEqual([1, []])
})

test('a cache that cannot be used is left out: a link, a file in place of the folder', async () => {
  const { answer } = await ask('none')
  const folder = scratch('cache')
  const target = join(scratch('target'), 'file')
  writeFileSync(target, 'mine')
  symlinkSync(target, join(folder, 'query.sqlite'))
  expect(await ask(folder)).toEqual({ answer, blobs: 2 })
  expect(readFileSync(target, 'utf8')).toBe('mine')
  const blocked = join(scratch('cache'), 'file')
  writeFileSync(blocked, '')
  expect(await ask(blocked)).toEqual({ answer, blobs: 2 })
  expect(existsSync(join(blocked, 'query.sqlite'))).toBe(false)
})

test('several queries share one cache at the same time', async () => {
  const { answer } = await ask('none')
  const folder = scratch('cache')
  mkdirSync(folder, { recursive: true })
  const all = await Promise.all(
    Array.from({ length: 6 }, () =>
      query(name, '--package', 'pkg:npm/left-pad', '--public-key', key, '--cache', folder),
    ),
  )
  for (const { outputs } of all) expect(outputs).toEqual(answer)
})
