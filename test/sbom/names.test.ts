import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { PassOptions } from '../../src/image/layer-stream.ts'
import { passImage } from '../../src/image/pass.ts'
import type { PassReader } from '../../src/image/types.ts'
import type { Catalogue } from '../../src/sbom/model.ts'
import { sbomReaders } from '../../src/sbom/readers.ts'
import { makeImage, type Short } from '../image/make-image.ts'

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

  test('where a link leads to it from elsewhere, its sum is not known and the SBOM says so', async () => {
    const moved: Short[] = [
      { path: 'usr/bin', link: '../srv/bin' },
      { path: 'srv/bin/tool', text: 'evil' },
    ]
    const { coverage, gaps } = await catalogueOf([system, moved], how)
    expect(coverage).toMatchObject({ findings: [], checked: 0 })
    expect(gaps).toEqual([
      {
        path: 'srv/bin/tool',
        kind: 'deb',
        reason: 'unsupported',
        why: 'the file was not compared with the sum that its package has of "usr/bin/tool"',
      },
    ])
  })
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
