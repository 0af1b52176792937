import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openState } from '../../src/agent/state.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { door } from '../../src/actions/sbom/main.ts'
import { ownImage, plainForm } from '../../src/tasks/sbom/plain-form.ts'
import type { ActionResult } from '../../src/doors/context.ts'
import type { Ports } from '../../src/base/ports.ts'
import { sha256 } from '../../src/base/streams.ts'
import { readJweKey } from '../../src/encrypt/jwe.ts'
import { encryptImage } from '../../src/encrypt/encrypt-image.ts'
import { makeImage, type MadeImage } from '../image/make-image.ts'
import { startAgent } from '../../testkit/agent.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { application, debian } from './fixture.ts'

async function run(
  given: Record<string, string>,
  ports: Ports = testPorts(),
  state = scratch('state'),
): Promise<ActionResult> {
  const inputs = rawInputs({ given: (name) => given[name], defaults: {}, ports, confine: null, label: (name) => name })
  return door.run(inputs, { ports, state: openState(state, ports) })
}

let made: MadeImage
let image: string
beforeAll(async () => {
  made = await makeImage([debian, application])
  image = `oci:${made.directory}`
})

test('writes the documents and tells what it found', async () => {
  const directory = scratch('documents')
  const { outputs, report } = await run({ image, directory })
  expect(outputs).toMatchObject({
    'sbom-spdx-path': join(directory, 'sbom.spdx.json'),
    'sbom-cyclonedx-path': join(directory, 'sbom.cdx.json'),
    'inventory-path': join(directory, 'inventory.jsonl'),
    packages: '7',
    quality: expect.stringMatching(
      /^CISA 2026 minimum elements: \d+ present, \d+ declared unknown, \d+ absent \(of 17\)$/,
    ),
  })
  expect(readdirSync(directory).sort()).toEqual(['inventory.jsonl', 'sbom.cdx.json', 'sbom.spdx.json'])
  expect(report).toMatchObject({ status: 'passed', headline: expect.stringContaining('7 packages') })
})

test('only what was asked for is written, SOURCE_DATE_EPOCH is the time', async () => {
  const ports = testPorts()
  const dated = { ...ports, env: { ...ports.env, SOURCE_DATE_EPOCH: '86400' } }
  const { outputs } = await run({ image, formats: 'spdx-json' }, dated)
  expect(outputs['sbom-cyclonedx-path']).toBe('')
  expect(readFileSync(outputs['sbom-spdx-path'] as string, 'utf8')).toContain('"created":"1970-01-02T00:00:00Z"')
})

test('a second step of the job unpacks no layer again, and writes the same', async () => {
  const copy = await makeImage([debian, application])
  const [state, ports] = [scratch('state'), testPorts()]
  const said: string[] = []
  const listening = { ...ports, log: { ...ports.log, info: (text: string) => void said.push(text) } }
  const first = await run({ image: `oci:${copy.directory}` }, listening, state)
  const spdx = readFileSync(first.outputs['sbom-spdx-path'] as string)
  const second = await run({ image: `oci:${copy.directory}` }, listening, state)
  expect(readFileSync(second.outputs['sbom-spdx-path'] as string).equals(spdx)).toBe(true)
  expect(said.filter((text) => text.includes('unpacked earlier'))).toHaveLength(1)
  const kept = join(state, 'pass', `${copy.image.configDigest.slice(7)}.inventory`)
  expect(statSync(kept).mode & 0o777).toBe(0o600)
  // With something else in its place, the layers are unpacked again.
  writeFileSync(kept, 'changed')
  await run({ image: `oci:${copy.directory}` }, listening, state)
  expect(said.filter((text) => text.includes('unpacked earlier'))).toHaveLength(1)
})

