import { declaredCatalogers } from '../../../src/sbom/catalogers/declared/index.ts'
import { Collector } from '../../../src/sbom/collect.ts'
import type { Gap } from '../../../src/sbom/model.ts'
import { FileTree } from '../../../src/sbom/tree.ts'
import { catalog } from '../catalog.ts'
import { damagedFiles, singleFiles } from './damaged-entries.ts'

test('every cataloger of lock files is in the tables', () => {
  const tested = [...damagedFiles.map(({ cataloger }) => cataloger), ...singleFiles.map(([cataloger]) => cataloger)]
  expect([...new Set(tested)].sort()).toEqual(declaredCatalogers.map(({ name }) => name).sort())
})

const context = { os: null, tree: new FileTree([]) }

/** What all catalogers of lock files make of one file. */
function read(path: string, text: string): { purls: string[]; gaps: Gap[] } {
  const collector = new Collector(declaredCatalogers)
  const content = Buffer.from(text)
  const numbers = { size: content.length, mode: 0o644, uid: 0, gid: 0, mtime: 0, devMajor: 0, devMinor: 0 }
  collector.file({ path, type: 'file', uname: '', gname: '', link: '', xattrs: {}, ...numbers }, content)
  const results = collector.finish(context)
  return {
    purls: [...new Set(results.flatMap(({ result }) => result.packages.map(({ purl }) => purl)))],
    gaps: results.flatMap(({ gaps }) => gaps),
  }
}

describe.each(damagedFiles.map((file) => [`${file.cataloger}, ${file.path}`, file] as const))('%s', (_name, file) => {
  const sound = read(file.path, file.text(file.good))

  test('a sound file has both packages and no gap', () => {
    expect(sound.gaps).toEqual([])
    expect(sound.purls).toEqual(expect.arrayContaining([...file.purls]))
  })

  test.each(file.bad)('%j costs its own entry alone', (b, named) => {
    const found = read(file.path, file.text(b))
    expect(found.purls).toEqual(sound.purls.filter((purl) => purl !== file.purls[1]))
    expect(found.gaps).toEqual([
      expect.objectContaining({ path: file.path, reason: 'unreadable', why: expect.stringContaining('entry') }),
    ])
    expect(found.gaps[0]?.why).toContain(JSON.stringify(named).slice(0, -1))
  })
})

test.each(singleFiles.flatMap(([cataloger, path, , bad]) => bad.map((text) => [cataloger, text, path] as const)))(
  '%s: a file that is damaged as a whole (%j) is a gap',
  (_cataloger, text, path) => {
    const found = read(path, text)
    expect(found.purls).toEqual([])
    expect(found.gaps).toMatchObject([{ path }])
  },
)

test.each(
  singleFiles.filter(([, , good]) => good !== '').map(([cataloger, path, good]) => [cataloger, path, good] as const),
)('%s: a sound file has one package and no gap', (_cataloger, path, good) => {
  expect(read(path, good)).toMatchObject({ purls: [expect.any(String)], gaps: [] })
})

test('a damaged line of a go.sum costs its own digest alone', async () => {
  const sum = `h1:${Buffer.alloc(32, 1).toString('base64')}`
  const found = await catalog(
    {
      'go.mod': 'module m\nrequire a.example/a v1.0.0\nrequire b.example/b v2.0.0\n',
      'go.sum': `a.example/a v1.0.0 ${sum}\nb.example/b v2.0.0\n`,
    },
    'source',
  )
  expect(found.packages.map(({ purl, checksums }) => [purl, checksums?.length ?? 0])).toEqual([
    ['pkg:golang/a.example/a@v1.0.0', 1],
    ['pkg:golang/b.example/b@v2.0.0', 0],
  ])
  expect(found.gaps).toMatchObject([{ path: 'go.sum', why: expect.stringContaining('line 2') }])
})

test('many damaged entries are one gap with their number', () => {
  const packages = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`node_modules/x${i}`, i]))
  const found = read('package-lock.json', JSON.stringify({ lockfileVersion: 3, packages }))
  expect(found.gaps.map(({ why }) => why)).toEqual([
    '1000 entries cannot be read, first "node_modules/x0": expected an object, found a value of type number',
  ])
})
