import { createHash } from 'node:crypto'
import { catalog, packageOf, purls } from '../catalog.ts'

const site = 'usr/lib/python3.12/site-packages'
const metadata = (name: string, version: string, ...more: string[]): string =>
  ['Metadata-Version: 2.1', `Name: ${name}`, `Version: ${version}`, ...more, '', 'Name: of the description'].join('\n')
const sum = (text: string): string => `sha256=${createHash('sha256').update(text).digest('base64url')}`

describe('python', () => {
  test('wheels and eggs in every form, with edges, licences, suppliers and origins', async () => {
    const found = await catalog({
      [`${site}/Flask_Login-1.0.dist-info/METADATA`]: metadata(
        'Flask_Login',
        '1.0',
        'Author-email: "Ann, B." <ann@b.example>, Bob <bob@b.example>',
        'License-Expression: MIT',
        'Project-URL: Homepage, https://b.example',
        'Requires-Dist: zope.interface (>=1) ; python_version > "3"',
        "Requires-Dist: six ; extra == 'test'",
        'Requires-Dist: missing',
      ),
      [`${site}/Flask_Login-1.0.dist-info/INSTALLER`]: 'pip\n',
      [`${site}/Flask_Login-1.0.dist-info/direct_url.json`]: JSON.stringify({
        url: 'https://user:secret@git.example/a/b.git',
        vcs_info: { vcs: 'git', commit_id: 'abc' },
      }),
      [`${site}/zope.interface-2.0.egg-info`]: metadata(
        'zope.interface',
        '2.0',
        'License: ZPL 2.1',
        'Classifier: License :: OSI Approved :: Zope Public License',
      ),
      [`${site}/six.egg-info/PKG-INFO`]: metadata(
        'six',
        '3.0',
        'Author: Ann',
        'License: UNKNOWN',
        'Classifier: License :: OSI Approved :: MIT License',
      ),
      [`${site}/six.egg-info/requires.txt`]: 'zope-interface\n[:python_version<"3"]\nflask.login>1\n[test]\nmissing\n',
      [`${site}/e-4.0-py3.12.egg/EGG-INFO/PKG-INFO`]: metadata('e', '4.0'),
      [`${site}/local.dist-info/METADATA`]: metadata('local', '5.0'),
      [`${site}/local.dist-info/direct_url.json`]: '{"url":"file:///src","dir_info":{"editable":true}}',
      'opt/python2.7/lib/Python-2.7.egg-info': metadata('Python', '2.7'),
    })
    expect(purls(found)).toEqual([
      'pkg:pypi/e@4.0',
      'pkg:pypi/flask-login@1.0?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fa%2Fb.git%40abc',
      'pkg:pypi/local@5.0',
      'pkg:pypi/six@3.0',
      'pkg:pypi/zope-interface@2.0',
    ])
    expect(found.packages[1]).toMatchObject({
      name: 'flask-login',
      licence: 'MIT',
      supplier: { kind: 'person', name: 'Ann, B.', email: 'ann@b.example' },
      homepage: 'https://b.example',
      dependsOn: ['pkg:pypi/zope-interface@2.0'],
      properties: [['python:installer', 'pip']],
    })
    expect(found.packages[2]).toMatchObject({ properties: [['python:editable', 'true']] })
    expect(packageOf(found, 'pkg:pypi/six@3.0')).toMatchObject({
      licence: 'MIT',
      dependsOn: [found.packages[1]?.purl, 'pkg:pypi/zope-interface@2.0'],
    })
    expect(packageOf(found, 'pkg:pypi/zope-interface@2.0')).toMatchObject({ licence: null, licenceText: 'ZPL 2.1' })
    expect(found.gaps).toEqual([])
  })

  test('files of RECORD are owned with their sums; a changed one is reported', async () => {
    const found = await catalog({
      [`${site}/a-1.dist-info/METADATA`]: metadata('a', '1'),
      [`${site}/a-1.dist-info/RECORD`]: [
        `a/one.py,${sum('one')},3`,
        `"a/t,wo.py",${sum('two')},3`,
        `../../../bin/a,${sum('run')},3`,
        `/opt/a.cfg,,`,
        `../../../../../../etc/passwd,${sum('x')},1`,
        'a-1.dist-info/METADATA,,',
        'a-1.dist-info/RECORD,,',
        '',
      ].join('\r\n'),
      [`${site}/a/one.py`]: 'one',
      [`${site}/a/t,wo.py`]: 'two!',
      'usr/bin/a': { text: 'run', mode: 0o755 },
      'opt/a.cfg': '',
      'etc/passwd': 'y',
      [`${site}/a/extra.so`]: '\x7fELF',
    })
    expect(found.coverage).toMatchObject({
      unattributed: 3,
      executables: [`${site}/a/extra.so`],
      checked: 3,
      findings: [{ path: `${site}/a/t,wo.py`, purl: 'pkg:pypi/a@1', kind: 'modified' }],
    })
  })

  test('installed-files.txt, and without any list the modules that it names', async () => {
    const found = await catalog({
      [`${site}/a.egg-info/PKG-INFO`]: metadata('a', '1'),
      [`${site}/a.egg-info/installed-files.txt`]: '../a/one.py\n../../../../bin/a\nPKG-INFO\n',
      [`${site}/a/one.py`]: 'one',
      [`${site}/a/other.py`]: 'other',
      'usr/bin/a': 'run',
      [`${site}/b.egg-info/PKG-INFO`]: metadata('b', '1'),
      [`${site}/b.egg-info/top_level.txt`]: 'b\n..\n/\n',
      [`${site}/b/`]: { type: 'dir' },
      [`${site}/b/one.py`]: 'one',
      [`${site}/stray.py`]: 'stray',
    })
    // `bin/a` as well: the list of an egg has no sum by which a program could be told from another one.
    expect(found.coverage.unattributed).toBe(3)
  })

  test('a distribution of a system package belongs to it, also where it brings a list of its own', async () => {
    const found = await catalog({
      'var/lib/dpkg/status': 'Package: python3-a\nStatus: install ok installed\nVersion: 1-2\nArchitecture: all\n',
      'var/lib/dpkg/info/python3-a.list': `/${site}/a-1.dist-info/METADATA\n/${site}/a-1.dist-info/RECORD\n`,
      [`${site}/a-1.dist-info/METADATA`]: metadata('a', '1'),
      [`${site}/a-1.dist-info/RECORD`]: 'a-1.dist-info/METADATA,,\n',
      [`${site}/b-1.dist-info/METADATA`]: metadata('b', '1'),
    })
    expect(packageOf(found, 'pkg:pypi/a@1').ownedBy).toBe('pkg:deb/debian/python3-a@1-2?arch=all')
    expect(packageOf(found, 'pkg:pypi/b@1').ownedBy).toBeNull()
  })

  test.each([
    ['no name', 'Metadata-Version: 2.1\nVersion: 1\n', /expected a name/],
    ['two names', 'Name: a\nName: b\nVersion: 1\n', /"name" has two values/],
    ['an empty file', '', /expected a name/],
  ])('%s is a gap', async (_what, text, why) => {
    const found = await catalog({ [`${site}/a-1.dist-info/METADATA`]: text })
    expect(found.packages).toEqual([])
    expect(found.gaps).toMatchObject([
      { kind: 'pypi', reason: 'unreadable', why: expect.stringMatching(why) as string },
    ])
  })

  test('no version is unknown; a damaged list of files is a gap beside the package', async () => {
    const found = await catalog({
      [`${site}/a.dist-info/METADATA`]: 'Name: a\n',
      [`${site}/a.dist-info/RECORD`]: '"a\n',
      [`${site}/b.dist-info/direct_url.json`]: '[]',
      'src/PKG-INFO': metadata('source', '1'),
      'src/METADATA': metadata('source', '1'),
    })
    expect(found.packages).toMatchObject([{ purl: 'pkg:pypi/a', version: null }])
    expect(found.gaps.map(({ path }) => path)).toEqual([
      `${site}/a.dist-info/RECORD`,
      `${site}/b.dist-info/direct_url.json`,
    ])
  })
})
