import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openState } from '../../src/agent/state.ts'
import { door } from '../../src/actions/sbom/main.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import type { ActionResult } from '../../src/doors/context.ts'
import type { Party } from '../../src/sbom/model.ts'
import { readSbom } from '../../src/sbom/documents/read.ts'
import { scoreDocument } from '../../src/sbom/score/score.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { makeImage, type Short } from '../image/make-image.ts'
import { referenceOf } from './diff/images.ts'
import { application, debian } from './fixture.ts'

const all = 'spdx-json,spdx3-json,cyclonedx-json,cyclonedx1.7-json'
const paths = ['sbom-spdx-path', 'sbom-spdx3-path', 'sbom-cyclonedx-path', 'sbom-cyclonedx17-path']

interface Ran extends ActionResult {
  warnings: string[]
  directory: string
}

async function run(given: Record<string, string>, ...layers: Short[][]): Promise<Ran> {
  const image = referenceOf(await makeImage(layers.length === 0 ? [debian, application] : layers))
  const warnings: string[] = []
  const base = testPorts()
  const ports = { ...base, log: { ...base.log, warn: (text: string) => void warnings.push(text) } }
  const directory = join(scratch('documents'), 'out')
  const values: Record<string, string> = { image, formats: all, directory, ...given }
  const inputs = rawInputs({ given: (name) => values[name], defaults: {}, ports, confine: null, label: (name) => name })
  const result = await door.run(inputs, { ports, state: openState(scratch('state'), ports) })
  return { ...result, warnings, directory }
}

const documentsOf = ({ outputs }: Ran): Promise<Awaited<ReturnType<typeof readSbom>>[]> =>
  Promise.all(paths.map(async (name) => readSbom(readFileSync(outputs[name] as string), name)))

describe('author and supplier', () => {
  test.each<[string, Party]>([
    ['ACME <sbom@acme.example>', { kind: 'person', name: 'ACME', email: 'sbom@acme.example' }],
    ['Organization: ACME <https://acme.example>', { kind: 'organization', name: 'ACME', url: 'https://acme.example' }],
    ['Organization: ACME <sbom@acme.example>', { kind: 'organization', name: 'ACME', email: 'sbom@acme.example' }],
    ['organization: Ann Bell', { kind: 'organization', name: 'Ann Bell' }],
  ])('%s stands in every format', async (text, party) => {
    for (const document of await documentsOf(await run({ author: text, supplier: text }))) {
      expect(document.authors).toEqual([party])
      expect(document.supplier).toEqual(party)
      expect(document.identity.producer).toEqual(party)
      expect(document.properties.filter(([name]) => name === 'unknown')).toEqual([])
      expect(scoreDocument(document, 'cisa-2026').elements[0]).toMatchObject({ state: 'present' })
    }
  })

  test('who is not named is declared unknown in every format', async () => {
    for (const document of await documentsOf(await run({}))) {
      expect(document.authors).toEqual([])
      expect(document.supplier).toBeNull()
      expect(document.properties.filter(([name]) => name === 'unknown')).toEqual([
        ['unknown', 'author'],
        ['unknown', 'supplier'],
      ])
      expect(scoreDocument(document, 'cisa-2026').elements[0]).toMatchObject({ state: 'declared unknown' })
    }
  })

  test.each(['author', 'supplier'])('%s that is no party is refused before the image is read', async (input) => {
    for (const text of ['ACME <somewhere>', 'ACME <a b@acme.example>', 'Person:', '<>']) {
      await expect(run({ [input]: text, image: 'oci:/nowhere' })).rejects.toMatchObject({
        code: 'input-invalid',
        subject: input,
        remedy: expect.stringContaining('Write NAME <'),
      })
    }
  })

  test.each(['jo@acme.example', '<jo@acme.example>', 'https://acme.example'])(
    'an address without a name is refused, and not taken for a name: %s',
    async (text) => {
      await expect(run({ author: text, image: 'oci:/nowhere' })).rejects.toMatchObject({
        code: 'input-invalid',
        message: `author: "${text}" is an address without a name`,
        remedy: `Write the name before it: NAME <${text.replace(/[<>]/g, '')}>.`,
      })
    },
  )
})

