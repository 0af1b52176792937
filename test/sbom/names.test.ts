import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { PassOptions } from '../../src/image/layer-stream.ts'
import { passImage } from '../../src/image/pass.ts'
import type { PassReader } from '../../src/image/types.ts'
import type { Catalogue } from '../../src/sbom/model.ts'
import { sbomReaders } from '../../src/sbom/readers.ts'
import { compareUtf8 } from '../../src/tar/paths.ts'
import { passTree } from '../../src/sbom/subjects/tree/pass.ts'
import { entry, makeImage, type Short } from '../image/make-image.ts'

const program = join(import.meta.dirname, '../../testkit/threads-entry.ts')
const ways: [string, PassOptions][] = [
  ['without threads', {}],
  ['with threads', { threads: program, worth: { image: 0, layer: 0 } }],
]

async function catalogueOf(layers: Short[][], options: PassOptions): Promise<Catalogue> {
  const { store, image } = await makeImage(layers)
  const sbom = sbomReaders()
  const { inventory } = await passImage(store, image, sbom.readers, options)
  return sbom.finish(inventory)
}

const hardLink = (path: string, link: string): Short => ({ path, link, type: 'hardlink' })
const apk = 'P:tool\nV:1.0-r0\nA:x86_64\nL:MIT\n\n'
const dpkg = 'Package: tool\nStatus: install ok installed\nVersion: 1.0\nArchitecture: amd64\n'
const metadata = 'Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n'
const wheel = 'usr/lib/python3/dist-packages/tool-1.0.dist-info'

describe.each(ways)('a database that is another name of something else is read as what its name says, %s', (_, how) => {
  test.each<[string, Short, string, string]>([
    ['apk', { path: 'etc/apk/world', text: apk }, 'lib/apk/db/installed', '../../../etc/apk/world'],
    ['deb', { path: 'var/lib/dpkg/status.d/x.list', text: dpkg }, 'var/lib/dpkg/status', 'status.d/x.list'],
    ['pypi', { path: `${wheel}/top_level.txt`, text: metadata }, `${wheel}/METADATA`, 'top_level.txt'],
  ])('%s', async (kind, file, name, link) => {
    for (const other of [hardLink(name, file.path), { path: name, link }]) {
      const { packages } = await catalogueOf([[file, other]], how)
      expect(packages.map(({ type, version }) => `${type} ${version?.slice(0, 3)}`)).toEqual([`${kind} 1.0`])
    }
  })
})

const sum = createHash('md5').update('good').digest('hex')
const system: Short[] = [
  { path: 'var/lib/dpkg/status', text: dpkg },
  { path: 'var/lib/dpkg/info/tool.list', text: '/usr/bin/tool\n' },
  { path: 'var/lib/dpkg/info/tool.md5sums', text: `${sum}  usr/bin/tool\n` },
  { path: 'usr/bin/tool', text: 'good' },
]

