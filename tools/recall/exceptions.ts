import { languageExceptions } from './language-exceptions.ts'
import type { Exception } from './types.ts'

/** Rows that are on one side only and are right to be. Each needs a reason of the closed list. */
export const exceptions: readonly Exception[] = [
  {
    ecosystem: 'alpine',
    fixture: 'corrupt',
    package: 'apk alpine-baselayout-data@3.2.0-r22',
    side: 'missing',
    reason: 'damaged-database',
  },
  ...['glob-paths', 'image-dpkg'].map((fixture): Exception => ({
    ecosystem: 'debian',
    fixture,
    package: 'deb libpam-runtime@1.1.8-3.6',
    side: 'missing',
    // Without its last newline: dpkg-query refuses it as well.
    reason: 'damaged-database',
  })),
  ...['no-version@', 'tzdata@2020a-0+deb10u1', 'util-linux@2.33.1-0.1'].map((name): Exception => ({
    ecosystem: 'debian',
    fixture: 'var',
    package: `deb ${name}`,
    side: 'missing',
    // The file has a paragraph whose package has no name.
    reason: 'damaged-database',
  })),
  {
    ecosystem: 'homebrew',
    fixture: 'install-example',
    package: 'brew bar@4.5.6',
    side: 'missing',
    // A recipe in a tap, from which nothing was built.
    reason: 'not-installed',
  },
  ...languageExceptions,
]