describe('complete, unread and coverage', () => {
  const broken: Short[] = [
    { path: 'b/node_modules/x/package.json', text: '{' },
    { path: 'vendor/composer/installed.json', text: '{' },
  ]

  test('an image that was read whole', async () => {
    const { outputs, report, warnings } = await run({})
    expect(outputs).toMatchObject({ complete: 'true', unread: '[]', coverage: expect.stringMatching(/^\d+(\.\d)?$/) })
    expect(report?.status).toBe('passed')
    expect(warnings).toEqual([])
  })

  test('an image with a database that was not read', async () => {
    const ran = await run({}, debian, application, broken)
    expect(ran.outputs).toMatchObject({ complete: 'false', unread: '["composer","npm"]' })
    expect(ran.report).toMatchObject({ status: 'warning' })
    expect(ran.warnings.map((text) => /^SBOM incomplete: (\S+) \((\w+)/.exec(text)?.slice(1))).toEqual([
      ['b/node_modules/x/package.json', 'npm'],
      ['vendor/composer/installed.json', 'composer'],
    ])
    for (const document of await documentsOf(ran)) {
      expect(document.completeness).toBe('incomplete')
      expect(document.gaps.map(({ path }) => path)).toEqual([
        'b/node_modules/x/package.json',
        'vendor/composer/installed.json',
      ])
    }
  })

  test('numbers in words: one path, one package', async () => {
    const manifest = { path: 'node_modules/x/package.json', text: '{"name":"x","version":"1"}' }
    const { report } = await run({}, [manifest, ...broken.slice(1)])
    expect(report?.headline).toBe('SBOM incomplete: 1 package, 2 files; not read: 1 path (composer)')
    expect(report?.facts).toContainEqual(['Complete', 'no: 1 path of kind composer is missing'])
  })

  test('coverage is the share of files that a package owns', async () => {
    const owned: Short[] = [1, 2, 3].map((n) => ({ path: `node_modules/x/${n}.js`, text: String(n) }))
    const manifest = { path: 'node_modules/x/package.json', text: '{"name":"x","version":"1"}' }
    const alone = { path: 'opt/alone', text: 'x' }
    expect((await run({}, [manifest, ...owned])).outputs['coverage']).toBe('100')
    expect((await run({}, [manifest, ...owned, alone])).outputs['coverage']).toBe('80')
    expect((await run({}, [alone])).outputs['coverage']).toBe('0')
    expect((await run({}, [{ path: 'empty/' }])).outputs['coverage']).toBe('0')
  })

  test('incomplete: refuse ends the step, names the path, and leaves no document', async () => {
    const directory = join(scratch('refused'), 'out')
    await expect(run({ incomplete: 'refuse', directory }, debian, broken)).rejects.toMatchObject({
      code: 'sbom-incomplete',
      exitCode: 1,
      subject: 'b/node_modules/x/package.json',
      message: expect.stringContaining('and 1 more could not be read'),
      remedy: expect.stringContaining('incomplete: warn'),
    })
    expect(existsSync(join(directory, 'sbom.spdx.json'))).toBe(false)
    // Where nothing is left out, refuse and warn give the same documents.
    const [refuse, warn] = [await run({ incomplete: 'refuse' }), await run({ incomplete: 'warn' })]
    for (const path of [...paths, 'inventory-path'])
      expect(readFileSync(refuse.outputs[path] as string).equals(readFileSync(warn.outputs[path] as string))).toBe(true)
  })

  test('incomplete takes two words', async () => {
    await expect(run({ incomplete: 'ignore' })).rejects.toMatchObject({ code: 'input-invalid', subject: 'incomplete' })
  })
})
