import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { door } from '../../src/actions/build-reproducible/main.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { openState } from '../../src/agent/state.ts'
import { sha256 } from '../../src/base/streams.ts'
import { parseJcs } from '../../src/encoding/jcs.ts'
import type { JournalEvent } from '../../src/journal/event.ts'
import { renderMarkdown } from '../../src/report/markdown.ts'
import { startAgent } from '../../testkit/agent.ts'
import { makeKey } from '../../testkit/chain.ts'
import { root } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { tree } from './support.ts'

const definition = parse(readFileSync(join(root, 'actions/build-reproducible/action.yml'), 'utf8')) as {
  inputs: Record<string, { default: string }>
  outputs: Record<string, unknown>
}
const defaults = Object.fromEntries(Object.entries(definition.inputs).map(([name, input]) => [name, input.default]))

async function setup(given: Record<string, string>, env: Record<string, string> = {}) {
  const plain = testPorts()
  const ports = { ...plain, env: { ...plain.env, ...env } }
  const { client, directory } = await startAgent({}, {}, ports)
  const state = { ...openState(directory, ports), agent: () => Promise.resolve(client) }
  const events = async (): Promise<JournalEvent[]> => (await client.journal()).slice(1)
  const inputs = rawInputs({ given: (name) => given[name], defaults, ports, confine: null, label: (name) => name })
  const context = { ports, state }
  return { events, state, run: () => door.run(inputs, context) }
}

const plain = { builder: 'embedded', 'source-date-epoch': '1700000000' }
const files = { a: 'A', Containerfile: 'FROM scratch\nCOPY . /\n' }

describe('build-reproducible', () => {
  test('gives its outputs, remembers, journals and reports', async () => {
    const artifacts = join(scratch(), 'artifacts')
    const { events, state, run } = await setup(
      { ...plain, context: tree(files), labels: 'a=b=c\nd=' },
      { GITHUB_ARTIFACTS: artifacts },
    )
    const { outputs, report, refused } = await run()
    expect(refused).toBeUndefined()
    expect(Object.keys({ ...outputs, 'report-path': '' }).sort()).toEqual(Object.keys(definition.outputs).sort())
    expect(outputs).toMatchObject({ reproducible: 'true', 'layout-path': join(state.directory, 'layout') })
    expect(outputs['image']).toBe(`oci:${state.directory}/layout:latest@${outputs['digest']}`)
    expect(readFileSync(artifacts, 'utf8')).toBe(`oci://${state.directory}/layout:latest@${outputs['digest']}\n`)
    expect(await state.lastImage(['plain'])).toBe(outputs['image'])
    expect(await state.recall('build-record-path')).toBe(outputs['build-record-path'])

    const bytes = readFileSync(outputs['build-record-path'] ?? '')
    const record = parseJcs(bytes, 'record')
    expect(record).toMatchObject({ v: 1, labels: { a: 'b=c', d: '' }, image: { manifest: outputs['digest'] } })
    // Nothing of this machine: no folder, no name.
    expect(bytes.toString()).not.toContain(state.directory)
    expect(bytes.toString()).not.toContain('/tmp')
    const journal = await events()
    expect(journal).toHaveLength(1)
    expect(journal[0]).toMatchObject({
      kind: 'build',
      performer: 'agent',
      inputs: [{ role: 'context' }, { role: 'file', name: 'Containerfile' }],
      outputs: [
        { role: 'image', digest: outputs['digest'] },
        { role: 'config' },
        { role: 'build-record', digest: sha256(bytes) },
      ],
      result: { reproducible: true, rebuilds: 1, independence: 'same-job' },
    })
    const markdown = renderMarkdown('build-reproducible', report, [])
    expect(markdown).toContain('2 builds, one digest')
  })

  test('a rebuild that differs is refused: nothing tagged, remembered or journalled', async () => {
    const { events, state, run } = await setup({ ...plain, context: tree(files), prepare: 'pwd > x' })
    const { outputs, report, refused } = await run()
    expect(refused).toBe(true)
    expect(outputs).toEqual({ reproducible: 'false' })
    expect(report).toMatchObject({ status: 'refused', headline: expect.stringContaining('not-reproducible') })
    expect(report.tables.at(-1)?.rows).toEqual([['/x', 'sha256, size']])
    expect(await events()).toEqual([])
    expect(await state.lastImage(['plain'])).toBeNull()
    const index = join(state.directory, 'layout/index.json')
    expect(
      existsSync(index) ? (JSON.parse(readFileSync(index, 'utf8')) as { manifests: unknown[] }).manifests : [],
    ).toEqual([])
  })

  test('require-reproducible: false keeps it and names the relaxation', async () => {
    const { events, run } = await setup({
      ...plain,
      context: tree(files),
      prepare: 'pwd > x',
      'require-reproducible': 'false',
    })
    const { outputs, report } = await run()
    expect(outputs['reproducible']).toBe('false')
    expect(report.exceptions).toHaveLength(1)
    expect((await events())[0]?.result).toMatchObject({ reproducible: false })
  })

  test('the state directory and the output never belong to the context', async () => {
    const folder = tree(files)
    const { run } = await setup({ ...plain, context: folder, output: `oci:${folder}/out:v1` })
    const first = await run()
    expect((await run()).outputs['digest']).toBe(first.outputs['digest'])
    expect(first.outputs['image']).toMatch(/out:v1@sha256:/)
  })

  test('`bases: golden` needs a policy, and refuses a base without a record', async () => {
    const missing = await setup({ ...plain, context: tree(files), bases: 'golden' })
    await expect(missing.run()).rejects.toMatchObject({ code: 'input-missing', subject: 'bases-policy' })
    const base = join(scratch(), 'base')
    const built = await setup({ ...plain, context: tree(files), output: `oci:${base}:v1` })
    await built.run()
    const policy = join(scratch(), 'bases.yml')
    writeFileSync(policy, JSON.stringify({ version: 1, keys: [makeKey().signer.publicKeyPem] }))
    const context = tree({ Containerfile: `FROM oci:${base}:v1\n` })
    const golden = await setup({ ...plain, context, bases: 'golden', 'bases-policy': policy })
    await expect(golden.run()).rejects.toMatchObject({ code: 'missing-statement', subject: `oci:${base}:v1` })
  })

  test.each([
    [{ 'source-date-epoch': 'now' }, 'source-date-epoch'],
    [{ 'source-date-epoch': '-1' }, 'source-date-epoch'],
    [{ 'build-args': 'X' }, 'build-args'],
    [{ 'build-args': 'X=1\nX=2' }, 'build-args'],
    [{ labels: '=x' }, 'labels'],
    [{ rebuilds: '10' }, 'rebuilds'],
    [{ builder: 'kaniko' }, 'builder'],
    [{ compression: 'none' }, 'compression'],
    [{ bases: 'silver' }, 'bases'],
    [{ 'bases-policy': 'bases.yml' }, 'bases-policy'],
    [{ output: `oci:/x:y@sha256:${'0'.repeat(64)}` }, 'output'],
  ])('%j is a wrong input', async (given, subject) => {
    const { run } = await setup({ ...plain, context: tree(files), ...given })
    await expect(run()).rejects.toMatchObject({ code: 'input-invalid', subject })
  })
})
