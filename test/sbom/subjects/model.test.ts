import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { sha256 } from '../../../src/base/streams.ts'
import { parseJcs } from '../../../src/encoding/jcs.ts'
import { CardReader } from '../../../src/sbom/subjects/model/card.ts'
import { omsFiles, omsRoot, omsStatement } from '../../../src/sbom/subjects/model/oms.ts'
import { openLocalTree } from '../../../src/sbom/subjects/tree/local.ts'
import { passTree, type TreePass } from '../../../src/sbom/subjects/tree/pass.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { documentsOf, fill, run } from './run.ts'

async function pass(root: string): Promise<TreePass> {
  return passTree(await openLocalTree({ root, proc: '/proc', attributes: 'git' }), [])
}

interface Statement {
  subject: [{ name: string; digest: { sha256: string } }]
  predicateType: string
  predicate: { resources: { name: string; digest: string; algorithm: string }[]; serialization: object }
}

describe('the signing manifest', () => {
  for (const name of ['key', 'certificate', 'sigstore']) {
    const path = `sbom/oms/test-vectors/v1.0/valid/${name}.bundle.json`
    withPeers([`vectors:${path}`], `root digest of the vector ${name}`, async () => {
      const bundle = JSON.parse(readFileSync(vector(path), 'utf8')) as { dsseEnvelope: { payload: string } }
      const statement = JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString()) as Statement
      const { resources } = statement.predicate
      expect(omsRoot(resources)).toBe(`sha256:${statement.subject[0].digest.sha256}`)
      expect(omsRoot([...resources].reverse())).not.toBe(`sha256:${statement.subject[0].digest.sha256}`)
    })
  }

  test('by files: sorted by code points, without what the specification leaves out', async () => {
    const root = fill(scratch('model'), {
      ...{ 'a/b': '1', 'a-b': '2', é: '3', empty: '', 'sub/.gitignore': 'kept: not at the top' },
      ...{ '.gitignore': 'x', '.gitattributes': 'x', '.github/workflow': 'x' },
    })
    symlinkSync('a-b', join(root, 'link'))
    const manifest = omsFiles((await pass(root)).inventory)
    expect(manifest.resources.map(({ name }) => name)).toEqual(['a-b', 'a/b', 'empty', 'sub/.gitignore', 'é'])
    expect(manifest.resources[0]).toEqual({ name: 'a-b', algorithm: 'sha256', digest: sha256('2').slice(7) })
    expect(manifest.gaps).toMatchObject([{ path: 'link', reason: 'unsupported' }])
    const raw = Buffer.concat(
      ['2', '1', '', 'kept: not at the top', '3'].map((text) => Buffer.from(sha256(text).slice(7), 'hex')),
    )
    expect(manifest.root).toBe(sha256(raw))
  })

  withPeers(['vectors:sbom/oms/schemas/v1.0'], 'is valid by the official schemas', async () => {
    const root = fill(scratch('model'), { x: '1' })
    const { inventory } = await pass(root)
    const schema = (name: string): object =>
      JSON.parse(readFileSync(vector(`sbom/oms/schemas/v1.0/${name}.schema.json`), 'utf8')) as object
    const ajv = new Ajv2020({ strict: false })
    const statement = ajv.addSchema(schema('predicate')).compile(schema('statement'))
    const bytes = omsStatement('m', omsFiles(inventory))
    expect([statement(parseJcs(bytes, 'test')), statement.errors]).toEqual([true, null])
    expect(
      statement({ ...(parseJcs(omsStatement('m', omsFiles(inventory)), 'test') as object), predicateType: 'x' }),
    ).toBe(false)
  })
})

describe('what a card says', () => {
  test('is read in linear time, and its metadata only up to a size', async () => {
    const start = process.cpuUsage()
    const keys = Array.from({ length: 40_000 }, (_, i) => `k${i}: 1\n`).join('')
    expect(await read({ 'README.md': `---\nlicense: mit\ntask: ~\n${keys}---\n` })).toMatchObject({
      facts: { licence: 'mit' },
      gaps: [],
    })
    expect(process.cpuUsage(start).user).toBeLessThan(8_000_000)
    const long = await read({ 'README.md': `---\na: ${'x'.repeat(600_000)}\n---\n` })
    expect(long.gaps).toMatchObject([{ why: 'its metadata has 600004 characters; at most 524288 are read' }])
  })

  async function read(files: Record<string, string>): ReturnType<CardReader['finish']> {
    const reader = new CardReader()
    await passTree(await openLocalTree({ root: fill(scratch('model'), files), proc: '/proc', attributes: 'git' }), [
      reader,
    ])
    return reader.finish({ packages: [] })
  }

  test('is taken as it stands, and what it does not say stays unknown', async () => {
    const card =
      '---\nlicense: apache-2.0\ndatasets:\n- a/b\n- c\nbase_model: x/y\npipeline_tag: text-generation\nlanguage: [en, de]\n---\n# Card\n'
    const config = JSON.stringify({ architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_size: 4 })
    expect(await read({ 'README.md': card, 'config.json': config })).toEqual({
      facts: {
        architecture: 'LlamaForCausalLM',
        family: 'llama',
        task: 'text-generation',
        licence: 'apache-2.0',
        datasets: ['a/b', 'c'],
        baseModels: ['x/y'],
        languages: ['en', 'de'],
        properties: [],
      },
      gaps: [],
    })
    expect(await read({ 'README.md': '# No metadata', 'sub/config.json': config })).toEqual({
      facts: { properties: [] },
      gaps: [],
    })
  })

  test.each<[string, Record<string, string>]>([
    ['JSON that is none', { 'config.json': '{' }],
    ['a list for an object', { 'config.json': '[]' }],
    ['metadata without an end', { 'README.md': '---\nlicense: mit\n' }],
    ['YAML that is none', { 'README.md': '---\n{\n---\n' }],
    ['aliases', { 'README.md': '---\na: &x [1]\nb: *x\n---\n' }],
    ['too much', { 'README.md': `---\n${' '.repeat(1 << 20)}` }],
  ])('%s is a gap, not silence', async (_what, files) => {
    const { facts, gaps } = await read(files)
    expect(gaps).toMatchObject([{ path: Object.keys(files)[0], kind: 'model' }])
    expect(facts).toEqual({ properties: [] })
  })
})

test('a model is named by the root digest of its signing manifest', async () => {
  // A head without tensors: its length in eight bytes, then a JSON object.
  const files = {
    'model.safetensors': '\x02\0\0\0\0\0\0\0{}',
    'config.json': '{"model_type":"bert"}',
    '.git/config': 'x',
  }
  const root = fill(join(scratch('model'), 'tiny'), files)
  const result = await run({ subject: `model:${root}` })
  const manifest = readFileSync(result.outputs['model-manifest-path'] ?? '')
  const statement = JSON.parse(manifest.toString()) as Statement
  expect(statement.predicate.resources.map(({ name }) => name)).toEqual(['config.json', 'model.safetensors'])
  expect(result.report.subject).toEqual({ name: 'tiny', digest: `sha256:${statement.subject[0].digest.sha256}` })
  expect(result.report.headline).toMatch(/^Model described/)
  // Another file, another model; a dataset in the same way.
  const other = await run({ subject: `dataset:${fill(root, { more: 'x' })}` })
  expect(other.report.subject?.digest).not.toBe(result.report.subject?.digest)
  expect(documentsOf(other)['inventory-path']).not.toContain('.git/config')
  expect((await run({ subject: `directory:${root}` })).outputs['model-manifest-path']).toBe('')
})
