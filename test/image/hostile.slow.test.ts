import { LayerRecords } from '../../src/image/layer-records.ts'
import { MergedView } from '../../src/image/merged-view.ts'
import { readTar } from '../../src/tar/read.ts'
import type { EntryType, TarHeader } from '../../src/image/types.ts'
import { endMark, block, pax } from '../../testkit/raw-tar.ts'

const header = (path: string, type: EntryType = 'file', link = ''): TarHeader => ({
  ...{ path, type, mode: 0o755, uid: 0, gid: 0, uname: '', gname: '', size: 0, mtime: 0, link },
  ...{ devMajor: 0, devMinor: 0, xattrs: {} },
})

/** Builds a layer of headers, whiteouts included. */
function layerOf(headers: Iterable<TarHeader>, number = 0): (view: MergedView) => LayerRecords {
  return (view) => {
    const records = view.layer(`layer ${number}`)
    let serial = 0
    for (const one of headers) if (!records.addWhiteout(one)) records.add(one, number, serial++)
    return records
  }
}
function merged(...layers: ((view: MergedView) => LayerRecords)[]): MergedView {
  const view = new MergedView()
  for (const layer of layers.toReversed()) view.apply(layer(view))
  return view
}
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

// With work that grows with the square of entries each of these takes minutes to hours: the limit of the test is what fails.

test('a million entries in one folder', () => {
  const view = merged(layerOf(numbers(1_000_000).map((i) => header(`d/file-${i}`))))
  expect(view.finish()).toHaveLength(1_000_001)
}, 300_000)

test('60,000 whiteouts, one by one and below one another', () => {
  const names = numbers(60_000)
  const low = layerOf(names.map((i) => header(`d/${i % 300}/f-${i}`)))
  const gone = layerOf(
    names.map((i) => header(`d/${i % 300}/.wh.f-${i}`)),
    1,
  )
  const view = merged(low, gone)
  expect(view.finish()).toHaveLength(301)
}, 300_000)

test('many layers of whiteouts and opaque whiteouts over the same folders', () => {
  const low = layerOf(numbers(20_000).map((i) => header(`d/${i % 100}/f-${i}`)))
  const upper = numbers(200).map((n) =>
    layerOf(
      numbers(100).map((i) => header(`d/${i}/.wh.f-${i + 100 * n}`)),
      n + 1,
    ),
  )
  const opaque = layerOf(
    numbers(50).map((i) => header(`d/${i}/.wh..wh..opq`)),
    999,
  )
  expect(merged(low, ...upper, opaque).finish()).toHaveLength(101)
}, 300_000)

test('paths 2,000 folders deep', () => {
  const folder = numbers(2000)
    .map(() => 'a')
    .join('/')
  const entries = numbers(20_000).map((i) => header(`${folder}/${i}`))
  const layers = [
    layerOf(entries),
    layerOf(
      entries.map(({ path }) => header(path)),
      1,
    ),
  ]
  const view = merged(...layers)
  expect(view.hides(`${folder}/7`)).toBe(true)
  expect(view.finish()).toHaveLength(22_000)
}, 300_000)

test('deep paths that share nothing end at the limit', () => {
  const deep = (i: number): TarHeader =>
    header(
      `${i}/${numbers(2000)
        .map(() => 'a')
        .join('/')}`,
    )
  const records = new LayerRecords('layer')
  const fill = (): void => {
    for (let i = 0; i < 1_000_000; i++) records.add(deep(i), 0, i)
  }
  expect(fill).toThrow(
    expect.objectContaining({ code: 'format-invalid', message: expect.stringContaining('folders without an entry') }),
  )
}, 300_000)

test('a folder that is replaced over and over', () => {
  const headers = numbers(60_000).flatMap((i) => [header(`d/${i}`), header('d'), header('d', 'dir')])
  expect(merged(layerOf(headers)).finish()).toHaveLength(1)
}, 300_000)

test('a chain of 200,000 hard links, and as many over layers', () => {
  const chain = numbers(200_000).map((i) => (i === 0 ? header('0') : header(String(i), 'hardlink', String(i - 1))))
  const inventory = merged(layerOf(chain)).finish()
  expect(inventory).toHaveLength(200_000)
  const { rows } = inventory
  expect(rows.path(rows.contentOf(inventory.layerRow('199999')))).toBe('0')

  const layers = numbers(300).map((n) =>
    layerOf(n === 0 ? [header('0')] : [header(String(n), 'hardlink', String(n - 1))], n),
  )
  expect([...merged(...layers).finish()].every(({ path, size }) => path !== '' && size === 0)).toBe(true)
}, 300_000)

test('hard links that are awaited over many layers', () => {
  const targets = layerOf(numbers(30_000).map((i) => header(`t/${i}`)))
  const between = numbers(500).map((n) => layerOf([header(`o/${n}`)], n + 1))
  const links = layerOf(
    numbers(30_000).map((i) => header(`l/${i}`, 'hardlink', `t/${i}`)),
    999,
  )
  expect(merged(targets, ...between, links).finish()).toHaveLength(60_503)
}, 300_000)

async function count(source: AsyncIterable<Uint8Array>): Promise<number> {
  let entries = 0
  for await (const { header: found } of readTar(source, 'test.tar', { entries: 100_000 }))
    entries += found.path === '' ? 0 : 1
  return entries
}

test('more entries than the limit, and sizes that lie', async () => {
  const one = block({ name: 'f' })
  const many = Buffer.concat(numbers(2000).map(() => one))
  async function* flood(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 51; i++) yield many
  }
  await expect(count(flood())).rejects.toMatchObject({
    code: 'format-invalid',
    message: expect.stringContaining('100000 entries'),
  })
  async function* lie(size: Buffer): AsyncGenerator<Uint8Array> {
    yield size
    yield endMark
  }
  for (const size of [2 ** 33 - 1, 4096, 1025])
    await expect(count(lie(block({ size })))).rejects.toMatchObject({ code: 'format-invalid' })
  for (const size of ['8796093022208', '8796093022209', '99999999999999999999'])
    await expect(count(lie(Buffer.concat([pax([['size', size]]), one])))).rejects.toMatchObject({
      code: 'format-invalid',
    })
}, 300_000)

test('a megabyte of pax records, and a map of holes as long', async () => {
  async function* one(bytes: Buffer): AsyncGenerator<Uint8Array> {
    yield bytes
  }
  const records = numbers(60_000).map((i): [string, string] => [`k${i}`, 'v'])
  expect(await count(one(Buffer.concat([pax(records), block({}), endMark])))).toBe(1)
  const map = numbers(70_000)
    .map((i) => `${i * 2},1`)
    .join(',')
  const sparse = pax([
    ['GNU.sparse.major', '0'],
    ['GNU.sparse.minor', '1'],
    ['GNU.sparse.numblocks', '70000'],
    ['GNU.sparse.map', map],
  ])
  await expect(count(one(Buffer.concat([sparse, block({}), endMark])))).rejects.toMatchObject({
    code: 'format-invalid',
  })
}, 300_000)
