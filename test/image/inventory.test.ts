import { jcsText } from '../../src/encoding/jcs.ts'
import { compareInventories, inventoryBytes, parseInventory } from '../../src/image/inventory.ts'
import { nameBytes, nameOf } from '../../src/tar/names.ts'
import type { InventoryEntry } from '../../src/image/types.ts'
import { sha256 } from '../../src/base/streams.ts'
import type { Digest } from '../../src/oci/types.ts'

const base = { mode: 0o644, uid: 0, gid: 0 }
const digest = sha256('x') as Digest
const entries: InventoryEntry[] = [
  { path: 'a', type: 'dir', ...base, size: 0 },
  { path: 'a/b', type: 'file', ...base, size: 1, sha256: digest },
  { path: 'a/c', type: 'symlink', ...base, size: 0, link: 'b' },
  { path: 'a/d', type: 'char', ...base, size: 0, device: '1:3' },
]

test('one JCS line an entry, sorted, and back', () => {
  const bytes = inventoryBytes(entries.toReversed())
  expect(bytes.toString().split('\n')[1]).toBe(
    `{"gid":0,"mode":420,"path":"a/b","sha256":"${digest}","size":1,"type":"file","uid":0}`,
  )
  expect(parseInventory(bytes)).toEqual(entries)
  expect(parseInventory(Buffer.alloc(0))).toEqual([])
})

const lines = inventoryBytes(entries).toString().split('\n').slice(0, -1) as [string, string, string, string]
test.each<[string, string]>([
  ['a cut line', lines.join('\n')],
  ['another order', `${lines[1]}\n${lines[0]}\n`],
  ['a path twice', `${lines[1]}\n${lines[1]}\n`],
  ['spaces', `${lines[0].replace(',', ', ')}\n`],
  ['a foreign member', `${lines[0].replace('"gid":0', '"a":1,"gid":0')}\n`],
  ['a missing member', `${lines[0].replace('"gid":0,', '')}\n`],
  ['a file without its digest', `${lines[1].replace(/"sha256":"[^"]*",/, '')}\n`],
  ['a bad digest', `${lines[1].replace(digest, 'sha256:zz')}\n`],
  ['a link without target', `${lines[2].replace('"link":"b",', '')}\n`],
  ['a folder with a digest', `${lines[0].replace('"size"', `"sha256":"${digest}","size"`)}\n`],
  ['a device that is none', `${lines[3].replace('1:3', 'x')}\n`],
  ['an unknown type', `${lines[0].replace('"dir"', '"door"')}\n`],
  ['a negative number', `${lines[0].replace('"uid":0', '"uid":-1')}\n`],
  ['a path that is not normal', `${lines[0].replace('"path":"a"', '"path":"./a"')}\n`],
  ['an empty line', '\n'],
])('%s is refused', (_what, text) => {
  expect(() => parseInventory(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'format-invalid' }))
})

test('a path that leaves the root is refused', () => {
  expect(() => parseInventory(Buffer.from(`${lines[0].replace('"path":"a"', '"path":"../a"')}\n`))).toThrow(
    expect.objectContaining({ code: 'path-escape' }),
  )
})

const capable: InventoryEntry = {
  ...{ path: 'bin/ping', type: 'file', ...base, size: 1, sha256: digest },
  xattrs: { 'security.capability': '0100000200', 'user.long': sha256('long') },
}

test('attributes stand in the inventory and are compared', () => {
  const bytes = inventoryBytes([capable])
  expect(bytes.toString()).toContain(`"xattrs":{"security.capability":"0100000200","user.long":"${sha256('long')}"}`)
  expect(parseInventory(bytes)).toEqual([capable])
  const plain = { ...capable, xattrs: undefined }
  const other = { ...capable, xattrs: { ...capable.xattrs, 'security.capability': '0100000201' } }
  for (const after of [plain, other])
    expect(compareInventories([capable], [after]).changed).toMatchObject([{ path: 'bin/ping', fields: ['xattrs'] }])
  const same = { ...capable, xattrs: Object.fromEntries(Object.entries(capable.xattrs ?? {}).reverse()) }
  expect(compareInventories([capable], [same]).changed).toEqual([])
})