describe.each(ways)('a packaged file is compared with its sum, %s', (_, how) => {
  test.each<[string, (text: string) => Short[][]]>([
    ['as a file', (text) => [[{ path: 'usr/bin/tool', text }]]],
    ['as another name of a file elsewhere', (text) => [[{ path: 'srv/x', text }, hardLink('usr/bin/tool', 'srv/x')]]],
    [
      'as another name of a hidden file',
      (text) => [
        [{ path: 'usr/bin/x', text }, hardLink('usr/bin/tool', 'usr/bin/x')],
        [{ path: 'usr/bin/.wh.x', text: '' }],
      ],
    ],
    [
      'in a layer that looks like another system',
      (text) => [
        [
          { path: 'etc/apk/x', text: 'x' },
          { path: 'usr/bin/tool', text },
        ],
      ],
    ],
  ])('%s', async (_name, layers) => {
    const bad = await catalogueOf([system, ...layers('evil')], how)
    expect(bad.coverage.findings).toEqual([expect.objectContaining({ path: 'usr/bin/tool', kind: 'modified' })])
    const good = await catalogueOf([system, ...layers('good')], how)
    expect(good.coverage).toMatchObject({ findings: [], checked: 1 })
    expect(good.gaps).toEqual([])
  })

  test.each<[string, Short[]]>([
    ['usr/bin/tool', [{ path: 'usr/bin', link: '../data/bin' }]],
    ['data/bin/tool', []],
    ['usr/local/bin/tool', [{ path: 'usr/local/bin', link: '../../data/bin' }]],
  ])('wherever it lies: listed as %s, stored as data/bin/tool', async (listed, links) => {
    const list = (text: string): Short[] => [
      ...system.slice(0, 1),
      { path: 'var/lib/dpkg/info/tool.md5sums', text: `${sum}  ${listed}\n` },
      ...links,
      { path: 'data/bin/tool', text },
    ]
    const bad = await catalogueOf([list('evil')], how)
    expect(bad.coverage).toMatchObject({ checked: 1, findings: [{ path: 'data/bin/tool', kind: 'modified' }] })
    const good = await catalogueOf([list('good')], how)
    expect(good.coverage).toMatchObject({ checked: 1, findings: [] })
    expect([...bad.gaps, ...good.gaps]).toEqual([])
  })

  test('in a folder that is read as a tree', async () => {
    const files = [
      ...system.slice(0, 1),
      { path: 'var/lib/dpkg/info/tool.md5sums', text: `${sum}  home/tool\n` },
      { path: 'home/tool', text: 'evil' },
    ]
    const folders = ['home', 'var', 'var/lib', 'var/lib/dpkg', 'var/lib/dpkg/info'].map((path) => `${path}/`)
    const entries = [...files, ...folders.map((path): Short => ({ path }))].map(entry)
    const sorted = entries.sort((a, b) => compareUtf8(a.header.path, b.header.path))
    const sbom = sbomReaders()
    const again = files.slice(-1).map(entry)
    const { inventory } = await passTree(
      {
        entries: async function* () {
          yield* sorted
        },
        again: async function* (paths) {
          for (const one of again) if (paths.has(one.header.path)) yield one
        },
        rest: () => ({ gaps: [], sockets: [] }),
      },
      sbom.readers,
    )
    expect(sbom.finish(inventory).coverage.findings).toMatchObject([{ path: 'home/tool', kind: 'modified' }])
  })
})

test.each<[string, Short[], string]>([
  [
    'apk',
    [
      {
        path: 'lib/apk/db/installed',
        text: `P:tool\nV:1\nA:x\nF:data\nR:tool\nZ:Q1${createHash('sha1').update('good').digest('base64')}\n\n`,
      },
    ],
    'pkg:apk/alpine/tool@1?arch=x',
  ],
  ['portage', [{ path: 'var/db/pkg/app/tool-1/CONTENTS', text: `obj /data/tool ${sum} 1\n` }], 'pkg:ebuild/app/tool@1'],
])('a file of %s is compared outside of its usual folders', async (_, database, purl) => {
  const { coverage, gaps } = await catalogueOf([[...database, { path: 'data/tool', text: 'evil' }]], {})
  expect(coverage).toMatchObject({ checked: 1, findings: [{ path: 'data/tool', kind: 'modified', purl }] })
  expect(gaps).toEqual([])
})

test('a content under many names is given once to a reader that takes over what it made of it', async () => {
  const names = Array.from({ length: 1000 }, (_, i) => `${i}/list`)
  const { store, image } = await makeImage([
    [{ path: 'x', text: 'content' }, ...names.map((name) => hardLink(name, 'x'))],
  ])
  const got: string[] = []
  const linked: string[] = []
  const reader: PassReader = {
    wants: ({ path }) => (path.endsWith('/list') ? 100 : 0),
    file: ({ path }, content) => void got.push(`${path} ${content.toString()}`),
    linked: (path, content) => content !== 'x' && linked.push(path) > 0,
  }
  await passImage(store, image, [reader])
  expect(got).toEqual(['0/list content'])
  expect(linked).toEqual(names.slice(1))
})
