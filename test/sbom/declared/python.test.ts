import { declared, packageOf, purls } from '../catalog.ts'

const hash = `sha256:${'ab'.repeat(32)}`
const sums = [{ algorithm: 'SHA-256', value: 'ab'.repeat(32) }]
const other = `sha256:${'cd'.repeat(32)}`

test('requirements: what is pinned has a version, what is not has none; options are no packages', async () => {
  const found = await declared(
    'requirements-dev.txt',
    [
      '# a comment',
      '-r other.txt',
      '--index-url https://x',
      '-e git+https://user:secret@git.example/a/b.git@abc#egg=From_Git',
      '-e .#egg=here',
      `A.b==1.0 \\`,
      `    --hash=${hash}  # why`,
      `two[extra, x] === 2!2.0+x ; python_version < "3" --hash=${hash} --hash=${other}`,
      'range>=1,<2',
      'wild==1.*',
      'plain',
      'at @ git+https://git.example/c@v1',
      'https://x.example/whl-3.0-py3-none-any.whl#sha256=00',
      '',
    ].join('\r\n'),
  )
  expect(purls(found)).toEqual([
    'pkg:pypi/a-b@1.0',
    'pkg:pypi/at?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fc%40v1',
    'pkg:pypi/from-git?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fa%2Fb.git%40abc',
    'pkg:pypi/here',
    'pkg:pypi/plain',
    'pkg:pypi/range',
    'pkg:pypi/two@2%212.0%2Bx',
    'pkg:pypi/whl@3.0',
    'pkg:pypi/wild',
  ])
  expect(packageOf(found, 'pkg:pypi/a-b@1.0').checksums).toEqual(sums)
  // Of two archives nobody says which one is installed.
  expect(packageOf(found, 'pkg:pypi/two@2%212.0%2Bx').checksums).toBeUndefined()
  expect(found.gaps).toEqual([])
})

test('a line that is no requirement is a gap beside the others', async () => {
  const found = await declared('requirements.txt', 'a==1\n==2.0\n')
  expect(purls(found)).toEqual(['pkg:pypi/a@1'])
  expect(found.gaps).toMatchObject([{ kind: 'pypi', why: 'the entry "==2.0": not a requirement' }])
})

test('poetry.lock, before and after the archives moved to their package', async () => {
  const found = await declared(
    'poetry.lock',
    `[[package]]
name = "A_b"
version = "1.0"
category = "main"
[package.dependencies]
c = { version = ">=2", optional = true }
"d.e" = "*"
[[package]]
name = "c"
version = "2.0"
category = "dev"
files = [{ file = "c.whl", hash = "${hash}" }]
[[package]]
name = "d-e"
version = "3.0"
optional = true
groups = ["main"]
files = [{ file = "d.whl", hash = "${hash}" }, { file = "d.tar.gz", hash = "${other}" }]
[package.source]
type = "git"
url = "https://git.example/d"
resolved_reference = "abc"
[metadata.files]
A_b = [{ file = "a.whl", hash = "${hash}" }]
`,
  )
  expect(found.packages).toMatchObject([
    { purl: 'pkg:pypi/a-b@1.0', checksums: sums, dependsOn: ['pkg:pypi/c@2.0', found.packages[2]?.purl] },
    { purl: 'pkg:pypi/c@2.0', checksums: sums, scope: 'development' },
    {
      purl: 'pkg:pypi/d-e@3.0?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fd%40abc',
      checksums: undefined,
      scope: 'optional',
    },
  ])
})

