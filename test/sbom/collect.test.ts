import { VerificationError } from '../../src/base/errors.ts'
import { passImage } from '../../src/image/pass.ts'
import type { Cataloger } from '../../src/sbom/cataloger.ts'
import { Collector } from '../../src/sbom/collect.ts'
import { FileTree } from '../../src/sbom/tree.ts'
import { makeImage, type Short } from '../image/make-image.ts'

const text: Cataloger<string> = {
  name: 'text',
  kind: 'text',
  finds: 'installed',
  match: { names: ['list'], extensions: ['txt'], magics: [0x7f454c46] },
  folders: ['var/lib/text'],
  wants: () => 10,
  read: ({ path }, content) => {
    if (content.toString() === 'bad') throw new Error('holds no text')
    return content.length === 0 ? null : `${path}=${content.toString('latin1')}`
  },
  finish: (facts) => ({
    packages: [],
    owned: [...facts].map(([path, fact]) => ({ path, purl: fact })),
  }),
}

async function run(
  layers: Short[][],
  ...catalogers: Cataloger<string>[]
): Promise<{ facts: string[]; gaps: object[] }> {
  const { store, image } = await makeImage(layers)
  const collector = new Collector(catalogers.length === 0 ? [text] : catalogers)
  const { inventory } = await passImage(store, image, [collector])
  const [only] = collector.finish({ os: null, tree: new FileTree(inventory) })
  return { facts: (only?.result.owned ?? []).map(({ purl }) => purl), gaps: only?.gaps ?? [] }
}

describe('Collector', () => {
  test('a fault at the end of one cataloger costs its files; an unreadable database ends the description', async () => {
    const faulty = (error: Error): Cataloger<string> => ({
      ...text,
      finish: () => {
        throw error
      },
    })
    const files = [[{ path: 'list', text: 'a' }]]
    expect(await run(files, faulty(new TypeError('no such thing')))).toEqual({
      facts: [],
      gaps: [{ path: 'list', kind: 'text', reason: 'unreadable', why: 'no such thing' }],
    })
    const damaged = new VerificationError('format-invalid', 'the database is cut short')
    await expect(run(files, faulty(damaged))).rejects.toThrow('cut short')
  })

  test.each<[string, Short[], string | null, string?]>([
    ['a link to nothing', [{ path: 'var/lib/text/list', link: 'none' }], 'a link to "none"'],
    ['a link to a folder', [{ path: 'var/lib/text/list', link: '/etc' }, { path: 'etc/' }], 'a link to "/etc"'],
    ['a link to itself', [{ path: 'var/lib/text/list', link: 'list' }], 'a link to "list"'],
    ['a folder', [{ path: 'var/lib/text/list/' }], 'the type dir'],
    [
      'a folder that is a link to nothing',
      [{ path: 'var/lib/text', link: '../none' }],
      'a link to "../none"',
      'var/lib/text',
    ],
    [
      'a link to a file',
      [
        { path: 'var/lib/text/list', link: 'real' },
        { path: 'var/lib/text/real', text: 'a' },
      ],
      null,
    ],
    [
      'a linked folder',
      [
        { path: 'var/lib/text', link: '/usr/text' },
        { path: 'usr/text/list', text: 'a' },
      ],
      null,
    ],
    ['nothing', [{ path: 'var/lib/text/' }], null],
  ])('in the place of a system database: %s', async (_what, layer, found, path = 'var/lib/text/list') => {
    const { gaps } = await run([layer], { ...text, strict: true })
    const why = `expected a package database, found ${found}`
    expect(gaps).toEqual(found === null ? [] : [{ path, kind: 'text', reason: 'unreadable', why }])
    expect((await run([layer])).gaps).toEqual([])
  })

  test('files are found by name, by extension and by their first bytes; others are not read', async () => {
    const { facts } = await run([
      [
        { path: 'list', text: 'a' },
        { path: 'x/B.TXT', text: 'b' },
        { path: 'bin/tool', text: '\x7fELF1' },
        { path: 'bin/other', text: 'ELF\x7f' },
        { path: 'empty.txt', text: '' },
      ],
    ])
    expect(facts).toEqual(['bin/tool=\x7fELF1', 'list=a', 'x/B.TXT=b'])
  })

  test('a file that cannot be read, or is larger than what is read of it, is a gap and costs nothing else', async () => {
    const { facts, gaps } = await run([
      [
        { path: 'a.txt', text: 'bad' },
        { path: 'b.txt', text: 'fine' },
        { path: 'c.txt', text: 'eleven bytes' },
      ],
    ])
    expect(facts).toEqual(['b.txt=fine'])
    expect(gaps).toEqual([
      { path: 'a.txt', kind: 'text', reason: 'unreadable', why: 'holds no text' },
      { path: 'c.txt', kind: 'text', reason: 'too-large', why: 'the file has 12 bytes; at most 10 bytes are read' },
    ])
  })

  test('a damaged database of the system ends the description', async () => {
    const strict = { ...text, strict: true }
    await expect(run([[{ path: 'a.txt', text: 'bad' }]], strict)).rejects.toThrow('holds no text')
    await expect(run([[{ path: 'a.txt', text: 'eleven bytes' }]], strict)).rejects.toThrow(/a.txt has 12 bytes/)
  })

  test('a later entry of the layer and a whiteout of an upper one take facts and gaps away', async () => {
    const lower: Short[] = [
      { path: 'a.txt', text: 'bad' },
      { path: 'a.txt', text: 'new' },
      { path: 'b.txt', text: 'gone' },
    ]
    expect(await run([lower, [{ path: '.wh.b.txt' }]])).toEqual({ facts: ['a.txt=new'], gaps: [] })
  })

  test('hard links: read once where both names mean the same, again where the first name did not fit', async () => {
    const layers: Short[][] = [
      [
        { path: 'a.txt', text: 'one' },
        { path: 'b.txt', type: 'hardlink', link: 'a.txt' },
        { path: 'plain', text: 'two' },
        { path: 'c.txt', type: 'hardlink', link: 'plain' },
        { path: 'd', type: 'hardlink', link: 'a.txt' },
        { path: 'tool', text: '\x7fELF' },
        { path: 'tool2', type: 'hardlink', link: 'tool' },
        { path: 'x/tool', type: 'hardlink', link: 'tool' },
      ],
    ]
    const same = await run(layers, { ...text, sameAs: () => true })
    expect(same.facts).toEqual(['a.txt=one', 'a.txt=one', 'c.txt=two', ...Array<string>(3).fill('tool=\x7fELF')])
    const { facts } = await run(layers)
    expect(facts).toEqual(['a.txt=one', 'b.txt=one', 'c.txt=two', 'tool=\x7fELF', 'tool2=\x7fELF', 'tool=\x7fELF'])
  })

  test('files behind links are found by the name of the link, in files and in known folders', async () => {
    const { facts } = await run([
      [
        { path: 'data/one', text: 'one' },
        { path: 'list', link: 'data/one' },
        { path: 'store/db/list', text: 'x' },
        { path: 'store/db/part.txt', text: 'y' },
        { path: 'var/lib/text', link: '../../store/db' },
        { path: 'loop.txt', link: 'loop.txt' },
        { path: 'dead.txt', link: '/nowhere' },
      ],
    ])
    // What was read under its real name is not read again under the other.
    expect(facts).toEqual(['list=one', 'store/db/list=x', 'store/db/part.txt=y'])
  })
})