test.each<[string, (blob: string) => void, string]>([
  ['changed', (blob) => writeFileSync(blob, readFileSync(blob).fill(7, 30, 31)), 'digest-mismatch'],
  ['cut short', (blob) => writeFileSync(blob, readFileSync(blob).subarray(0, 100)), 'digest-mismatch'],
  [
    'that has more bytes',
    (blob) => writeFileSync(blob, Buffer.concat([readFileSync(blob), Buffer.of(0)])),
    'digest-mismatch',
  ],
  ['that is gone', (blob) => rmSync(blob), 'missing-blob'],
])('what an earlier step found is not taken for a layer %s since', async (_what, change, code) => {
  const copy = await makeImage([debian, application])
  const [state, ports] = [scratch('state'), testPorts()]
  await run({ image: `oci:${copy.directory}` }, ports, state)
  change(join(copy.directory, 'blobs/sha256', (copy.image.manifest.layers[0]?.digest ?? '').slice(7)))
  await expect(run({ image: `oci:${copy.directory}` }, ports, state)).rejects.toMatchObject({ code })
})

test('an image with the same configuration and other blobs is read for itself', async () => {
  const [state, ports] = [scratch('state'), testPorts()]
  const one = await makeImage([debian, application])
  const other = await makeImage([debian, application], { compression: 'zstd' })
  expect(other.image.configDigest).toBe(one.image.configDigest)
  const read = async (directory: string): Promise<Buffer> =>
    readFileSync((await run({ image: `oci:${directory}` }, ports, state)).outputs['inventory-path'] as string)
  const inventory = await read(one.directory)
  expect((await read(other.directory)).equals(inventory)).toBe(true)
  // Layers of another image under the same configuration.
  const forged = await makeImage([debian, [{ path: 'evil' }]], { config: { rootfs: one.image.config.rootfs } })
  expect(forged.image.configDigest).toBe(one.image.configDigest)
  await expect(read(forged.directory)).rejects.toMatchObject({ code: 'digest-mismatch' })
})

test.each<[string, Record<string, string>, string]>([
  ['no image', {}, 'input-missing'],
  ['an unknown format', { image: 'x', formats: 'spdx-xml' }, 'input-invalid'],
  ['two ways to a key', { image: 'x', 'kbs-url': 'embedded:x', 'decryption-key': 'env:K' }, 'input-invalid'],
])('%s is refused', async (_what, given, code) => {
  const ports = testPorts()
  await expect(run(given, { ...ports, env: { ...ports.env, K: 'key' } })).rejects.toMatchObject({ code })
})

test('a bad SOURCE_DATE_EPOCH is refused', async () => {
  const ports = testPorts()
  await expect(run({ image }, { ...ports, env: { ...ports.env, SOURCE_DATE_EPOCH: 'now' } })).rejects.toMatchObject({
    code: 'input-invalid',
  })
})

test('an encrypted image gives the same documents with its key, and none without', async () => {
  const ports = testPorts()
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const target = await makeImage([])
  const jwe = readJweKey(pem, 'test')
  const plan = {
    target: target.store,
    recipients: [{ scheme: 'jwe', keyId: jwe.id, key: jwe }],
    kek: () => Promise.reject(new Error('no KEK here')),
    random: ports.random,
  } as const
  const { descriptor } = await encryptImage(made.store, made.image, plan, { tag: 'encrypted' })
  const reference = `oci:${target.directory}:encrypted@${descriptor.digest}`
  await expect(run({ image: reference }, ports)).rejects.toMatchObject({ code: 'input-missing' })
  const key = join(scratch('key'), 'key.pem')
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  // A copy for syft would lie decrypted on the disk.
  const exec = { ...ports.exec, find: () => Promise.resolve('/bin/true') }
  for (const engine of ['syft', 'both']) {
    const given = { image: reference, 'decryption-key': key, engine }
    await expect(run(given, { ...ports, exec })).rejects.toMatchObject({ code: 'unsupported', subject: 'engine' })
  }
  const [plain, opened] = [await run({ image }), await run({ image: reference, 'decryption-key': key }, ports)]
  for (const output of ['sbom-spdx-path', 'sbom-cyclonedx-path', 'inventory-path']) {
    expect(readFileSync(opened.outputs[output] as string).equals(readFileSync(plain.outputs[output] as string))).toBe(
      true,
    )
  }
})

