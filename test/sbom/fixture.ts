import type { Short } from '../image/make-image.ts'

/** dpkg's status file with an installed, a removed and a depending package. */
export const status = `Package: libc6
Status: install ok installed
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>
Architecture: amd64
Source: glibc
Version: 2.41-12
Provides: libc-virtual (= 2)
Description: GNU C Library
 a second line
 .
Homepage: https://www.gnu.org/software/libc/libc.html

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: node-left
Status: install ok installed
Maintainer: Jane Doe <jane@example.org>
Architecture: all
Version: 1:1.0+ds-2
Source: left (1:1.0-1)
Depends: libc-virtual | other, libc6 (>= 2.3), nothing-here
`

export const osRelease = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n'

const manifest = (value: object): string => JSON.stringify(value)

/** A small Debian image with a Node application on it. */
export const debian: Short[] = [
  { path: 'bin', link: 'usr/bin' },
  { path: 'usr/lib/os-release', text: osRelease },
  { path: 'etc/os-release', link: '../usr/lib/os-release' },
  { path: 'usr/bin/tool', text: 'tool' },
  { path: 'var/lib/dpkg/status', text: status },
  { path: 'var/lib/dpkg/info/libc6:amd64.list', text: '/.\n/bin\n/bin/tool\n' },
  { path: 'var/lib/dpkg/info/node-left.list', text: '/usr/share/nodejs/left\n/usr/share/nodejs/left/package.json\n' },
  {
    path: 'usr/share/doc/libc6/copyright',
    text: 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: LGPL-2.1+\n\nFiles: b\nLicense: GPL-2+ or MIT\n',
  },
  { path: 'usr/share/nodejs/left/package.json', text: manifest({ name: 'left', version: '1.0.0', license: 'MIT' }) },
]

export const application: Short[] = [
  {
    path: 'app/package.json',
    text: manifest({
      name: 'app',
      version: '0.1.0',
      license: 'UNLICENSED',
      dependencies: { '@scope/a': '1', left: '1' },
    }),
  },
  {
    path: 'app/node_modules/@scope/a/package.json',
    text: manifest({
      name: '@scope/a',
      version: '1.2.3',
      license: '(MIT OR Apache-2.0)',
      author: 'A Person <a@example.org> (https://example.org)',
      homepage: 'https://example.org/a',
      dependencies: { b: '^2' },
    }),
  },
  {
    path: 'app/node_modules/@scope/a/node_modules/b/package.json',
    text: manifest({ name: 'b', version: '2.0.0', licenses: [{ type: 'BSD-2-Clause' }] }),
  },
  {
    path: 'app/node_modules/b/package.json',
    text: manifest({ name: 'b', version: '1.0.0', author: { name: 'B', email: 'b@example.org' } }),
  },
  { path: 'app/node_modules/b/esm/package.json', text: manifest({ type: 'module' }) },
  { path: 'app/node_modules/b/stray.bin', text: 'x' },
  { path: 'opt/stray', text: 'who put this here' },
]
