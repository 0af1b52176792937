import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionResult } from '../../src/doors/context.ts'
import { lossOf } from '../../src/sbom/documents/loss.ts'
import { ownDocument } from '../../src/sbom/documents/own.ts'
import { readSbom } from '../../src/sbom/documents/read.ts'
import { encodeDocument } from '../../src/sbom/formats/encode.ts'
import { sbomFormats, type SbomFormat } from '../../src/sbom/formats/names.ts'
import { describeImage } from '../../src/sbom/scan.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { makeImage } from '../image/make-image.ts'
import { application, debian } from './fixture.ts'
import { repository, run } from './subjects/run.ts'

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
  expect(failing(made['spdx-json'], 'ntia', 'spdx2')).toEqual(['All component suppliers provided?'])
  expect(failing(made['spdx3-json'], 'ntia', 'spdx3')).toEqual(['All component suppliers provided?'])
  // The checker looks for none of these in SPDX 2.3, whatever the document says.
  expect(failing(made['spdx-json'], 'bsi', 'spdx2')).toEqual(['Creator of the SBOM', 'Dependency Completeness'])
  expect(failing(made['spdx3-json'], 'bsi', 'spdx3')).toEqual([
    'Component Creators',
    'Distribution Filenames',
    'Distribution Licenses',
  ])
})

/** What a checker finds missing in a document, without what it only warns of. */
function failing(path: string, profile: string, version: string): string[] {
  const { stdout } = spawnSync(peer('sbomcheck'), ['-c', profile, '-s', version, path], { encoding: 'utf8' })
  const conformant = /^Conformant: (True|False)$/m.exec(stdout)?.[1]
  const missing = stdout
    .split('\n')
    .flatMap((line) => /^(.*?)\s*\|\s*False\s*$/.exec(line)?.[1] ?? [])
    .filter((line) => !/\((?:Warning|Optional)\)$/.test(line))
  expect(conformant).toBe(missing.length === 0 ? 'True' : 'False')
  return missing
}

const composer = (authors: object[]): Record<string, string> => ({
  'composer.json': '{"name":"acme/app","version":"1.2.3","license":"Apache-2.0","require":{"acme/log":"^3"}}',
  'composer.lock': JSON.stringify({
    packages: [
      {
        name: 'acme/log',
        version: '3.0.2',
        license: ['MIT'],
        authors: [{ name: 'Ann Bell', email: 'ann@acme.example' }],
        require: { 'acme/base': '*' },
        dist: { type: 'zip', url: 'https://acme.example/log-3.0.2.zip', shasum: '1'.repeat(40) },
      },
      { name: 'acme/base', version: '1.0.0', license: ['MIT'], authors, dist: { type: 'zip', shasum: '2'.repeat(40) } },
    ],
    'packages-dev': [],
  }),
})

withPeers(
  ['sbomcheck', 'ntia-checker', 'git'],
  'a source tree whose lock names authors has what NTIA asks for',
  async () => {
    const acme = 'Organization: ACME <sbom@acme.example>'
    const made = async (authors: object[]): Promise<ActionResult['outputs']> =>
      (
        await run({
          subject: `source:${repository(composer(authors))}`,
          author: acme,
          supplier: acme,
          formats: 'spdx-json,spdx3-json',
        })
      ).outputs
    const ntia = (path: string): string =>
      spawnSync(peer('ntia-checker'), ['--file', path], { encoding: 'utf8' }).stdout
    const full = await made([{ name: 'Bob Carr', email: 'bob@acme.example' }])
    expect(failing(full['sbom-spdx-path'] ?? '', 'ntia', 'spdx2')).toEqual([])
    expect(failing(full['sbom-spdx3-path'] ?? '', 'ntia', 'spdx3')).toEqual([])
    expect(ntia(full['sbom-spdx-path'] ?? '')).toContain('Conformant: True')
    expect(failing(full['sbom-spdx3-path'] ?? '', 'bsi', 'spdx3')).toEqual([
      'Distribution Filenames',
      'Distribution Licenses',
    ])
    const less = await made([])
    expect(failing(less['sbom-spdx-path'] ?? '', 'ntia', 'spdx2')).toEqual(['All component suppliers provided?'])
    expect(failing(less['sbom-spdx3-path'] ?? '', 'ntia', 'spdx3')).toEqual(['All component suppliers provided?'])
    expect(ntia(less['sbom-spdx-path'] ?? '')).toContain('Conformant: False')
  },
)

/** A component with all that BSI TR-03183-2 asks for. */
const complete = (ref: string): Record<string, unknown> => ({
  type: 'library',
  'bom-ref': ref,
  name: ref,
  version: '1.0.0',
  purl: `pkg:generic/${ref}@1.0.0`,
  manufacturer: { name: 'ACME', url: ['https://acme.example'] },
  licenses: [{ expression: 'MIT', acknowledgement: 'concluded' }],
  externalReferences: [
    {
      type: 'distribution',
      url: `https://acme.example/${ref}-1.0.0.zip`,
      hashes: [{ alg: 'SHA-512', content: '1'.repeat(128) }],
    },
  ],
  properties: [
    { name: 'bsi:component:executable', value: 'false' },
    { name: 'bsi:component:archive', value: 'true' },
    { name: 'bsi:component:structured', value: 'true' },
  ],
})

/** The same as SPDX 3, with members of one component changed. */
async function converted(change: Record<string, unknown>): Promise<string> {
  const bom = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    metadata: {
      timestamp: '2026-01-02T03:04:05Z',
      authors: [{ name: 'Ann', email: 'ann@acme.example' }],
      component: complete('app'),
    },
    components: [{ ...complete('log'), ...change }],
    dependencies: [{ ref: 'app', dependsOn: ['log'] }],
  }
  const document = await readSbom(Buffer.from(JSON.stringify(bom)), 'bom')
  const path = join(scratch('bsi'), 'sbom.spdx3.json')
  const bytes = encodeDocument(document, 'spdx3-json')
  expect(lossOf(document, await readSbom(bytes, 'written'))).toEqual([])
  writeFileSync(path, bytes)
  return path
}

withPeers(
  ['sbomcheck'],
  'a document that has all that BSI asks for keeps it in SPDX 3, and each lack is found',
  async () => {
    expect(failing(await converted({}), 'bsi', 'spdx3')).toEqual([])
    for (const [change, lacking] of [
      [{ externalReferences: [] }, 'Distribution Filenames'],
      [
        { externalReferences: [{ type: 'distribution', url: 'https://acme.example/x.zip' }] },
        'Deployable Component Hashes',
      ],
      [{ licenses: [{ expression: 'MIT', acknowledgement: 'declared' }] }, 'Distribution Licenses'],
      [{ manufacturer: { name: 'ACME' } }, 'Component Creators'],
      [{ properties: [] }, 'Structured Properties'],
    ] as const)
      expect(failing(await converted(change), 'bsi', 'spdx3')).toEqual([lacking])
  },
)

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
