import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../../src/base/json.ts'
import { lossOf } from '../../../src/sbom/documents/loss.ts'
import { readSbom } from '../../../src/sbom/documents/read.ts'
import { encodeDocument } from '../../../src/sbom/formats/encode.ts'
import { sbomFormats, type SbomFormat } from '../../../src/sbom/formats/names.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { officialValidator, schemas } from '../official.ts'
import { fill, run } from './run.ts'

const outputs: Record<SbomFormat, string> = {
  'spdx-json': 'sbom-spdx-path',
  'spdx3-json': 'sbom-spdx3-path',
  'cyclonedx-json': 'sbom-cyclonedx-path',
  'cyclonedx1.7-json': 'sbom-cyclonedx17-path',
}
const card =
  '---\nlicense: apache-2.0\ndatasets:\n- a/b\n- c\nbase_model: x/y\npipeline_tag: text-generation\nlanguage: [en, de]\n---\n'
const config = JSON.stringify({ architectures: ['LlamaForCausalLM'], model_type: 'llama' })
const weights = '\x02\0\0\0\0\0\0\0{}'

/** The documents of a folder as a subject of a kind. */
async function documents(kind: string, files: Record<string, string>): Promise<Record<SbomFormat, string>> {
  const root = fill(join(scratch('subject'), 'tiny'), files)
  const found = (await run({ subject: `${kind}:${root}`, formats: sbomFormats.join(',') })).outputs
  return Object.fromEntries(
    sbomFormats.map((format) => [format, readFileSync(found[outputs[format]] ?? '', 'utf8')]),
  ) as Record<SbomFormat, string>
}

const whole = { 'README.md': card, 'config.json': config, 'model.safetensors': weights }
const cases: [what: string, kind: string, files: Record<string, string>][] = [
  ['a model with a card', 'model', whole],
  ['a model of which nothing is said', 'model', { 'weights.bin': 'x' }],
  [
    'a dataset with a card',
    'dataset',
    { 'README.md': '---\nlicense: cc-by-4.0\nlanguage: en\n---\n', 'data.csv': 'a,b\n' },
  ],
  ['a dataset of which nothing is said', 'dataset', { 'data.csv': 'a,b\n' }],
]

describe.each(cases)('%s', (_what, kind, files) => {
  withPeers([`vectors:${schemas}`], 'is valid by the official schemas in every format, and by ours', async () => {
    const made = await documents(kind, files)
    for (const format of sbomFormats) {
      const validate = officialValidator(format)
      expect([validate(JSON.parse(made[format])), validate.errors]).toEqual([true, null])
      await readSbom(Buffer.from(made[format]), format)
    }
  })

  test('is read back from every format as the same, and converted without a loss', async () => {
    const made = await documents(kind, files)
    const read = await Promise.all(sbomFormats.map((format) => readSbom(Buffer.from(made[format]), format)))
    const [first] = read
    if (first === undefined) throw new Error('there are formats')
    for (const document of read) {
      expect(document.identity.model).toEqual(first.identity.model)
      expect(document.identity.licence).toEqual(first.identity.licence)
      expect(document.packages.map(({ type, name }) => `${type ?? ''} ${name}`).sort()).toEqual(
        first.packages.map(({ type, name }) => `${type ?? ''} ${name}`).sort(),
      )
      for (const to of sbomFormats) {
        const after = await readSbom(encodeDocument(document, to), to)
        expect([to, lossOf(document, after)]).toEqual([to, []])
      }
    }
  })
})

