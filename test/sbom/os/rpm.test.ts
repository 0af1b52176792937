import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { scratch } from '../../../testkit/ports.ts'
import type { Short } from '../../image/make-image.ts'
import { catalogue, findings, named } from './fixture.ts'
import { bdb, ndb, rpmHeader } from '../../../testkit/sbom/make-rpm.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const bash = rpmHeader({
  name: 'bash',
  epoch: 2,
  version: '5.1',
  release: '3.el9',
  licence: 'GPL-3.0-or-later',
  modularity: 'm:1',
  provides: ['bash', 'config(bash)'],
  requires: ['libc.so.6()(64bit)', '/usr/sbin/ldconfig'],
  files: [
    ['/bin/bash', sha256('bash'), 0, 0o100755],
    ['/etc/bashrc', sha256('old'), 1],
    ['/usr/share/doc/bash/README', sha256('doc'), 2],
    ['/run/ghost', '', 64],
    ['/opt/left-out', sha256('x'), 0, 0o100644, 2],
    ['/usr/bin/sh', '', 0, 0o120777],
  ],
})
const glibc = rpmHeader({
  name: 'glibc',
  licence: 'LGPLv2+ and GPLv2+',
  vendor: 'Jane Doe <jane@example.org>',
  provides: ['libc.so.6()(64bit)'],
  files: [['/usr/sbin/ldconfig', sha256('ld'), 0, 0o100755]],
})
const key = rpmHeader({ name: 'gpg-pubkey' })
const large = rpmHeader({
  name: 'large',
  files: Array.from({ length: 900 }, (_, i) => [`/srv/file-${i}`, sha256(`${i}`)]),
})
const headers = [bash, key, glibc, large]
const os: Short = { path: 'etc/os-release', text: 'ID="rhel"\nVERSION_ID="9.4"\n' }
const files: Short[] = [
  os,
  { path: 'bin', link: 'usr/bin' },
  { path: 'usr/bin/bash', text: 'bash', mode: 0o755 },
  { path: 'usr/bin/sh', link: 'bash' },
  { path: 'etc/bashrc', text: 'new' },
  { path: 'usr/sbin/ldconfig', text: 'ld', mode: 0o755 },
]

