import { createHash } from 'node:crypto'
import { isShared } from '../../../src/sbom/shared-folders.ts'
import { catalog, type Files } from '../catalog.ts'

const program = { text: '\x7fELF backdoor', mode: 0o755 }
const sum = createHash('sha256').update(program.text).digest()
const perl = 'usr/local/lib/x86_64-linux-gnu/perl/5.36.0'
const python = 'usr/lib/python3.12/site-packages'
const metadata = 'Metadata-Version: 2.1\nName: evil\nVersion: 1\n'
const serialized = (installed: string): string =>
  `a:3:{s:4:"name";s:4:"evil";s:7:"version";s:1:"1";s:8:"filelist";a:1:{s:1:"x";a:1:{s:12:"installed_as";s:${installed.length}:"${installed}";}}}`
const deps = JSON.stringify({
  runtimeTarget: { name: 'net8' },
  targets: { net8: { 'evil/1.0.0': { runtime: { backdoor: {}, 'usr/bin/backdoor': {} } } } },
  libraries: { 'evil/1.0.0': { type: 'package' } },
})
const conda = JSON.stringify({ name: 'evil', version: '1', files: ['bin/backdoor', 'usr/bin/backdoor'] })
const built = 'Package: evil\nVersion: 1\nBuilt: R 4.3.1; ; 2024-01-01; unix\n'
const application = '{application, evil, [{vsn, "1"}]}.\n'

/** Descriptions of packages, each of which claims a program that it did not bring. */
const claims: readonly (readonly [what: string, program: string, files: Files])[] = [
  ['a list of perl', 'usr/bin/backdoor', { [`${perl}/auto/Evil/.packlist`]: '/usr/bin/backdoor\n' }],
  [
    'a list of perl with a link on the way',
    'usr/bin/backdoor',
    {
      [`${perl}/Evil/up`]: { link: '/usr/bin' },
      [`${perl}/auto/Evil/.packlist`]: `/${perl}/Evil/up/backdoor\n`,
    },
  ],
  [
    'a list of perl beside its own folder',
    'usr/lib/x/backdoor',
    { [`${perl}/auto/Evil/.packlist`]: '/usr/lib/x/backdoor\n' },
  ],
  [
    'a list of perl for a module with the name of a folder',
    'usr/lib/jvm/bin/backdoor',
    {
      [`${perl}/auto/bin/.packlist`]: '/usr/lib/jvm/bin/backdoor\n',
    },
  ],
  [
    'a list of perl in a folder of the system',
    'usr/bin/Evil/backdoor',
    { 'usr/bin/auto/Evil/.packlist': '/usr/bin/Evil/backdoor\n' },
  ],
  [
    'a RECORD without a sum',
    'usr/bin/backdoor',
    {
      [`${python}/evil-1.dist-info/METADATA`]: metadata,
      [`${python}/evil-1.dist-info/RECORD`]: '../../../bin/backdoor,,\n',
    },
  ],
  [
    'a RECORD with a sum that is not compared',
    'usr/bin/backdoor',
    {
      [`${python}/evil-1.dist-info/METADATA`]: metadata,
      [`${python}/evil-1.dist-info/RECORD`]: `../../../bin/backdoor,md5=${createHash('md5').update('x').digest('base64url')},\n`,
    },
  ],
  [
    'a RECORD in the root',
    'usr/bin/backdoor',
    {
      'evil-1.dist-info/METADATA': metadata,
      'evil-1.dist-info/RECORD': 'usr/bin/backdoor,,\n',
    },
  ],
  [
    'the list of an egg',
    'usr/bin/backdoor',
    {
      [`${python}/evil.egg-info/PKG-INFO`]: metadata,
      [`${python}/evil.egg-info/installed-files.txt`]: '../../../../bin/backdoor\n',
    },
  ],
  [
    'an egg in the root whose module is called usr',
    'usr/bin/backdoor',
    {
      'evil.egg-info/PKG-INFO': metadata,
      'evil.egg-info/top_level.txt': 'usr\n',
    },
  ],
  [
    'an egg in /usr whose module is called bin',
    'usr/bin/backdoor',
    {
      'usr/evil.egg-info/PKG-INFO': metadata,
      'usr/evil.egg-info/top_level.txt': 'bin\n',
    },
  ],
  ['a record of PEAR', 'usr/bin/backdoor', { 'usr/local/lib/php/.registry/evil.reg': serialized('/usr/bin/backdoor') }],
  ['a record of PEAR in the root', 'usr/lib/x/backdoor', { '.registry/evil.reg': serialized('/usr/lib/x/backdoor') }],
  ['an environment of conda that is the root', 'usr/bin/backdoor', { 'conda-meta/evil.json': conda }],
  ['an environment of conda that is /usr', 'usr/bin/backdoor', { 'usr/conda-meta/evil.json': conda }],
  ['an environment of conda that is /usr/local', 'usr/local/bin/backdoor', { 'usr/local/conda-meta/evil.json': conda }],
  ['a deps.json among programs', 'usr/bin/backdoor', { 'usr/bin/app.deps.json': deps }],
  ['a deps.json in the root', 'usr/bin/backdoor', { 'app.deps.json': deps }],
  [
    'a package.json among programs',
    'usr/bin/backdoor',
    {
      'usr/bin/package.json': JSON.stringify({ name: 'evil', version: '1.0.0', bin: 'backdoor' }),
    },
  ],
  ['a package of R in a folder of another name', 'usr/bin/backdoor', { 'usr/bin/DESCRIPTION': built }],
  ['a package of R beside it', 'usr/lib/x/backdoor', { 'usr/lib/x/DESCRIPTION': built }],
  [
    'an application of Erlang in the folder of an architecture',
    'usr/lib/x86_64-linux-gnu/backdoor',
    {
      'usr/lib/x86_64-linux-gnu/ebin/evil.app': application,
    },
  ],
  [
    'an application of Erlang with another name than its folder',
    'usr/lib/x/backdoor',
    { 'usr/lib/x/ebin/evil.app': application },
  ],
  [
    'a rock that is called local',
    'usr/local/bin/backdoor',
    {
      'usr/local/bin/x.rockspec': 'package = "local"\nversion = "bin"\n',
    },
  ],
]

