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

const rows = (file: string, shelf = 'blobs'): { digest: string; bytes: Uint8Array }[] => {
  const database = new DatabaseSync(file)
  try {
    const all = database.prepare('SELECT store, digest, bytes FROM blobs ORDER BY digest').all() as never[]
    return all.filter(({ store }: { store: string }) => store.endsWith(' manifests') === (shelf === 'manifests'))
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

const write = (file: string, bytes: Uint8Array, digest: string): void => {
  const database = new DatabaseSync(file)
  database.prepare('UPDATE blobs SET bytes = ? WHERE digest = ?').run(bytes, digest)
  database.close()
}

test('a manifest that was tampered with is fetched anew', async () => {
  const { answer } = await ask('none')
  const folder = scratch('cache')
  const file = join(folder, 'query.sqlite')
  await ask(folder)
  const manifests = rows(file, 'manifests')
  expect(manifests).toHaveLength(3)
  // Each is another one's, so that referrers would hang on other subjects.
  for (const [i, { digest }] of manifests.entries()) write(file, manifests[(i + 1) % 3]!.bytes, digest)
  expect(await ask(folder)).toEqual({ answer, blobs: 0 })
  expect(rows(file, 'manifests')).toEqual(manifests)
})

test('a row that was tampered with is fetched anew: neither other bytes nor another verified document count', async () => {
  const { answer } = await ask('none')
  const folder = scratch('cache')
  const file = join(folder, 'query.sqlite')
  await ask(folder)
  const [first, second] = rows(file)
  // The publisher's statement in the place of the stranger's, and the reverse.
  write(file, second!.bytes, first!.digest)
  write(file, first!.bytes, second!.digest)
  expect(await ask(folder)).toEqual({ answer, blobs: 2 })
  expect(rows(file).map(({ digest, bytes }) => sha256(bytes) === digest)).toEqual([true, true])
})

test('a warm query asks for tags and lists, and whether the registry still has what the answer rests on', async () => {
  const folder = scratch('cache')
  const cold = (await ask(folder)).answer
  const first = [...registry.asked]
  expect((await ask(folder)).answer).toEqual(cold)
  const kinds = (lines: readonly string[]): Record<string, number> =>
    Object.fromEntries(
      [...Map.groupBy(lines, (line) => line.replace(/sha256:\w+/, 'DIGEST'))].map(([kind, all]) => [kind, all.length]),
    )
  const { 'GET manifests/DIGEST': read, 'GET blobs/DIGEST': documents, ...lists } = kinds(first)
  expect([read, documents]).toEqual([2, 2])
  // Both rows are in the answer, each a manifest and a document.
  expect(kinds(registry.asked)).toEqual({ ...lists, 'GET manifests/DIGEST': 2, 'HEAD blobs/DIGEST': 2 })
  registry.asked.length = 0
  const absent = ['--package', 'pkg:npm/absent', '--public-key', key, '--cache', folder]
  expect((await query(name, ...absent)).code).toBe(1)
  expect(kinds(registry.asked)).toEqual(lists)
})

test.each(['manifest', 'listed manifest', 'document', 'document of a status', 'document of an archive record'])(
  'a %s that the registry lost counts no more than without a cache',
  async (what) => {
    if (what === 'listed manifest') {
      await registry.close()
      registry = await tinyRegistry({ referrers: 404 })
      name = `${registry.host}/a`
    }
    const store = storeOf(name, hastyPorts())
    const image = await putImage(store, 'more', 'v2')
    const revoked = { status: 'revoked', serial: 1, issued: '2026-01-01T00:00:00Z', from: '2026-01-01T00:00:00Z' }
    const kept = {
      archived: '2026-09-01T00:00:00Z',
      inProduction: { from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00Z' },
    }
    const said = what.endsWith('status')
      ? await say(store, image, 'status', { ...revoked, reason: 'leaked' }, publisher)
      : what.endsWith('record')
        ? await say(store, image, 'archive', kept, publisher)
        : await say(store, image, 'cyclonedx', bom('pkg:npm/other@1.0.0'), publisher)
    const selectors = what.endsWith('status')
      ? ['--status', 'revoked']
      : what.endsWith('record')
        ? ['--in-production', '2026-01-15..2026-01-16']
        : ['--package', 'pkg:npm/other', '--verdict', 'verified']
    const folder = scratch('cache')
    const look = (cache: string) => query(name, ...selectors, '--public-key', key, '--cache', cache)
    const before = await look(folder)
    expect([before.code, before.outputs.images.map(({ tags }) => tags)]).toEqual([0, [['v2']]])
    const { content } = await store.getManifest(said.digest)
    if (what.endsWith('manifest')) registry.manifests.delete(said.digest)
    else if ('layers' in content) registry.blobs.delete(content.layers[0]!.digest)
    const after = await look(folder)
    expect([after.code, after.outputs.images]).toEqual([1, []])
    expect(after.outputs).toEqual((await look('none')).outputs)
    const gaps = what === 'listed manifest' ? [{ manifest: said.digest, code: 'missing-blob' }] : []
    expect(after.outputs.gaps).toMatchObject(gaps)
  },
)

test('what the registry no longer lists is no answer, whatever the cache holds', async () => {
  const folder = scratch('cache')
  await ask(folder)
  registry.tags.delete('v1')
  const gone = await query(name, '--public-key', key, '--cache', folder)
  expect(gone).toMatchObject({ code: 2, error: { code: 'not-found' } })
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