describe('an image that this job has encrypted', () => {
  test('is described in its plain form, and the event speaks of that, whichever of the two was given', async () => {
    const agent = await startAgent()
    try {
      const ports = agent.ports
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const jwe = readJweKey(publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'test')
      const target = await makeImage([])
      const plan = {
        target: target.store,
        recipients: [{ scheme: 'jwe', keyId: jwe.id, key: jwe }],
        kek: () => Promise.reject(new Error('no KEK here')),
        random: ports.random,
      } as const
      const { descriptor } = await encryptImage(made.store, made.image, plan, { tag: 'encrypted' })
      const encrypted = `oci:${target.directory}:encrypted@${descriptor.digest}`
      const state = openState(agent.directory, ports)
      await state.rememberImage(made.digest, `${image}@${made.digest}`, 'plain')
      await state.rememberImage(descriptor.digest, encrypted, 'encrypted')
      const lastSbom = async (): Promise<unknown> =>
        (await agent.client.journal()).findLast(({ kind }) => kind === 'sbom')?.inputs[0]?.digest

      // Another job's encrypted image is what it is, and so is one that merely was remembered last: nothing ties it to a plain form.
      expect(await ownImage(state)).toBe(encrypted)
      expect(await plainForm(state, descriptor.digest)).toBeNull()

      await agent.client.append({
        kind: 'encrypt',
        inputs: [{ role: 'image', name: 'x', digest: made.digest, mediaType: made.image.descriptor.mediaType }],
        outputs: [{ role: 'image', name: 'x', digest: descriptor.digest, mediaType: descriptor.mediaType }],
        result: { layers: [], recipients: [] },
      })
      expect(await ownImage(state)).toBe(`${image}@${made.digest}`)
      // No key is needed: the plain one is read.
      await run({}, ports, agent.directory)
      expect(await lastSbom()).toBe(made.digest)

      const key = join(scratch('key'), 'key.pem')
      writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }))
      await run({ image: encrypted, 'decryption-key': key, formats: 'spdx-json' }, ports, agent.directory)
      expect((await agent.client.journal()).filter(({ kind }) => kind === 'sbom')).toHaveLength(2)
      expect(await lastSbom()).toBe(made.digest)
      // Of an image that came in later, nothing is mixed up with the plain one from before.
      await state.rememberImage(`sha256:${'1'.repeat(64)}`, `oci:/x@sha256:${'1'.repeat(64)}`, 'published')
      expect(await ownImage(state)).toBe(`oci:/x@sha256:${'1'.repeat(64)}`)
    } finally {
      await agent.client.stop()
    }
  })
})

test('every format of a job with an agent stands in its journal, each under a role of its own', async () => {
  const agent = await startAgent()
  try {
    const formats = 'spdx-json,spdx3-json,cyclonedx-json,cyclonedx1.7-json'
    await run({ image, formats }, agent.ports, agent.directory)
    const event = (await agent.client.journal()).find(({ kind }) => kind === 'sbom')
    expect(event?.outputs.map(({ role }) => role)).toEqual([
      'sbom-spdx',
      'sbom-spdx3',
      'sbom-cyclonedx',
      'sbom-cyclonedx17',
      'inventory',
    ])
  } finally {
    await agent.client.stop()
  }
})

test('an sbom event stands in the journal, once', async () => {
  const agent = await startAgent()
  try {
    const { outputs } = await run({ image }, agent.ports, agent.directory)
    await run({ image }, agent.ports, agent.directory)
    const events = (await agent.client.journal()).filter(({ kind }) => kind === 'sbom')
    expect(events).toHaveLength(1)
    const digestOf = (output: string): string => sha256(readFileSync(outputs[output] as string))
    expect(events[0]).toMatchObject({
      inputs: [
        { role: 'image', digest: made.digest },
        { role: 'config', digest: made.image.configDigest },
      ],
      outputs: [
        { role: 'sbom-spdx', digest: digestOf('sbom-spdx-path') },
        { role: 'sbom-cyclonedx', digest: digestOf('sbom-cyclonedx-path') },
        { role: 'inventory', digest: digestOf('inventory-path') },
      ],
      result: { packages: 7 },
    })
    const state = openState(agent.directory, agent.ports)
    expect(existsSync((await state.recall('inventory-path')) ?? '')).toBe(true)
  } finally {
    await agent.client.stop()
  }
})