test('a card stands in CycloneDX as a model card with datasets and ancestors', async () => {
  const bom = JSON.parse((await documents('model', whole))['cyclonedx-json']) as {
    metadata: { component: JsonObject & { pedigree: { ancestors: JsonObject[] } } }
    components: JsonObject[]
  }
  const { component } = bom.metadata
  const data = bom.components.filter(({ type }) => type === 'data')
  expect(component).toMatchObject({
    type: 'machine-learning-model',
    licenses: [{ expression: 'Apache-2.0', acknowledgement: 'declared' }],
    modelCard: {
      modelParameters: {
        task: 'text-generation',
        architectureFamily: 'llama',
        modelArchitecture: 'LlamaForCausalLM',
        datasets: data.map((one) => ({ ref: one['bom-ref'] })),
      },
    },
    pedigree: { ancestors: [{ type: 'machine-learning-model', name: 'x/y' }] },
  })
  expect(data).toMatchObject([
    { name: 'a/b', data: [{ type: 'dataset', name: 'a/b' }] },
    { name: 'c', data: [{ type: 'dataset', name: 'c' }] },
  ])
  // Nothing is invented: a card says no version, and no package of another kind has a card.
  for (const one of [...data, ...component.pedigree.ancestors]) expect(one).not.toHaveProperty('version')
  for (const one of bom.components) expect(one).not.toHaveProperty('modelCard')
  const plain = JSON.parse((await documents('model', { 'weights.bin': 'x' }))['cyclonedx-json']) as typeof bom
  expect(plain.metadata.component['modelCard']).toEqual({ modelParameters: {} })
  expect(plain.metadata.component).not.toHaveProperty('pedigree')
  const directory = JSON.parse((await documents('directory', whole))['cyclonedx-json']) as typeof bom
  expect(directory.metadata.component).not.toHaveProperty('modelCard')
})

test('a card stands in SPDX 3 as an AI package, trained on datasets, descendant of a model', async () => {
  const graph = (JSON.parse((await documents('model', whole))['spdx3-json']) as { '@graph': JsonObject[] })['@graph']
  const named = (type: string, name: string): JsonObject => {
    const found = graph.find((one) => one['type'] === type && one['name'] === name)
    if (found === undefined) throw new Error(`there is no ${type} ${name}`)
    return found
  }
  const root = named('ai_AIPackage', 'tiny')
  expect(root).toMatchObject({
    software_primaryPurpose: 'model',
    ai_typeOfModel: ['LlamaForCausalLM', 'llama'],
    ai_domain: ['text-generation'],
  })
  const datasets = ['a/b', 'c'].map((name) => named('dataset_DatasetPackage', name))
  for (const dataset of datasets)
    expect(dataset).toMatchObject({ dataset_datasetType: ['noAssertion'], software_primaryPurpose: 'data' })
  const edges = (word: string): unknown =>
    graph.filter((one) => one['relationshipType'] === word).map(({ from, to }) => ({ from, to }))
  expect(edges('trainedOn')).toEqual([{ from: root['spdxId'], to: datasets.map((one) => one['spdxId']).sort() }])
  expect(edges('descendantOf')).toEqual([{ from: root['spdxId'], to: [named('ai_AIPackage', 'x/y')['spdxId']] }])
  // The profiles need members that nobody said.
  expect(graph.find(({ type }) => type === 'SpdxDocument')?.['profileConformance']).toEqual([
    'core',
    'software',
    'simpleLicensing',
  ])
})

test("another tool's model card is read: inline datasets, references and parameters", async () => {
  const read = await readSbom(
    Buffer.from(
      JSON.stringify({
        bomFormat: 'CycloneDX',
        specVersion: '1.6',
        metadata: {
          component: {
            type: 'machine-learning-model',
            'bom-ref': 'm',
            name: 'm',
            modelCard: {
              modelParameters: { task: 'fill-mask', datasets: [{ type: 'dataset', name: 'wiki' }, { ref: 'd' }] },
            },
          },
        },
        components: [{ type: 'data', 'bom-ref': 'd', name: 'books', data: [{ type: 'dataset' }] }],
      }),
    ),
    'test',
  )
  expect(read.identity).toMatchObject({ type: 'machine-learning-model', model: { task: 'fill-mask', properties: [] } })
  expect(read.packages.map(({ kind, name }) => [kind, name])).toEqual([
    ['data', 'wiki'],
    ['data', 'books'],
  ])
  expect(read.relationships.filter(({ detail }) => detail === 'trainedOn').map(({ to }) => to)).toEqual(['data-0', 'd'])
  for (const to of sbomFormats) expect(lossOf(read, await readSbom(encodeDocument(read, to), to))).toEqual([])
})