test('uv.lock: what only the development groups of the project reach', async () => {
  const lock = `version = 1
[[package]]
name = "app"
source = { virtual = "." }
dependencies = [{ name = "a" }]
[package.optional-dependencies]
x = [{ name = "o" }]
[package.dev-dependencies]
dev = [{ name = "d" }]
[[package]]
name = "a"
version = "1.0"
source = { registry = "https://pypi.org/simple" }
wheels = [{ url = "https://x/a.whl", hash = "${hash}" }]
[[package]]
name = "d"
version = "2.0"
source = { git = "https://git.example/d?rev=main#abc" }
dependencies = [{ name = "a" }]
[[package]]
name = "o"
version = "3.0"
`
  const found = await declared('uv.lock', lock)
  const [a, app, d, o] = found.packages
  expect([a, app, d, o].map((one) => one?.purl)).toEqual([
    'pkg:pypi/a@1.0',
    'pkg:pypi/app',
    'pkg:pypi/d@2.0?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fd%40abc',
    'pkg:pypi/o@3.0',
  ])
  expect(app?.dependsOn).toEqual([a?.purl, d?.purl, o?.purl])
  expect([a, d, o].map((one) => one?.scope)).toEqual([undefined, 'development', undefined])
  expect(a?.checksums).toEqual(sums)
  expect(purls(await declared('script.py.lock', lock))).toEqual(purls(found))
})

test('pdm.lock: a package with extras stands there twice', async () => {
  const found = await declared(
    'pdm.lock',
    `[[package]]
name = "a"
version = "1.0"
groups = ["test"]
files = [{ file = "a.whl", hash = "${hash}" }]
[[package]]
name = "a"
version = "1.0"
extras = ["x"]
groups = ["default"]
dependencies = ["b>=2; python_version > '3'", "c; extra == 'y'"]
[[package]]
name = "b"
version = "2.0"
groups = ["test"]
[[package]]
name = "c"
version = "3.0"
`,
  )
  expect(found.packages).toMatchObject([
    { purl: 'pkg:pypi/a@1.0', dependsOn: ['pkg:pypi/b@2.0'], checksums: sums },
    { purl: 'pkg:pypi/b@2.0', scope: 'optional' },
    { purl: 'pkg:pypi/c@3.0' },
  ])
  expect(found.packages[0]?.scope).toBeUndefined()
})

test('Pipfile.lock and setup.py', async () => {
  const found = await declared(
    'Pipfile.lock',
    JSON.stringify({
      _meta: {},
      default: { a: { version: '==1.0', hashes: [hash] }, g: { git: 'https://git.example/g', ref: 'abc' } },
      develop: { d: { version: '==2.0' } },
      docs: { e: { version: '==3.0' } },
    }),
  )
  expect(found.packages).toMatchObject([
    { purl: 'pkg:pypi/a@1.0', checksums: sums },
    { purl: 'pkg:pypi/d@2.0', scope: 'development' },
    { purl: 'pkg:pypi/e@3.0', scope: 'optional' },
    { purl: 'pkg:pypi/g?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fg%40abc' },
  ])
  const setup = await declared(
    'setup.py',
    'setup(install_requires=["a==1.0", \' b == 2.0;x\', "c>=3"] + """\nd==4.0\n""".split())\nif x == 1: y',
  )
  expect(purls(setup)).toEqual(['pkg:pypi/a@1.0', 'pkg:pypi/b@2.0', 'pkg:pypi/d@4.0'])
})

test.each([
  ['poetry.lock', 'x = 1'],
  ['poetry.lock', '[[package]]\nname = "a"\nname = "b"\n'],
  ['poetry.lock', '[[package]]\nversion = "1"\n'],
  ['uv.lock', '[[package]]\nname = "a"\nversion = 1\n'],
  ['uv.lock', '['],
  ['pdm.lock', '[[package]]\nname = ""\n'],
  ['Pipfile.lock', '{}'],
  ['Pipfile.lock', '{"_meta":{},"default":[]}'],
])('a damaged %s is a gap: %s', async (path, text) => {
  const found = await declared(path, text)
  expect(found.packages).toEqual([])
  expect(found.gaps).toMatchObject([{ path, kind: 'pypi', reason: 'unreadable' }])
})