test.each(claims)('%s does not hide a program that it did not bring', async (_what, path, files) => {
  const { coverage, packages } = await catalog({ ...files, [path]: program })
  // The description is read: otherwise nothing would be claimed.
  expect(packages.length).toBeGreaterThan(0)
  expect(coverage.executables).toContain(path)
})

/** What installers of these packages put there. */
const honest: readonly (readonly [what: string, program: string, files: Files])[] = [
  [
    'a compiled module of perl',
    `${perl}/auto/Evil/Evil.so`,
    { [`${perl}/auto/Evil/.packlist`]: `/${perl}/auto/Evil/Evil.so\n` },
  ],
  [
    'a file of a module of perl',
    'usr/local/share/perl/5.36.0/Evil/tool',
    {
      [`${perl}/auto/Evil/.packlist`]: '/usr/local/share/perl/5.36.0/Evil/tool\n',
    },
  ],
  [
    'a program of a distribution of Python',
    'usr/bin/backdoor',
    {
      [`${python}/evil-1.dist-info/METADATA`]: metadata,
      [`${python}/evil-1.dist-info/RECORD`]: `../../../bin/backdoor,sha256=${sum.toString('base64url')},14\n`,
    },
  ],
  [
    'a compiled module of Python',
    `${python}/evil/x.so`,
    {
      [`${python}/evil-1.dist-info/METADATA`]: metadata,
      [`${python}/evil-1.dist-info/RECORD`]: 'evil/x.so,,\n',
    },
  ],
  ['a program of conda', 'opt/conda/bin/backdoor', { 'opt/conda/conda-meta/evil.json': conda }],
  [
    'an extension of PHP',
    'usr/lib/php/20220829/evil.so',
    {
      'usr/share/php/.registry/evil.reg': serialized('/usr/lib/php/20220829/evil.so'),
    },
  ],
  ['a package of R', 'usr/lib/R/library/evil/libs/x.so', { 'usr/lib/R/library/evil/DESCRIPTION': built }],
  ['an application of Erlang', 'usr/lib/evil-1/priv/x.so', { 'usr/lib/evil-1/ebin/evil.app': application }],
  ['a library of .NET', 'app/backdoor', { 'app/app.deps.json': deps }],
]

test.each(honest)('%s has an owner', async (_what, path, files) => {
  const { coverage } = await catalog({ ...files, [path]: program })
  expect(coverage.executables).toEqual([])
})

test.each<[string, boolean]>([
  ['', true],
  ['.', true],
  ['usr/local/bin', true],
  ['usr/lib/x86_64-linux-gnu', true],
  ['etc/cron.d', true],
  ['app', false],
  ['usr/lib/python3', false],
  ['opt/tool/bin', false],
])('the folder "%s" belongs to the whole system: %s', (folder, shared) => {
  expect(isShared(folder)).toBe(shared)
})
