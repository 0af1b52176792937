import { zstdCompressSync } from 'node:zlib'
import { createHash } from 'node:crypto'
import type { Short } from '../../image/make-image.ts'
import { catalogue, findings, named } from './fixture.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const hash = '0123456789abcdfghijklmnpqrsvwxyz'
const file = (path: string, text = 'x'): Short => ({ path, text, mode: 0o755 })

test('Nix and Guix: each folder of the store is a package with its hash, and owns what lies in it', async () => {
  const found = await catalogue([
    file(`nix/store/${hash}-glibc-2.34-210-bin/bin/ldd`),
    file(`nix/store/${hash}-python3.11-requests-2.31.0/lib/x`),
    file(`nix/store/${hash}-unversioned/bin/x`),
    file(`nix/store/${hash}-curl-8.0.drv`),
    file(`nix/store/short-curl-8.0/bin/curl`),
    file(`srv/gnu/store/${hash}-bash-5.1.16/bin/bash`),
    { path: `nix/store/${hash}-empty-1.0/` },
  ])
  expect(found.packages.map(({ purl }) => purl)).toEqual([
    `pkg:guix/bash@5.1.16?outputhash=${hash}`,
    `pkg:nix/empty@1.0?outputhash=${hash}`,
    `pkg:nix/glibc@2.34-210?output=bin&outputhash=${hash}`,
    `pkg:nix/python3.11-requests@2.31.0?outputhash=${hash}`,
  ])
  expect(found.coverage.executables).toEqual([
    `nix/store/${hash}-curl-8.0.drv`,
    `nix/store/${hash}-unversioned/bin/x`,
    'nix/store/short-curl-8.0/bin/curl',
  ])
})

test('snaps: the lists of Debian packages in them', async () => {
  const found = await catalogue([
    { path: 'usr/share/snappy/dpkg.yaml', text: "package-repositories:\n- type: apt\npackages:\n- adduser=3.1\n- 'gcc:amd64=1:10.5'\n" },
    { path: 'snap/manifest.yaml', text: 'name: pc\nprimed-stage-packages:\n  - shim=15.7\nversion: 1\n' },
    { path: 'app/manifest.yaml', text: 'primed-stage-packages:\n- not=1\n' },
  ])
  expect(named(found)).toEqual(['deb adduser@3.1', 'deb gcc@1:10.5', 'deb shim@15.7'])
  const bad = await catalogue([{ path: 'snap/manifest.yaml', text: 'primed-stage-packages: {a: 1}\n' }])
  expect(bad.gaps).toMatchObject([{ path: 'snap/manifest.yaml', kind: 'snap' }])
})

test('Homebrew: kegs, not recipes', async () => {
  const keg = 'home/linuxbrew/.linuxbrew/Cellar/foo/1.2.3'
  const found = await catalogue([
    { path: `${keg}/.brew/foo.rb`, text: 'class Foo < Formula\n  homepage "https://example.org/"\n  license "MIT"\nend\n' },
    file(`${keg}/bin/foo`),
    { path: 'home/linuxbrew/.linuxbrew/Library/Taps/a/b/Formula/bar.rb', text: 'version "4"\n' },
  ])
  expect(named(found)).toEqual(['brew foo@1.2.3'])
  expect(found.packages[0]).toMatchObject({ licence: 'MIT', homepage: 'https://example.org/', purl: 'pkg:brew/foo@1.2.3' })
  expect(found.coverage.executables).toEqual([])
})

test('Slackware: a record per package with its files', async () => {
  const record = 'PACKAGE NAME:     a-tool-1.0-x86_64-2\nPACKAGE DESCRIPTION:\nFILE LIST:\n./\nusr/\nusr/bin/tool\n'
  const path = 'var/lib/pkgtools/packages/a-tool-1.0-x86_64-2'
  const found = await catalogue([{ path, text: record }, file('usr/bin/tool'), { path: 'usr/lib/packages/b-1-x-1', text: record }])
  expect(named(found)).toEqual(['generic a-tool@1.0-2'])
  expect(found.coverage.executables).toEqual([])
  const cut = await catalogue([{ path, text: record.slice(0, -3) }])
  expect(cut.gaps).toMatchObject([{ path, kind: 'slackware', reason: 'unreadable' }])
})

describe('chisel', () => {
  const path = 'var/lib/chisel/manifest.wall'
  const wall = (...records: object[]): Short => ({
    path,
    text: zstdCompressSync(
      [{ jsonwall: '1.0', schema: '1.0', count: records.length + 1 }, ...records].map((one) => `${JSON.stringify(one)}\n`).join(''),
    ),
  })
  const libc = { kind: 'package', name: 'libc6', version: '2.39', sha256: 'a'.repeat(64), arch: 'amd64' }
  const tool = { kind: 'path', path: '/usr/bin/tool', mode: '0755', slices: ['libc6_bins'], sha256: sha256('tool') }

  test('packages of an image without dpkg, and their files', async () => {
    const os: Short = { path: 'etc/os-release', text: 'ID=ubuntu\nVERSION_ID="24.04"\n' }
    const files = [os, wall(libc, tool, { kind: 'slice', name: 'libc6_bins' }), file('usr/bin/tool', 'tool'), file('usr/bin/x')]
    const found = await catalogue(files)
    expect(found.packages).toMatchObject([
      {
        purl: 'pkg:deb/ubuntu/libc6@2.39?arch=amd64&distro=ubuntu-24.04',
        checksums: [{ algorithm: 'SHA-256', value: 'a'.repeat(64) }],
      },
    ])
    expect(found.coverage).toMatchObject({ executables: ['usr/bin/x'], findings: [], checked: 1 })
    expect(findings(await catalogue(files, [file('usr/bin/tool', 'evil')]))).toEqual(['modified usr/bin/tool'])
  })

  test.each([
    ['what is not packed', { path, text: 'x' }],
    ['a cut manifest', { path, text: Buffer.from(wall(libc).text as Buffer).subarray(0, 40) }],
    ['another version', { path, text: zstdCompressSync('{"jsonwall":"2.0"}\n') }],
    ['fewer records than it says', { path, text: zstdCompressSync('{"jsonwall":"1.0","count":9}\n') }],
    ['a package without a version', wall({ kind: 'package', name: 'a' })],
  ] as [string, Short][])('%s ends the description', async (_, bad) => {
    await expect(catalogue([bad])).rejects.toMatchObject({ code: 'format-invalid' })
  })
})

test('databases that are not read are gaps, one of each kind', async () => {
  const found = await catalogue([
    { path: 'usr/share/clear/bundles/os-core', text: '' },
    { path: 'usr/share/clear/bundles/editors', text: '' },
    { path: 'var/db/xbps/pkgdb-0.38.plist', text: '<plist/>' },
    { path: 'var/lib/rpmmanifest/container-manifest-1', text: 'a\n' },
    { path: 'srv/bundles/x', text: '' },
  ])
  expect(found.gaps.map(({ path, kind, reason }) => [path, kind, reason])).toEqual([
    ['usr/share/clear/bundles/editors', 'swupd', 'unsupported'],
    ['var/db/xbps/pkgdb-0.38.plist', 'xbps', 'unsupported'],
    ['var/lib/rpmmanifest/container-manifest-1', 'rpm', 'unsupported'],
  ])
  const better = await catalogue([
    { path: 'var/lib/rpmmanifest/container-manifest-1', text: 'a\n' },
    { path: 'var/lib/rpmmanifest/container-manifest-2', text: 'a\t1-1\t1\t1\tv\t(none)\t1\tx\t0\ta.src.rpm\n' },
  ])
  expect(better.gaps).toEqual([])
})
