import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { passImage } from '../../../src/image/pass.ts'
import type { Catalogue, FoundPackage } from '../../../src/sbom/model.ts'
import { sbomReaders } from '../../../src/sbom/readers.ts'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { makeImage } from '../../image/make-image.ts'

const quiet = { stdio: 'pipe', maxBuffer: 1 << 28 } as const

/** Runs in the new system, as its root, without a network. */
const script = `set -e
export HOME=/root COMPOSER_ALLOW_SUPERUSER=1 COMPOSER_DISABLE_NETWORK=1
cd /src/gem && gem build --quiet own.gemspec >/dev/null && gem install --local --no-document own-1.2.0.gem >/dev/null
gem list --local > /answers-gem
cd /srv/app && composer install --quiet --no-interaction && composer show --format=json > /answers-composer
`

const gemspec = `Gem::Specification.new do |s|
  s.name = 'own'
  s.version = '1.2.0'
  s.summary = 'A gem'
  s.authors = ['Ann']
  s.license = 'MIT'
  s.files = ['lib/own.rb']
end
`

async function described(tar: Buffer): Promise<Catalogue> {
  const { store, image } = await makeImage([tar], { compression: 'none' })
  const readers = sbomReaders()
  const { inventory } = await passImage(store, image, readers.readers)
  return readers.finish(inventory)
}

/** Files that go into the system before its script runs. */
function prepare(folder: string): void {
  const put = (path: string, text: string): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  put('src/gem/own.gemspec', gemspec)
  put('src/gem/lib/own.rb', '')
  put('run.sh', script)
  const library = (name: string, version: string, needs: object): void =>
    put(
      `src/php/${name}/composer.json`,
      JSON.stringify({ name: `acme/${name}`, version, license: 'MIT', require: needs, type: 'library' }),
    )
  library('one', '1.0.0', { 'acme/two': '^2' })
  library('two', '2.3.4', {})
  const from = (name: string): object => ({ type: 'path', url: `/src/php/${name}`, options: { symlink: false } })
  put(
    'srv/app/composer.json',
    JSON.stringify({
      name: 'acme/app',
      repositories: [from('one'), from('two'), { packagist: false }],
      require: { 'acme/one': '*' },
    }),
  )
}

withPeers(
  ['mmdebstrap', 'tar'],
  'gem list and composer show name the same packages as our reading of their system',
  async () => {
    const dir = scratch('managers')
    prepare(join(dir, 'extra'))
    const codename = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'stable'
    const tar = join(dir, 'root.tar')
    execFileSync(
      peer('mmdebstrap'),
      [
        '--variant=essential',
        '--include=ruby,composer',
        `--customize-hook=copy-in ${['src', 'srv', 'run.sh'].map((name) => join(dir, 'extra', name)).join(' ')} /`,
        '--customize-hook=chroot "$1" sh /run.sh',
        codename,
        tar,
      ],
      quiet,
    )
    const answer = (name: string): string =>
      execFileSync(peer('tar'), ['-xOf', tar, `./answers-${name}`], quiet).toString()
    const found = await described(readFileSync(tar))
    expect(found.gaps).toEqual([])
    const named = (packages: readonly FoundPackage[]): string[] =>
      [...new Set(packages.map(({ name, version }) => `${name} ${version ?? ''}`))].sort()

    // `json (default: 2.6.1, 2.6.0)`: one line for all versions of a gem.
    const gems = answer('gem')
      .trim()
      .split('\n')
      .flatMap((line) => {
        const [, name = '', versions = ''] = /^(\S+) \((.*)\)$/.exec(line) ?? []
        return versions.split(', ').map((version) => `${name} ${version.replace(/^default: /, '')}`)
      })
    expect(named(found.packages.filter(({ type }) => type === 'gem'))).toEqual([...gems].sort())
    expect(gems).toContain('own 1.2.0')
    expect(gems.length).toBeGreaterThan(20)

    const { installed } = JSON.parse(answer('composer')) as { installed: { name: string; version: string }[] }
    const composer = found.packages.filter(({ cataloger }) => cataloger === 'composer')
    expect(named(composer)).toEqual(installed.map(({ name, version }) => `${name} ${version}`).sort())
    expect(named(composer)).toEqual(['acme/one 1.0.0', 'acme/two 2.3.4'])
    expect(composer.find(({ name }) => name === 'acme/one')?.dependsOn).toEqual(['pkg:composer/acme/two@2.3.4'])
  },
  600_000,
)
