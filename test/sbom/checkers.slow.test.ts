import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ownDocument } from '../../src/sbom/documents/own.ts'
import { encodeDocument } from '../../src/sbom/formats/encode.ts'
import { sbomFormats, type SbomFormat } from '../../src/sbom/formats/names.ts'
import { describeImage } from '../../src/sbom/scan.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { makeImage } from '../image/make-image.ts'
import { application, debian } from './fixture.ts'

/** The fixture's documents as files, with author and supplier; `change` edits one of them. */
async function files(change = (text: string): string => text): Promise<Record<SbomFormat, string>> {
  const folder = scratch('checkers')
  const { store, image } = await makeImage([debian, application])
  const acme = { kind: 'organization', name: 'ACME', email: 'sbom@acme.example' } as const
  const { description } = await describeImage(store, image, { author: acme, supplier: acme })
  const document = ownDocument(description)
  const written = sbomFormats.map((format): [SbomFormat, string] => {
    const path = join(folder, `${format}.json`)
    writeFileSync(path, change(encodeDocument(document, format).toString()))
    return [format, path]
  })
  return Object.fromEntries(written) as Record<SbomFormat, string>
}

withPeers(['pyspdxtools'], 'pyspdxtools takes SPDX 2.3, and refuses it without an id', async () => {
  const run = (path: string): number | null => spawnSync(peer('pyspdxtools'), ['-i', path]).status
  expect(run((await files())['spdx-json'])).toBe(0)
  expect(
    run((await files((text) => text.replace('"SPDXID":"SPDXRef-deb-', '"X":"SPDXRef-deb-')))['spdx-json']),
  ).not.toBe(0)
})

withPeers(['cdx-decode'], "CycloneDX' Go library reads 1.6 and 1.7, and refuses another type", async () => {
  const made = await files()
  for (const [format, version] of [
    ['cyclonedx-json', '1.6'],
    ['cyclonedx1.7-json', '1.7'],
  ] as const) {
    const said = execFileSync(peer('cdx-decode'), [made[format]], { encoding: 'utf8' })
    expect(said).toMatch(new RegExp(`^${version.replace('.', '\\.')} urn:uuid:\\S+ components=8 dependencies=8`))
  }
  const broken = await files((text) => text.replace('"components":[', '"components":7,"x":['))
  expect(spawnSync(peer('cdx-decode'), [broken['cyclonedx-json']]).status).toBe(1)
})

withPeers(['sbomcheck'], 'sbomcheck finds in an image what docs/sbom.md says, and nothing else', async () => {
  const made = await files()
  const failing = (profile: string, version: string, format: SbomFormat): string[] =>
    spawnSync(peer('sbomcheck'), ['-c', profile, '-s', version, made[format]], { encoding: 'utf8' })
      .stdout.split('\n')
      .flatMap((line) => /^(.*?)\s*\|\s*False\s*$/.exec(line)?.[1] ?? [])
  expect(failing('ntia', 'spdx2', 'spdx-json')).toEqual(['All component suppliers provided?'])
  expect(failing('ntia', 'spdx3', 'spdx3-json')).toEqual(['All component suppliers provided?'])
})

withPeers(['syft'], 'syft reads what we write', async () => {
  const made = await files()
  for (const format of ['spdx-json', 'cyclonedx-json'] as const) {
    const said = execFileSync(peer('syft'), ['convert', made[format], '-o', 'json'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const { artifacts } = JSON.parse(said) as { artifacts: { purl: string }[] }
    expect(artifacts.filter(({ purl }) => purl !== '').length).toBeGreaterThanOrEqual(7)
  }
})