/** A database made by SQLite itself; what `later` inserts stays in its log. */
function sqlite(blobs: readonly Buffer[], later: readonly Buffer[] = []): { db: Buffer; wal: Buffer } {
  const path = join(scratch('rpm'), 'rpmdb.sqlite')
  const db = new DatabaseSync(path)
  db.exec("CREATE TABLE 'Name' (key TEXT NOT NULL, hnum INTEGER)")
  db.exec("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
  const insert = (blob: Buffer): void => {
    db.exec('BEGIN')
    const { lastInsertRowid } = db.prepare('INSERT INTO Packages (blob) VALUES (?)').run(blob)
    db.prepare('INSERT INTO Name (key, hnum) VALUES (?, ?)').run('name', lastInsertRowid)
    db.exec('COMMIT')
  }
  blobs.forEach(insert)
  if (later.length > 0) {
    db.exec('PRAGMA journal_mode=WAL')
    later.forEach(insert)
  }
  // Closing would write the log back.
  const copy = `${path}.copy`
  copyFileSync(path, copy)
  const wal = existsSync(`${path}-wal`) ? readFileSync(`${path}-wal`) : Buffer.alloc(0)
  db.close()
  return { db: readFileSync(copy), wal }
}

const kinds: [string, string, (blobs: Buffer[]) => Buffer][] = [
  ['SQLite', 'rpmdb.sqlite', (blobs) => sqlite(blobs).db],
  ['ndb', 'Packages.db', ndb],
  ['Berkeley DB', 'Packages', bdb],
  ['Berkeley DB of a big-endian machine', 'Packages', (blobs) => bdb(blobs, { big: true })],
]

describe.each(kinds)('%s', (_, file, make) => {
  const path = `var/lib/rpm/${file}`

  test('packages, their files and what they need', async () => {
    const found = await catalogue([...files, { path, text: make(headers) }])
    expect(named(found)).toEqual(['rpm bash@2:5.1-3.el9', 'rpm glibc@1.0-1', 'rpm large@1.0-1'])
    const [first, second] = found.packages
    expect(first).toMatchObject({
      purl: 'pkg:rpm/redhat/bash@5.1-3.el9?arch=x86_64&distro=rhel-9.4&epoch=2&upstream=bash-1.0-1.src.rpm',
      licence: 'GPL-3.0-or-later',
      supplier: { kind: 'organization', name: 'Example' },
      homepage: 'https://example.org/',
      locations: [path],
      properties: [['rpm:modularity', 'm:1']],
      dependsOn: [second?.purl],
    })
    expect(second).toMatchObject({
      licence: null,
      licenceText: 'LGPLv2+ and GPLv2+',
      supplier: { kind: 'person', name: 'Jane Doe', email: 'jane@example.org' },
    })
    expect(found.coverage.executables).toEqual([])
    expect(found.coverage.findings.filter(({ path: at }) => !at.startsWith('srv/'))).toEqual([])
  })

  test('every place, and a link to another', async () => {
    for (const folder of ['usr/share/rpm', 'usr/lib/sysimage/rpm', 'srv/root/var/lib/rpm'])
      expect(named(await catalogue([{ path: `${folder}/${file}`, text: make([glibc]) }]))).toEqual(['rpm glibc@1.0-1'])
    const linked = await catalogue([
      { path: `data/${file}`, text: make([glibc]) },
      { path: 'var/lib/rpm', link: '/data' },
    ])
    expect(named(linked)).toEqual(['rpm glibc@1.0-1'])
  })

  test('a database that is cut ends the description', async () => {
    const whole = make(headers)
    for (const length of [0, 100, 600, Math.floor(whole.length / 2), whole.length - 1]) {
      const text = whole.subarray(0, length)
      await expect(catalogue([{ path, text }])).rejects.toMatchObject({ code: 'format-invalid' })
    }
  })

  test('a changed byte of a header is found', async () => {
    const whole = make([bash])
    const at = whole.indexOf('3.el9')
    const changed = Buffer.from(whole)
    changed.write('4', at)
    await expect(catalogue([{ path, text: changed }])).rejects.toMatchObject({ code: 'format-invalid' })
  })

  test('any changed byte gives an error or a description, in no time', async () => {
    const whole = make([glibc, key])
    const allowed = new Set(['format-invalid', 'listed'])
    for (let i = 0; i < 25; i++) {
      const changed = Buffer.from(whole)
      const at = (i * 7919) % whole.length
      changed[at] = (changed[at] as number) ^ (1 << (i % 8))
      const outcome = await catalogue([{ path, text: changed }]).then(
        () => 'listed',
        (error: { code?: string }) => error.code,
      )
      expect(allowed).toContain(outcome)
    }
  })
})

test('changed and missing files are findings; configuration, ghosts, documentation and files left out are not', async () => {
  const db: Short = { path: 'var/lib/rpm/rpmdb.sqlite', text: sqlite([bash, glibc]).db }
  expect(findings(await catalogue([...files, db]))).toEqual([])
  const changed = await catalogue(
    [...files, db],
    [{ path: 'usr/bin/bash', text: 'BASH' }, { path: 'usr/sbin/.wh.ldconfig' }],
  )
  expect(findings(changed)).toEqual(['modified usr/bin/bash', 'missing usr/sbin/ldconfig'])
})

test('small packages may lie within the page of the hash', async () => {
  const text = bdb([glibc], { inline: true })
  expect(named(await catalogue([{ path: 'var/lib/rpm/Packages', text }]))).toEqual(['rpm glibc@1.0-1'])
})

test('a database that counts more packages than it holds makes the description incomplete', async () => {
  const hash = bdb([glibc])
  hash.writeUInt32LE(9, 88)
  const path = join(scratch('rpm'), 'rpmdb.sqlite')
  writeFileSync(path, sqlite([glibc, bash]).db)
  const db = new DatabaseSync(path)
  db.exec('DELETE FROM Packages WHERE hnum = 2')
  db.close()
  for (const [file, text] of [
    ['Packages', hash],
    ['rpmdb.sqlite', readFileSync(path)],
  ] as const) {
    const found = await catalogue([{ path: `var/lib/rpm/${file}`, text }])
    expect(named(found)).toEqual(['rpm glibc@1.0-1'])
    expect(found.gaps).toMatchObject([{ path: `var/lib/rpm/${file}`, kind: 'rpm', reason: 'unreadable' }])
  }
})

describe('damage that no checksum covers', () => {
  const refuse = async (path: string, text: Buffer): Promise<void> => {
    await expect(catalogue([{ path, text }])).rejects.toMatchObject({ code: 'format-invalid' })
  }

  test('Berkeley DB: a circle of overflow pages, a page out of the file, another length, another type', async () => {
    for (const [at, value] of [
      [2 * 4096 + 16, 2],
      [2 * 4096 + 16, 9999],
      [2 * 4096 + 22, 100],
      [2 * 4096 + 25, 0],
      [2 * 4096 + 25, 5],
      [4096 + 20, 3],
      [4096 + 26, 5],
      [26, 1],
      [20, 1000],
    ] as const) {
      const text = bdb([large])
      if (at % 4096 === 25 || at === 26) text.writeUInt8(value, at)
      else if (at % 4096 === 16 || at === 20) text.writeUInt32LE(value, at)
      else text.writeUInt16LE(value, at)
      await refuse('var/lib/rpm/Packages', text)
    }
  })

  test('ndb: a slot that is none, blocks out of the file, a package twice, another version', async () => {
    for (const [at, value] of [
      [4, 1],
      [12, 0],
      [12, 2048],
      [32, 0],
      [40, 0xfffffff],
      [44, 1],
      [48 + 4, 1],
    ] as const) {
      const text = ndb([glibc, bash])
      text.writeUInt32LE(value, at)
      await refuse('var/lib/rpm/Packages.db', text)
    }
  })

  test('SQLite: a table that leads to itself, a page out of the file, no such table', async () => {
    const many = sqlite(Array.from({ length: 40 }, (_, i) => rpmHeader({ name: `p${i}` }))).db
    const root = Array.from({ length: many.length / 4096 }, (_, i) => i).find((i) => many[i * 4096] === 5) as number
    expect(root).toBeGreaterThan(0)
    for (const page of [root + 1, 99_999, 0]) {
      const text = Buffer.from(many)
      text.writeUInt32BE(page, root * 4096 + 8)
      await refuse('var/lib/rpm/rpmdb.sqlite', text)
    }
    const other = join(scratch('rpm'), 'other')
    const db = new DatabaseSync(other)
    db.exec('CREATE TABLE x (y)')
    db.close()
    await refuse('var/lib/rpm/rpmdb.sqlite', readFileSync(other))
  })

  test.each([
    ['no name', { name: '' }],
    ['no version', { name: 'a', version: '' }],
  ])('a header with %s', async (_, made) => {
    await refuse('var/lib/rpm/Packages.db', ndb([rpmHeader(made)]))
  })
})

describe('the log of SQLite', () => {
  const { db, wal } = sqlite([bash], [glibc, large])
  const at = 'var/lib/rpm/rpmdb.sqlite'
  const image = (...more: Short[]): Short[] => [{ path: at, text: db }, ...more]
  const log = (text: Buffer): Short => ({ path: `${at}-wal`, text })

  test('counts with the database, in whichever layer it lies', async () => {
    const all = ['rpm bash@2:5.1-3.el9', 'rpm glibc@1.0-1', 'rpm large@1.0-1']
    expect(named(await catalogue(image(log(wal))))).toEqual(all)
    expect(named(await catalogue([log(wal)], image()))).toEqual(all)
    expect(named(await catalogue(image()))).toEqual(['rpm bash@2:5.1-3.el9'])
  })

  test('only transactions that were finished count, and a cut one makes the description incomplete', async () => {
    const cut = await catalogue(image(log(wal.subarray(0, wal.length - 4096))))
    expect(named(cut)).toEqual(['rpm bash@2:5.1-3.el9', 'rpm glibc@1.0-1'])
    expect(cut.gaps.map(({ path, kind }) => [path, kind])).toEqual([[`${at}-wal`, 'rpm']])
    const all = await catalogue(image(log(Buffer.concat([wal, wal.subarray(32, 32 + 500)]))))
    expect([named(all).length, all.gaps.length]).toEqual([3, 1])
    const changed = Buffer.from(wal)
    changed[changed.length - 1] = (changed.at(-1) as number) ^ 1
    expect((await catalogue(image(log(changed)))).gaps).toHaveLength(1)
  })

  test('a log of another database, and an empty one, say nothing', async () => {
    const old = Buffer.from(wal)
    // Another salt in every frame: what was there before the log was started anew.
    for (let frame = 32; frame < old.length; frame += 24 + 4096) old.writeUInt32BE(1, frame + 8)
    for (const text of [old, Buffer.alloc(0), Buffer.alloc(32)]) {
      const found = await catalogue(image(log(text)))
      expect(named(found)).toEqual(['rpm bash@2:5.1-3.el9'])
      expect(found.gaps).toEqual([])
    }
  })

  test('a log without its database, and a journal to be rolled back, are gaps', async () => {
    expect((await catalogue([log(wal)])).gaps).toHaveLength(1)
    const hot: Short = { path: `${at}-journal`, text: Buffer.from('d9d505f920a163d700000000', 'hex') }
    expect((await catalogue(image(hot))).gaps).toHaveLength(1)
    expect((await catalogue(image({ ...hot, text: Buffer.alloc(12) }))).gaps).toEqual([])
  })
})

describe("Azure Linux' list", () => {
  const path = 'var/lib/rpmmanifest/container-manifest-2'
  const line = 'vim\t9.0-1.cm2\t1\t2\tMicrosoft Corporation\t2\t300\tx86_64\t2\tvim-9.0-1.cm2.src.rpm\n'

  test('is read', async () => {
    const found = await catalogue([
      { path, text: line + line.replace('vim', 'curl').replace('\t2\t300', '\t(none)\t300') },
    ])
    expect(named(found)).toEqual(['rpm curl@9.0-1.cm2', 'rpm vim@2:9.0-1.cm2'])
    expect(found.packages[1]?.purl).toBe('pkg:rpm/vim@9.0-1.cm2?arch=x86_64&epoch=2&upstream=vim-9.0-1.cm2.src.rpm')
  })

  test.each([
    ['an end within a line', line.slice(0, -5)],
    ['too few columns', 'vim\t9.0-1.cm2\n'],
    ['a version without release', line.replace('9.0-1.cm2', '9.0')],
  ])('%s ends the description', async (_, text) => {
    await expect(catalogue([{ path, text }])).rejects.toMatchObject({ code: 'format-invalid' })
  })
})
