import { sha256 } from '../../src/base/streams.ts'
import { InventoryDocument } from '../../src/image/inventory-document.ts'
import { inventoryBytes } from '../../src/image/inventory.ts'
import { MergedView } from '../../src/image/merged-view.ts'
import { nameOf } from '../../src/tar/names.ts'
import { compareUtf8 } from '../../src/tar/paths.ts'
import { passImage } from '../../src/image/pass.ts'
import { Rows } from '../../src/image/rows.ts'
import { RowTable } from '../../src/image/row-table.ts'
import type { EntryType, TarHeader } from '../../src/image/types.ts'
import { makeImage, type Short } from './make-image.ts'

const header = (path: string, type: EntryType = 'file', link = ''): TarHeader => ({
  ...{ path, type, mode: 0o644, uid: 0, gid: 0, uname: '', gname: '', size: 0, mtime: 0, link },
  ...{ devMajor: 0, devMinor: 0, xattrs: {} },
})

/** The same numbers in each run. */
function dice(start: number): (n: number) => number {
  let seed = start
  return (n) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((seed / 2_147_483_648) * n)
  }
}

function apply(view: MergedView, layer: number, headers: readonly TarHeader[]): void {
  const records = view.layer(`layer ${layer}`)
  for (const [serial, one] of headers.entries()) if (!records.addWhiteout(one)) records.add(one, layer, serial)
  view.apply(records)
}

test('all members of a row come back as they were put in', () => {
  const rows = new Rows()
  const numbers = { uid: 0xffffffff, gid: 0x80000000, size: 2 ** 43, mtime: -(2 ** 33), position: 2 ** 40 }
  const file = rows.add({ ...header('d/f'), ...numbers, mode: 0o7777, xattrs: { 'user.a': 'x' } }, 70_000, 4_999_999)
  rows.setPlace(file, rows.places.take('d'))
  rows.setMagic(file, 0xffffffff)
  rows.setDigest(file, Buffer.alloc(32, 0xfe))
  const device = rows.add({ ...header('c', 'char'), devMajor: 0xffffffff, devMinor: 1 }, 0, 0)
  rows.setPlace(device, rows.places.take('.'))
  const link = rows.add(header('ä', 'symlink', nameOf(Buffer.from([0x61, 0xff]))), 0, 1)
  rows.setPlace(link, rows.places.take('.'))
  const { uid, gid, size } = numbers
  const digest = `sha256:${'fe'.repeat(32)}`
  expect(rows.entry(file)).toEqual({
    ...{ path: 'd/f', type: 'file', mode: 0o7777, uid, gid, size, sha256: digest },
    xattrs: { 'user.a': '78' },
  })
  expect([rows.mtime(file), rows.position(file), rows.layer(file), rows.serial(file), rows.magic(file)]).toEqual([
    ...[numbers.mtime, numbers.position, 70_000, 4_999_999, 0xffffffff],
  ])
  expect(rows.entry(device)).toMatchObject({ path: 'c', size: 0, device: '4294967295:1' })
  expect(rows.entry(link)).toMatchObject({ path: 'ä', size: 0, link: 'a\u0000ff' })
})

test('a table finds each of many names, in its own folder only, whatever their bytes', () => {
  const rows = new Rows()
  const table = new RowTable(rows)
  const names = ['', 'n', 'ü', '\u0000ff', '\u{1f600}'].flatMap((start) =>
    Array.from({ length: 2000 }, (_, i) => `${start}${i}`),
  )
  const [one, other] = [rows.places.take('one'), rows.places.take('other')]
  const made = names.map((name, serial) => {
    const row = rows.add(header(`one/${name}`), 0, serial)
    rows.setPlace(row, one)
    expect(table.set(one, rows.key(name), row)).toBe(0)
    return row
  })
  expect(names.map((name) => table.find(one, rows.key(name)))).toEqual(made)
  expect(names.filter((name) => table.find(other, rows.key(name)) !== 0)).toEqual([])
  expect(table.find(one, rows.key('n2000'))).toBe(0)
  expect(made.map((row) => rows.path(row))).toEqual(names.map((name) => `one/${name}`))
})

test('rows of what upper layers hide are used again, and the memory of their names is given back', () => {
  const view = new MergedView()
  const name = (i: number): string => `${'n'.repeat(200)}${i}`
  for (let layer = 200; layer >= 0; layer--) {
    const own = Array.from({ length: 500 }, (_, i) => header(`d/${name(i)}`))
    apply(view, layer, [...own, header(`kept/${layer}`)])
  }
  const inventory = view.finish()
  expect(inventory).toHaveLength(500 + 201 + 2)
  expect(inventory.rows.add(header('more'), 0, 0)).toBeLessThan(2000)
  // 100,500 names of 200 bytes went through.
  expect(inventory.rows.names.size).toBeLessThan(4 << 20)
  expect([...inventory].filter(({ path }) => path.startsWith('d/')).map(({ path }) => path)).toEqual(
    Array.from({ length: 500 }, (_, i) => `d/${name(i)}`).sort(),
  )
})

