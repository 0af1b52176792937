import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commands } from '../../../src/cli/commands.ts'
import type { CommandResult } from '../../../src/cli/command.ts'
import { openState } from '../../../src/agent/state.ts'
import type { Ports } from '../../../src/base/ports.ts'
import { rawInputs } from '../../../src/doors/raw-inputs.ts'
import { putArtifact } from '../../../src/oci/artifact.ts'
import { testPorts } from '../../../testkit/ports.ts'
import { codeOf, putImage, storeOf } from '../../oci/helpers.ts'

async function run(name: string, given: Record<string, string>, ports: Ports): Promise<CommandResult> {
  const command = commands[name]
  if (command === undefined) throw new Error(name)
  const defaults = Object.fromEntries(command.inputs.map((input) => [input.name, input.default ?? '']))
  const inputs = rawInputs({ given: (of) => given[of], defaults, ports, confine: null, label: (of) => `--${of}` })
  return command.run(inputs, { ports, state: openState(join(ports.roots.temp, 'state'), ports) })
}

test('repair says what it did, once; a dry run says that nothing was written', async () => {
  const ports = testPorts()
  const store = storeOf('oci:layout', ports)
  const image = await putImage(store, 'layer', 'v1')
  const { digest } = await putArtifact(store, { artifactType: 'application/x', subject: image, layers: [] })
  await store.listing?.rewrite(image.digest, () => [])
  writeFileSync(join(ports.roots.cwd, 'receipts.json'), JSON.stringify([{ manifest: digest }]))
  const given = { image: 'oci:layout:v1', from: 'receipts.json' }
  const line = `listed again  ${digest}  application/x, attached to ${image.digest}`
  const planned = await run('repair', { ...given, 'dry-run': 'true' }, ports)
  expect(planned.text).toContain(line)
  expect(planned.text).toContain('Nothing was written')
  expect((await run('repair', given, ports)).text).toContain(line)
  const again = await run('repair', given, ports)
  expect(again.text).toContain('Nothing was to be done.')
  expect(again.outputs).toMatchObject({ listed: 1, added: [], restored: [], corrected: [], missing: [] })
  writeFileSync(join(ports.roots.cwd, 'empty.txt'), '')
  expect(await codeOf(run('repair', { ...given, from: 'empty.txt' }, ports))).toBe('file-invalid')
  expect(await codeOf(run('repair', { ...given, from: 'absent.txt' }, ports))).toBe('file-missing')
})

test('repair names what is gone, and what a dry run would drop', async () => {
  const ports = testPorts()
  const store = storeOf('oci:layout', ports)
  const image = await putImage(store, 'layer', 'v1')
  const { digest } = await putArtifact(store, { artifactType: 'application/x', subject: image, layers: [] })
  rmSync(join(ports.roots.cwd, 'layout/blobs/sha256', digest.slice(7)))
  const text = async (more: Record<string, string>): Promise<string | undefined> =>
    (await run('repair', { image: 'oci:layout:v1', ...more }, ports)).text
  const gone = `gone  ${digest}: listed, but its manifest is gone.`
  expect(await text({})).toContain(`${gone} \`--drop-missing\` takes it out`)
  expect(await text({ 'drop-missing': 'true', 'dry-run': 'true' })).toContain(`${gone} It would be dropped.`)
  expect(await text({ 'drop-missing': 'true' })).toContain(`dropped  ${digest}`)
})

test('gc-report of a repository and of one image, as text and as JSON', async () => {
  const ports = testPorts()
  const store = storeOf('oci:layout', ports)
  const image = await putImage(store, 'layer', 'v1')
  const { digest } = await putArtifact(store, { artifactType: 'application/x', subject: image, layers: [] })
  expect((await run('gc-report', { image: 'oci:layout' }, ports)).text).toContain(`${digest}  application/x`)
  const { text, outputs } = await run('gc-report', { image: 'oci:layout:v1', format: 'json' }, ports)
  expect(JSON.parse(text ?? '')).toEqual(outputs)
  expect(outputs).toMatchObject({ roots: 1, orphans: null, untagged: [{ manifest: digest, parent: image.digest }] })
  expect(await codeOf(run('gc-report', { image: 'oci:layout', format: 'xml' }, ports))).toBe('input-invalid')
})
