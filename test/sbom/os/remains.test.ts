import { bdb, rpmHeader } from '../../../testkit/sbom/make-rpm.ts'
import type { Short } from '../../image/make-image.ts'
import { catalogue } from './fixture.ts'

const file = (path: string, text = 'x'): Short => ({ path, text })
const status = 'Package: tool\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n'
const apk = 'P:tool\nV:1\nA:x\n\n'

async function gapsOf(...layers: Short[][]): Promise<string[]> {
  const { gaps } = await catalogue(...layers)
  return gaps.map(({ kind, path, why }) => `${kind} ${path}: ${why}`)
}

const missing = (kind: string, path: string, database: string): string =>
  `${kind} ${path}: the package database that this file belongs to is missing: expected "${database}"`

test.each<[string, string, string, string]>([
  ['apk', 'lib/apk/db/scripts.tar', 'lib/apk/db/installed', apk],
  ['apk', 'lib/apk/db/scripts.tar.gz', 'lib/apk/db/installed', apk],
  ['apk', 'usr/lib/apk/db/triggers', 'lib/apk/db/installed', apk],
  ['apk', 'etc/apk/world', 'lib/apk/db/installed', apk],
  ['deb', 'var/lib/dpkg/status-old', 'var/lib/dpkg/status', status],
  ['deb', 'var/lib/dpkg/diversions-old', 'var/lib/dpkg/status', status],
  ['deb', 'chroot/var/lib/dpkg/available', 'chroot/var/lib/dpkg/status', status],
  ['deb', 'var/backups/dpkg.status.0', 'var/lib/dpkg/status', status],
  ['portage', 'var/db/pkg/app/tool-1/PF', 'var/db/pkg/app/tool-1/CONTENTS', ''],
  ['slackware', 'var/lib/pkgtools/scripts/tool-1-x86-1', 'var/lib/pkgtools/packages/tool-1-x86-1', ''],
])('what a removed database of %s leaves behind is a gap: %s', async (kind, path, database, text) => {
  const there = await gapsOf([file(path), file(database, text)])
  expect(there.filter((gap) => gap.includes('is missing'))).toEqual([])
  expect(await gapsOf([file(path), file(database, text)], [file(database.replace(/([^/]+)$/, '.wh.$1'))])).toEqual([
    missing(kind, path, database),
  ])
})

test.each(['rpmdb.sqlite-wal', 'rpmdb.sqlite-shm', 'rpmdb.sqlite-journal', 'Index.db', 'Basenames', '__db.001'])(
  'what a removed database of rpm leaves behind is a gap: %s',
  async (name) => {
    const path = `usr/lib/sysimage/rpm/${name}`
    expect(await gapsOf([file(path)])).toEqual([missing('rpm', path, 'var/lib/rpm/rpmdb.sqlite')])
    expect(
      await gapsOf([file(path), { path: 'usr/lib/sysimage/rpm/Packages', text: bdb([rpmHeader({ name: 'tool' })]) }]),
    ).toEqual([])
  },
)

test('pacman: the mark of a database without packages', async () => {
  const mark = file('var/lib/pacman/local/ALPM_DB_VERSION', '9\n')
  const desc = file('var/lib/pacman/local/tool-1-1/desc', '%NAME%\ntool\n\n%VERSION%\n1-1\n')
  expect(await gapsOf([mark])).toEqual([missing('alpm', mark.path, 'var/lib/pacman/local/')])
  expect(await gapsOf([mark, desc])).toEqual([])
})

test('is one gap for each database', async () => {
  const names = ['status-old', 'available', 'diversions-old']
  expect(await gapsOf(names.map((name) => file(`var/lib/dpkg/${name}`)))).toEqual([
    missing('deb', 'var/lib/dpkg/available', 'var/lib/dpkg/status'),
  ])
})

test('is none where the database lies elsewhere or is of another form, and where the file is empty', async () => {
  expect(await gapsOf([file('var/lib/dpkg/status-old'), file('var/lib/dpkg/status.d/tool', status)])).toEqual([])
  const linked: Short[] = [
    { path: 'var/lib/dpkg', link: '../../data/dpkg' },
    file('data/dpkg/status', status),
    file('data/dpkg/status-old'),
  ]
  expect(await gapsOf(linked)).toEqual([])
  expect(await gapsOf(linked.filter(({ path }) => path !== 'data/dpkg/status'))).toEqual([
    missing('deb', 'var/lib/dpkg/status-old', 'var/lib/dpkg/status'),
  ])
  expect(
    await gapsOf(['available', 'diversions', 'statoverride'].map((name) => file(`var/lib/dpkg/${name}`, ''))),
  ).toEqual([])
  expect(await gapsOf([file('srv/status-old'), file('srv/world'), file('srv/scripts/x')])).toEqual([])
})

test('opkg: a list of files of a package that nothing names', async () => {
  const path = 'usr/lib/opkg/info/tool.list'
  const control = file('usr/lib/opkg/info/tool.control', 'Package: tool\nVersion: 1\nArchitecture: all\n')
  expect(await gapsOf([file(path, '/usr/bin/tool\n')])).toEqual([
    `opkg ${path}: the package database does not name the package tool`,
  ])
  expect(await gapsOf([file(path, '/usr/bin/tool\n'), control])).toEqual([])
})
