import type { Exception, Reason } from './types.ts'

/** Rows of language packages, grouped by fixture. */
const groups: readonly {
  side: Exception['side']
  reason: Reason
  ecosystem: string
  fixture: string
  packages: readonly string[]
}[] = [
  // Development dependencies of these formats are left out by syft; we list them with their scope.
  { side: 'extra', reason: 'syft-misses', ecosystem: 'javascript', fixture: 'pkg-lock', packages: ['npm async@3.2.4'] },
  {
    side: 'extra',
    reason: 'syft-misses',
    ecosystem: 'javascript',
    fixture: 'pnpm',
    packages: ['npm @bcoe/v8-coverage@0.2.3'],
  },
  {
    side: 'extra',
    reason: 'syft-misses',
    ecosystem: 'php',
    fixture: 'composer.lock',
    packages: ['composer behat/gherkin@v4.6.2', 'composer codeception/codeception@4.1.6'],
  },
  {
    side: 'extra',
    reason: 'syft-misses',
    ecosystem: 'python',
    fixture: 'pipfile-lock',
    packages: ['pypi astroid@2.5.2', 'pypi autopep8@1.5.6'],
  },
  {
    side: 'extra',
    reason: 'syft-misses',
    ecosystem: 'java',
    fixture: 'pom',
    packages: ['maven junit/junit@4.12', 'maven org.junit.jupiter/junit-jupiter@'],
  },
  // Requirements without one version: listed, with an unknown version.
  {
    side: 'extra',
    reason: 'syft-misses',
    ecosystem: 'python',
    fixture: 'requires',
    packages: [
      'pypi bar@',
      'pypi coverage@',
      'pypi mopidy-dirble@',
      'pypi numpy@',
      'pypi numpynew@',
      'pypi requests@',
      'pypi sqlalchemy@',
    ],
  },
  {
    side: 'extra',
    reason: 'syft-misses',
    ecosystem: 'cpp',
    fixture: 'vcpkg',
    packages: ['vcpkg fmt@', 'vcpkg vcpkg-sample-library@'],
  },
  // A package from a repository.
  {
    side: 'extra',
    reason: 'syft-misses',
    ecosystem: 'haskell',
    fixture: 'stack.yaml.lock',
    packages: ['hackage kore@0.60.0.0'],
  },
  // Part of the SDK: the lock file has a placeholder for its version, and syft takes the least one that the project accepts.
  {
    side: 'missing',
    reason: 'other-version',
    ecosystem: 'dart',
    fixture: 'pubspec_locks',
    packages: ['pub flutter@3.24.5'],
  },
  { side: 'extra', reason: 'other-version', ecosystem: 'dart', fixture: 'pubspec_locks', packages: ['pub flutter@'] },
  { side: 'extra', reason: 'syft-misses', ecosystem: 'dart', fixture: 'invalid-sdk', packages: ['pub flutter@'] },
  { side: 'extra', reason: 'syft-misses', ecosystem: 'dart', fixture: 'missing-sdk', packages: ['pub flutter@'] },
  // The project itself: its key is another than the name that it is resolved to.
  {
    side: 'missing',
    reason: 'other-name',
    ecosystem: 'javascript',
    fixture: 'yarn-berry',
    packages: ['npm c0n-fab_u.laTION@7.7.7'],
  },
  {
    side: 'extra',
    reason: 'other-name',
    ecosystem: 'javascript',
    fixture: 'yarn-berry',
    packages: ['npm newtest@7.7.7'],
  },
]

export const languageExceptions: readonly Exception[] = groups.flatMap(({ packages, ...rest }) =>
  packages.map((found) => ({ ...rest, package: found })),
)
