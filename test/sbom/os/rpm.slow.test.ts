import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { goModule } from '../../../testkit/go-module.ts'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import type { Short } from '../../image/make-image.ts'
import { catalogue, findings } from './fixture.ts'

const quiet = { stdio: 'pipe', maxBuffer: 1 << 28 } as const
const format = '%{NAME}@%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\n'

/** Packages by rpm's own answer, without keys. */
function query(dbpath: string, backend: string): string[] {
  const options = ['-qa', '--dbpath', dbpath, '--define', `_db_backend ${backend}`, '--qf', format]
  const lines = execFileSync(peer('rpm'), options, quiet).toString().split('\n')
  return [...new Set(lines.filter((line) => line !== '' && !line.startsWith('gpg-pubkey@')))].sort()
}

async function described(files: Short[]): Promise<{ names: string[]; findings: string[]; checked: number }> {
  const found = await catalogue(files)
  const names = found.packages.map(({ name, version }) => `${name}@${version}`)
  return { names: [...new Set(names)].sort(), findings: findings(found), checked: found.coverage.checked }
}

withPeers(
  ['rpm', 'go'],
  "databases of sixteen distributions: the same packages as rpm's own answer",
  async () => {
    const recorded = join(goModule('github.com/anchore/go-rpmdb@v0.2.0'), 'pkg/testdata')
    let compared = 0
    for (const folder of readdirSync(recorded, { withFileTypes: true }).filter((one) => one.isDirectory())) {
      const copy = join(scratch('rpmdb'), folder.name)
      cpSync(join(recorded, folder.name), copy, { recursive: true })
      // rpm locks what it reads.
      execFileSync('chmod', ['-R', 'u+w', copy])
      const [file] = readdirSync(copy)
      const { names } = await described([{ path: `var/lib/rpm/${file}`, text: readFileSync(join(copy, file as string)) }])
      // Debian's rpm is built without ndb: what is there was counted once by hand.
      const theirs = file === 'Packages.db' ? null : query(copy, file === 'Packages' ? 'bdb_ro' : 'sqlite')
      if (theirs === null) expect(names).toHaveLength(35)
      else {
        expect(names).toEqual(theirs)
        compared += theirs.length
      }
    }
    expect(compared).toBeGreaterThan(3000)
  },
  300_000,
)

withPeers(
  ['rpm', 'rpmbuild'],
  'packages that rpmbuild made and rpm installed: names, files and sums, a changed file and a changed configuration file',
  async () => {
    const top = scratch('rpmbuild')
    const names = ['first', 'second', 'third']
    for (const [i, name] of names.entries()) {
      const spec = join(top, `${name}.spec`)
      writeFileSync(spec, specOf(name, i))
      execFileSync(peer('rpmbuild'), ['-bb', '--define', `_topdir ${top}`, '--target', 'noarch', spec], quiet)
    }
    const rpms = readdirSync(join(top, 'RPMS/noarch')).map((file) => join(top, 'RPMS/noarch', file))
    const dbpath = join(top, 'db')
    mkdirSync(dbpath)
    execFileSync(peer('rpm'), ['-i', '--justdb', '--nodeps', '--dbpath', dbpath, ...rpms], quiet)
    const database = readdirSync(dbpath)
      .filter((file) => /^rpmdb\.sqlite(?:-wal)?$/.test(file))
      .map((file): Short => ({ path: `var/lib/rpm/${file}`, text: readFileSync(join(dbpath, file)) }))
    const files = names.flatMap((name): Short[] => [
      { path: `usr/bin/${name}`, text: `program ${name}\n`, mode: 0o755 },
      { path: `etc/${name}.conf`, text: 'changed by an administrator\n' },
    ])
    const image = [...database, ...files]
    const found = await described(image)
    expect(found).toEqual({ names: query(dbpath, 'sqlite'), findings: [], checked: 3 })
    expect(found.names).toEqual(['first@1.0-1', 'second@1:1.1-1', 'third@2:1.2-1'])
    const whole = await catalogue(image)
    expect(whole.packages.map(({ dependsOn }) => dependsOn.length)).toEqual([0, 1, 1])
    expect(whole.coverage.executables).toEqual([])
    const evil = image.map((file) => (file.path === 'usr/bin/second' ? { ...file, text: 'evil\n' } : file))
    expect((await described(evil)).findings).toEqual(['modified usr/bin/second'])
  },
  300_000,
)

function specOf(name: string, i: number): string {
  return `Name: ${name}
Version: 1.${i}
Release: 1
${i === 0 ? '' : `Epoch: ${i}\nRequires: first\n`}Summary: x
License: MIT
BuildArch: noarch
%description
x
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/etc
echo "program ${name}" > %{buildroot}/usr/bin/${name}
echo "default" > %{buildroot}/etc/${name}.conf
%files
%attr(755, root, root) /usr/bin/${name}
%config(noreplace) /etc/${name}.conf
`
}
