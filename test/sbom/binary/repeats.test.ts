import { passImage } from '../../../src/image/pass.ts'
import { sbomReaders } from '../../../src/sbom/readers.ts'
import type { Catalogue } from '../../../src/sbom/model.ts'
import { makeImage, type Short } from '../../image/make-image.ts'
import { makeElf } from '../../../testkit/sbom/make-executable.ts'

const status = ['Package: bash', 'Status: install ok installed', 'Version: 5.2-1', 'Architecture: amd64', ''].join('\n')
const bash = makeElf([{ name: '.rodata', bytes: Buffer.from('@(#)Bash version 5.2.15(1) release GNU') }])
const layer: Short[] = [
  { path: 'var/lib/dpkg/status', text: status },
  { path: 'var/lib/dpkg/info/bash.list', text: '/.\n/bin\n/bin/bash\n' },
  { path: 'bin/bash', text: bash, mode: 0o755 },
]

async function catalogueOf(layers: Short[][]): Promise<Catalogue> {
  const { store, image } = await makeImage(layers)
  const sbom = sbomReaders()
  const { inventory } = await passImage(store, image, [...sbom.readers])
  return sbom.finish(inventory)
}

describe('programs of packages', () => {
  test('a program that a package owns is not listed again; a copy of it elsewhere is', async () => {
    const purls = async (layers: Short[][]): Promise<string[]> =>
      (await catalogueOf(layers)).packages.map(({ purl }) => purl)
    const deb = 'pkg:deb/debian/bash@5.2-1?arch=amd64'
    expect(await purls([layer])).toEqual([deb])
    expect(await purls([layer, [{ path: 'opt/bash', text: bash, mode: 0o755 }]])).toEqual([
      deb,
      'pkg:generic/bash@5.2.15',
    ])
    expect(await purls([[{ path: 'bin/bash', text: bash }]])).toEqual(['pkg:generic/bash@5.2.15'])
  })

  test('what the note of a packaged library says is no second package, whichever package it names; a copy elsewhere is listed alone', async () => {
    const json = JSON.stringify({
      type: 'deb',
      os: 'debian',
      name: 'bash-src',
      version: '5.2-1',
      architecture: 'amd64',
    })
    const noted = makeElf([{ name: '.note.package', bytes: Buffer.from(json) }])
    const packaged = [...layer.slice(0, 2), { path: 'bin/bash', text: noted, mode: 0o755 }]
    const found = async (more: Short[]): Promise<unknown[]> =>
      (await catalogueOf([packaged, more])).packages.map(({ name, ownedBy, locations }) => [name, ownedBy, locations])
    const bashFound = ['bash', null, ['var/lib/dpkg/status']]
    expect(await found([])).toEqual([bashFound])
    expect(await found([{ path: 'opt/copy', text: noted }])).toEqual([['bash-src', null, ['opt/copy']], bashFound])
    // Under the folder that `bin` is a link to, the database's name finds it as well.
    const merged: Short[] = [
      ...layer.slice(0, 2),
      { path: 'bin', type: 'symlink', link: 'usr/bin' },
      { path: 'usr/bin/bash', text: noted, mode: 0o755 },
    ]
    expect((await catalogueOf([merged])).packages.map(({ name }) => name)).toEqual(['bash'])
  })

  test('a program that is packed or cut is a gap of the whole catalogue, once', async () => {
    const packed = makeElf([{ name: 'x', bytes: Buffer.from('UPX!') }], { nameless: true })
    const { gaps } = await catalogueOf([
      [
        { path: 'opt/a', text: packed },
        { path: 'opt/b', text: bash.subarray(0, 90) },
      ],
    ])
    expect(gaps.map(({ path, kind, reason }) => [path, kind, reason])).toEqual([
      ['opt/a', 'binary', 'opaque'],
      ['opt/b', 'binary', 'unreadable'],
    ])
  })
})
