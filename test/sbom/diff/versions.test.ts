import { compareVersions } from '../../../src/sbom/diff/versions/index.ts'

/** Each line in ascending order; `=` joins what is equal. */
const ascending: [string, string][] = [
  ['deb', '1.0~~ 1.0~ 1.0 1.0-1 1.0-1+b1 1.0-1.1 1.0-2 1.0a 1.0+dfsg 1.0.1 1.2 1.10 1:0.1 2:0'],
  ['deb', '0:1.0-1=1.0-1 1.00001-1=1.1-1'],
  ['rpm', '1.0~rc1 1.0 1.0^git1 1.0a 1.0.1'],
  ['rpm', '1.0-1 1.0-1.el9 1.0-2.el9 1.0-10.el9 1.1-1 1:0.5-1'],
  ['rpm', '1.0.0=1_0_0 1.001=1.1'],
  ['alpm', '1.0-1 1.0-2 1:0.9-1'],
  ['apk', '1.2_alpha1 1.2_alpha2 1.2_beta 1.2_pre 1.2_rc1 1.2 1.2-r1 1.2-r10 1.2_p1 1.2a 1.2.1 1.10'],
  ['apk', '1.01 1.1 1.2.3-r0=1.2.3'],
  ['npm', '1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 1.10.0 2.0.0'],
  ['npm', '1.0.0+a=1.0.0+b 1.0.1'],
  ['golang', 'v0.0.0-20200101000000-abc v0.0.0-20210101000000-abc v1.0.0+incompatible=v1.0.0 v1.1.0'],
  ['nuget', '1.0.0=1.0 1.0.0.1 1.0.1-beta 1.0.1'],
  ['gem', '1.0.0.rc1 1.0.0'],
  ['pypi', '1.0.dev1 1.0a1.dev1 1.0a1 1.0a2 1.0b1 1.0rc1 1.0 1.0+local.1 1.0.post1.dev1 1.0.post1 1.1 1!0.1'],
  ['pypi', '1.0=1.0.0=v1.0 1.0-1=1.0.post1 1.1alpha1=1.1a1 1.1c1=1.1rc1'],
  [
    'maven',
    '1-alpha-1=1-a1 1-beta 1-milestone 1-rc=1-cr 1-SNAPSHOT 1=1.0=1.0.0=1-ga=1.0.Final 1-sp 1-x 1-1 1.1 1.2 1.10',
  ],
  ['maven', '1.0.0-jre 1.0.1'],
]

test.each(ascending)('%s: %s', (type, line) => {
  const groups = line.split(' ').map((group) => group.split('='))
  for (const [i, group] of groups.entries()) {
    for (const one of group) {
      for (const equal of group) expect([one, equal, compareVersions(type, one, equal)]).toEqual([one, equal, 0])
      for (const later of groups.slice(i + 1).flat()) {
        if (group.includes(later)) continue
        expect([one, later, compareVersions(type, one, later)]).toEqual([one, later, -1])
        expect([later, one, compareVersions(type, later, one)]).toEqual([later, one, 1])
      }
    }
  }
})

test.each([
  ['deb', 'a b', '1'],
  ['rpm', '', '1'],
  ['apk', 'x', '1'],
  ['apk', '1_what', '1'],
  ['npm', 'latest', '1.0.0'],
  ['pypi', '1.0-what', '1.0'],
  ['nix', '1', '2'],
  ['constructor', '1', '2'],
])('%s has no order for %j and %j', (type, a, b) => {
  expect(compareVersions(type, a, b)).toBeNull()
})