describe('names that are not read because there are too many', () => {
  const layer = (folder: string): Short[] => [
    { path: 'data/one', text: '123456789' },
    ...['a', 'b', 'c'].map((name) => ({ path: `${folder}${name}.txt`, link: '/data/one' })),
  ]
  const unread = async (cataloger: Cataloger<string>): Promise<object[]> => {
    const { store, image } = await makeImage([layer('')])
    const collector = new Collector([cataloger])
    const { inventory } = await passImage(store, image, [collector], { bounds: { otherNames: 10 } })
    return collector.finish({ os: null, tree: new FileTree(inventory) }).flatMap(({ gaps }) => gaps)
  }

  test('are one gap', async () => {
    const why =
      'the file is not read under this name, nor under 1 further name: contents under other names have more than 10 bytes together'
    expect(await unread(text)).toEqual([{ path: 'b.txt', kind: 'text', reason: 'too-large', why }])
  })

  test('end the description where a package database is among them', async () => {
    await expect(unread({ ...text, strict: true })).rejects.toMatchObject({
      code: 'format-invalid',
      subject: 'b.txt',
      message: expect.stringContaining('the package database b.txt is not read'),
    })
  })
})

describe('FileTree', () => {
  test('follows links of folders and files inside the root', async () => {
    const { store, image } = await makeImage([
      [
        { path: 'usr/bin/x', text: 'x' },
        { path: 'bin', link: '/usr/bin' },
        { path: 'usr/up', link: '../../../usr/./bin/' },
        { path: 'a', link: 'b' },
        { path: 'b', link: 'a' },
      ],
    ])
    const tree = new FileTree((await passImage(store, image, [])).inventory)
    expect(tree.resolve('bin/x')).toBe('usr/bin/x')
    expect(tree.resolve('/usr/up/x')).toBe('usr/bin/x')
    expect(tree.resolve('bin', true)).toBe('bin')
    expect(tree.resolve('a')).toBeNull()
    expect(tree.resolve('a/x')).toBeNull()
    expect(tree.resolve('bin/none')).toBeNull()
    expect(tree.resolve('/')).toBe('')
  })
})