test.each([
  ['no attributes', '{}'],
  ['an attribute without value', '{"a":""}'],
  ['half a byte', '{"a":"0"}'],
  ['capitals', '{"a":"AB"}'],
  ['a number', '{"a":1}'],
  ['a list', '["00"]'],
  ['a value that should be a digest', `{"a":"${'00'.repeat(65)}"}`],
])('%s as attributes is refused', (_what, text) => {
  const line = inventoryBytes([capable])
    .toString()
    .replace(/"xattrs":\{.*?\}/, `"xattrs":${text}`)
  expect(() => parseInventory(Buffer.from(line))).toThrow(expect.objectContaining({ code: 'format-invalid' }))
})

test('names that are no UTF-8 come back as the same bytes, in the order of these', () => {
  const names = [
    [0x61, 0xc3, 0xa9],
    [0x61, 0xc3],
    [0x61, 0xff],
    [0x61, 0x7a],
    [0x61, 0xc3, 0xa9, 0xff],
  ].map((bytes) => Buffer.from(bytes))
  const all = names.map((name): InventoryEntry => ({ ...capable, path: nameOf(name) }))
  const bytes = inventoryBytes(all)
  expect(bytes.toString()).toContain(String.raw`"path":"a\u0000ff"`)
  const back = parseInventory(bytes).map(({ path }) => nameBytes(path).toString('hex'))
  expect(back).toEqual(names.sort(Buffer.compare).map((name) => name.toString('hex')))
})

test.each([String.raw`a\u0000`, String.raw`a\u000061`, String.raw`a\u0000FF`, String.raw`\u0000c3\u0000a9`])(
  'the path %s is no name',
  (text) => {
    const line = inventoryBytes([capable]).toString().replace('bin/ping', text)
    expect(() => parseInventory(Buffer.from(line))).toThrow(expect.objectContaining({ code: 'format-invalid' }))
  },
)

test('differences name the fields', () => {
  const [dir, file, link, device] = entries as [InventoryEntry, InventoryEntry, InventoryEntry, InventoryEntry]
  const changed = { ...file, sha256: sha256('y') as Digest, mode: 0o755 }
  const added = { ...file, path: 'z' }
  expect(compareInventories([dir, file, link, device], [dir, changed, device, added])).toEqual({
    added: [added],
    removed: [link],
    changed: [{ path: 'a/b', fields: ['sha256', 'mode'], before: file, after: changed }],
  })
  expect(compareInventories(entries, entries)).toEqual({ added: [], removed: [], changed: [] })
})

test('a line is the RFC 8785 form of its entry, whatever stands in it', () => {
  const odd: InventoryEntry[] = [
    ...entries,
    capable,
    { path: 'q"\\\u0001\u2028é😀', type: 'symlink', ...base, size: 0, link: 'x"\\\n' },
    { path: nameOf(Buffer.from([0x78, 0xff])), type: 'fifo', mode: 0o7777, uid: 2 ** 32 - 2, gid: 2 ** 52, size: 0 },
  ]
  for (const entry of odd) {
    expect(inventoryBytes([entry]).toString()).toBe(`${jcsText(entry)}\n`)
    expect(parseInventory(inventoryBytes([entry]))).toEqual([entry])
  }
  expect(() => inventoryBytes([{ ...(entries[0] as InventoryEntry), path: '\ud800' }])).toThrow('lone surrogate')
  expect(() => inventoryBytes([{ ...(entries[0] as InventoryEntry), size: 0.5 }])).toThrow('safe integer')
})

test.each<[string, Buffer]>([
  ['a byte that is not UTF-8', Buffer.from(`${lines[0].replace('"a"', '"a\xff"')}\n`, 'latin1')],
  ['a member twice', Buffer.from(`${lines[0].replace('"gid":0', '"gid":0,"gid":0')}\n`)],
  ['an escape that need not be', Buffer.from(`${lines[0].replace('"a"', '"\\u0061"')}\n`)],
  ['a link that is a number', Buffer.from(`${lines[2].replace('"link":"b"', '"link":7')}\n`)],
  ['a number with an exponent', Buffer.from(`${lines[0].replace('"uid":0', '"uid":1e1')}\n`)],
])('a line with %s is refused', (_what, bytes) => {
  expect(() => parseInventory(bytes)).toThrow(expect.objectContaining({ code: 'format-invalid' }))
})