test('a hidden hard link and its target are given back, a hidden target that a visible one shares is not', () => {
  const view = new MergedView()
  // The first link is to the older file, which the new one then hides.
  apply(view, 2, [header('.wh.b'), header('a', 'hardlink', 'x'), header('x')])
  apply(view, 1, [header('x'), header('y'), header('b', 'hardlink', 'y'), header('y', 'symlink', 'q')])
  const inventory = view.finish()
  const { rows } = inventory
  expect([...inventory].map(({ path, type }) => `${path} ${type}`)).toEqual(['a hardlink', 'x file', 'y symlink'])
  const shared = rows.contentOf(inventory.layerRow('a'))
  expect([rows.path(shared), rows.layer(shared), rows.layer(inventory.layerRow('x'))]).toEqual(['x', 1, 2])
  // The hidden link and the file that it alone shared.
  const free = [rows.add(header('p'), 0, 0), rows.add(header('q'), 0, 0)]
  const taken = ['a', 'x', 'y'].map((path) => inventory.layerRow(path))
  expect(new Set([...free, ...taken, shared])).toEqual(new Set([1, 2, 3, 4, 5, 6]))
})

/** The content of each file after all layers, bottom first, by the plainest means. */
function model(layers: readonly (readonly Short[])[]): Map<string, string> {
  const files = new Map<string, string>()
  for (const layer of layers) {
    for (const { path, type, link = '', text = '' } of layer) {
      const gone = /^(?:(.*)\/)?\.wh\.(.*)$/.exec(path)
      if (gone !== null) files.delete(gone[1] === undefined ? (gone[2] ?? '') : `${gone[1]}/${gone[2] ?? ''}`)
      else if (type === 'hardlink') files.set(path, files.get(link) ?? 'nothing')
      else if (!path.endsWith('/')) files.set(path, String(text))
    }
  }
  return files
}

/** A layer on others: whiteouts of what is there, files, and hard links to what is there by then. */
function randomLayer(below: readonly (readonly Short[])[], next: (n: number) => number): Short[] {
  const layer: Short[] = [{ path: 'd/' }, { path: 'd/e/' }]
  const anyOf = (): string | undefined => [...model([...below, layer]).keys()].sort()[next(8)]
  for (let i = next(3); i > 0; i--) {
    const path = anyOf()
    if (path !== undefined) layer.push({ path: path.replace(/([^/]*)$/, '.wh.$1') })
  }
  for (let i = 1 + next(8); i > 0; i--) {
    const path = `${['', 'd/', 'd/e/'][next(3)] ?? ''}${'pqrstu'[next(6)] ?? ''}`
    const link = next(3) === 0 ? anyOf() : undefined
    if (link === undefined) layer.push({ path, text: `${below.length} ${i}` })
    else if (link !== path) layer.push({ path, type: 'hardlink', link })
  }
  return layer
}

test('files and hard links of random layers have the content that applying them one by one gives', async () => {
  const next = dice(11)
  let read = 0
  for (let round = 0; round < 50; round++) {
    const layers: Short[][] = []
    for (let layer = next(6); layer >= 0; layer--) layers.push(randomLayer(layers, next))
    const { store, image } = await makeImage(layers)
    const pass = await passImage(store, image, []).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'archive-ambiguous' })
      return null
    })
    if (pass === null) continue
    const found = [...pass.inventory].filter(({ sha256: digest }) => digest !== undefined)
    expect(new Map(found.map(({ path, sha256: digest }) => [path, digest]))).toEqual(
      new Map([...model(layers)].map(([path, text]) => [path, sha256(text)])),
    )
    read++
  }
  expect(read).toBeGreaterThan(15)
})

test('entries are in the order of the bytes of whole paths', async () => {
  const odd = [Buffer.from([0xff]), Buffer.from([0x7f]), Buffer.from('\u{1f600}'), Buffer.from('\uffee')].map(nameOf)
  const names = [
    'a',
    'a-',
    'a.b',
    'a0',
    'a/',
    'a/b',
    'a/-',
    'a-/x',
    'a/b-/y',
    'a0/',
    'b',
    ...odd,
    ...odd.map((n) => `z/${n}`),
  ]
  const entries = names.filter((name) => !['a', 'a-', 'a0/'].includes(name)).map((path): Short => ({ path }))
  const { store, image } = await makeImage([entries])
  const paths = [...(await passImage(store, image, [])).inventory].map(({ path }) => path)
  expect(paths).toEqual([...paths].sort(compareUtf8))
  expect(paths).toContain('a/b-/y')
  expect(paths.length).toBeGreaterThan(18)
})

test('an inventory that is not kept is written anew with the same bytes', async () => {
  const { store, image } = await makeImage([
    Array.from({ length: 3000 }, (_, i) => ({ path: `f${i}`, text: String(i) })),
  ])
  const { inventory } = await passImage(store, image, [])
  const whole = inventoryBytes([...inventory])
  for (const limit of [0, undefined]) {
    const document = new InventoryDocument(inventory, limit)
    expect([document.digest, document.size]).toEqual([sha256(whole), whole.length])
    for (const _ of [1, 2]) expect(Buffer.concat([...document.chunks()]).equals(whole)).toBe(true)
    expect(document.bytes().equals(whole)).toBe(true)
  }
})
