import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../../src/base/streams.ts'
import type { DiffResult } from '../../../src/sbom/diff/result.ts'
import { diffResultSchema } from '../../../src/sbom/diff/result-schema.ts'
import { describeImage, type Described } from '../../../src/sbom/scan.ts'
import { makeImage, type MadeImage } from '../../image/make-image.ts'
import { edited, encrypted, layers, referenceOf } from '../../sbom/diff/images.ts'
import { scratch } from '../../../testkit/ports.ts'
import { door, type Answer } from '../tee/door.ts'
import { attest, ours, theirs, type Key } from './attest.ts'

async function verify(...args: string[]): Promise<Answer<DiffResult>> {
  const answer = await door<DiffResult>('sbom verify', ...args)
  if (answer.error === undefined) diffResultSchema.parse(answer.outputs)
  return answer
}

function pemFile({ signer }: Key): string {
  const path = join(scratch('key'), 'key.pub')
  writeFileSync(path, signer.publicKeyPem)
  return path
}

async function described({ store, image }: MadeImage): Promise<Described> {
  return describeImage(store, image)
}

test('attested documents of the image that it is', async () => {
  const made = await makeImage(layers)
  await attest(made, await described(made), ['spdx', 'cyclonedx', 'inventory'])
  const { code, outputs, text } = await verify(referenceOf(made), '--public-key', pemFile(ours))
  expect({ code, verdict: outputs.verdict, changes: outputs.changes }).toEqual({
    code: 0,
    verdict: 'equal',
    changes: [],
  })
  expect(outputs.parts.map(({ statement }) => [statement?.predicateType, statement?.signature])).toEqual(
    expect.arrayContaining([
      ['https://spdx.dev/Document', 'verified'],
      ['https://cyclonedx.org/bom', 'verified'],
    ]),
  )
  expect(outputs.parts.every(({ a }) => a.files !== null)).toBe(true)
  expect(text.replace(/\s+/g, ' ')).toContain('signature verified with the key')
})

test('without a key the comparison is made, and says that no signature was verified', async () => {
  const made = await makeImage(layers)
  await attest(made, await described(made), ['spdx'])
  const { code, outputs, text } = await verify(referenceOf(made))
  expect([code, outputs.parts[0]?.statement?.signature]).toEqual([0, 'not-verified'])
  expect(text).toContain('signature NOT verified')
})

test('what another key signed is ignored and told; nothing else is an error', async () => {
  const made = await makeImage(layers)
  const other = await described(await makeImage(edited('opt/stray', { text: 'x' })))
  await attest(made, other, ['spdx'], theirs)
  const alone = await verify(referenceOf(made), '--public-key', pemFile(ours))
  expect(alone).toMatchObject({
    code: 1,
    error: {
      code: 'missing-statement',
      message: expect.stringContaining('no given key'),
      remedy: expect.stringContaining('Give the key that signed the documents'),
    },
  })
  const bare = await verify(referenceOf(await makeImage(layers)), '--public-key', pemFile(ours))
  expect(bare.error).toMatchObject({
    message: expect.not.stringContaining('given key'),
    remedy: expect.stringContaining('Attach one (the action sbom, then sign-attest)'),
  })
  await attest(made, await described(made), ['cyclonedx'])
  const both = await verify(referenceOf(made), '--public-key', pemFile(ours))
  expect([both.code, both.outputs.parts.length]).toEqual([0, 1])
  expect(both.outputs.parts[0]?.notes.join()).toContain('no given key signed them')
  // Without a key everything counts: the stranger's document refuses.
  expect((await verify(referenceOf(made))).code).toBe(1)
  expect((await verify(referenceOf(made), '--public-key', `${pemFile(ours)},${pemFile(theirs)}`)).code).toBe(1)
})

test('documents of another image, with the files that differ', async () => {
  const made = await makeImage(layers)
  await attest(made, await described(await makeImage(edited('usr/sbin/tool', { text: 'the fool' }))), [
    'spdx',
    'inventory',
  ])
  const { code, outputs } = await verify(referenceOf(made), '--public-key', pemFile(ours))
  expect(code).toBe(1)
  expect(outputs.changes.map(({ level, key }) => [level, key])).toEqual(
    expect.arrayContaining([
      ['identity', 'config-digest'],
      ['files', 'usr/sbin/tool'],
      ['integrity', 'usr/sbin/tool'],
    ]),
  )
})

test('an encrypted image with documents about its plain form', async () => {
  const { reference, key, made } = await encrypted()
  const { resolveImage } = await import('../../../src/oci/open.ts')
  const { loadImage } = await import('../../../src/image/load.ts')
  const { testPorts } = await import('../../../testkit/ports.ts')
  const { store, descriptor } = await resolveImage(reference, testPorts())
  await attest({ store, image: await loadImage(store, descriptor.digest) }, await described(made), [
    'spdx',
    'inventory',
  ])
  const { code, outputs } = await verify(reference, '--public-key', pemFile(ours), '--decryption-key', key)
  expect([code, outputs.verdict]).toEqual([0, 'equal'])
  expect((await verify(reference, '--public-key', pemFile(ours))).error).toMatchObject({ code: 'input-missing' })
})

test('given documents in place of attested ones', async () => {
  const made = await makeImage(layers)
  const found = await described(made)
  const folder = scratch('documents')
  const [spdx, inventory] = [join(folder, 'sbom.spdx.json'), join(folder, 'files.jsonl')]
  writeFileSync(spdx, found.spdx)
  writeFileSync(inventory, found.inventory)
  expect((await verify(referenceOf(made), '--sbom', spdx)).code).toBe(0)
  expect((await verify(referenceOf(made), '--sbom', spdx, '--inventory', inventory)).code).toBe(0)
  expect((await verify(referenceOf(made), '--sbom', `${spdx},${inventory}`)).outputs.parts).toHaveLength(2)
  const other = referenceOf(await makeImage(edited('opt/stray', { text: 'x' })))
  expect((await verify(other, '--sbom', spdx)).code).toBe(1)
  expect((await verify(other, '--sbom', inventory)).code).toBe(1)
})

test.each([
  ['no image', [], 2, 'input-missing'],
  ['an image that is not there', ['oci:/nowhere/at/all:x'], 2, 'not-found'],
  ['nothing attested', ['IMAGE'], 1, 'missing-statement'],
  ['a key that is none', ['IMAGE', '--public-key', 'IMAGE-INDEX'], 2, 'file-invalid'],
  ['a document and a key', ['IMAGE', '--sbom', 'x', '--public-key', 'KEY'], 2, 'input-invalid'],
  ['a document that is not there', ['IMAGE', '--sbom', 'nowhere.json'], 2, 'file-missing'],
])('%s', async (_, args, code, reason) => {
  const made = await makeImage(layers)
  const values: Record<string, string> = {
    IMAGE: referenceOf(made),
    'IMAGE-INDEX': join(made.directory, 'index.json'),
    KEY: pemFile(ours),
  }
  const answer = await verify(...args.map((arg) => values[arg] ?? arg))
  expect([answer.code, answer.error?.code]).toEqual([code, reason])
})

test('a damaged layer is refused, not compared', async () => {
  const made = await makeImage(layers)
  await attest(made, await described(made), ['spdx'])
  const [layer] = made.image.manifest.layers
  const path = join(made.directory, 'blobs/sha256', layer?.digest.slice(7) ?? '')
  writeFileSync(path, 'x'.repeat(layer?.size ?? 0))
  const answer = await verify(referenceOf(made))
  expect(answer.code).toBe(1)
  expect(answer.error).toBeDefined()
})

test('an SBOM that is attested and cannot be read is an error', async () => {
  const made = await makeImage(layers)
  const broken = { ...(await described(made)), spdx: Buffer.from('{"spdxVersion":"SPDX-2.3"}') }
  await attest(made, broken as Described, ['spdx'])
  expect((await verify(referenceOf(made))).error).toMatchObject({ code: 'format-invalid' })
})

test('the key is named by its digest', async () => {
  const made = await makeImage(layers)
  await attest(made, await described(made), ['spdx'])
  const { outputs } = await verify(referenceOf(made), '--public-key', pemFile(ours))
  const der = Buffer.from(ours.signer.publicKeyPem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  expect(outputs.parts[0]?.statement?.key).toBe(sha256(der))
})

test('a folder is compared with its document', async () => {
  const folder = scratch('folder')
  writeFileSync(join(folder, 'package.json'), '{"name":"app","version":"1.0.0"}')
  writeFileSync(join(folder, 'run'), '#!/bin/sh\n', { mode: 0o755 })
  const { subjectDocuments } = await import('../../../src/tasks/compare/subject.ts')
  const { testPorts } = await import('../../../testkit/ports.ts')
  const { openState } = await import('../../../src/agent/state.ts')
  const ports = testPorts()
  const none = (): Promise<never> => Promise.reject(new Error('not served'))
  const caller = { fetch: none, secret: none, deliver: none }
  const context = { ports, work: openState(`${ports.roots.temp}/state`, ports), agent: null, caller }
  for (const format of ['spdx-json', 'cyclonedx-json'] as const) {
    const { document } = await subjectDocuments(
      { kind: 'directory', name: 'folder', path: folder, exclude: [] },
      format,
      context,
    )
    const file = join(scratch('document'), 'sbom.json')
    writeFileSync(file, document)
    const { code, outputs } = await verify(`directory:${folder}`, '--sbom', file)
    expect([format, code, outputs.changes]).toEqual([format, 0, []])
    const other = scratch('folder')
    writeFileSync(join(other, 'package.json'), '{"name":"app","version":"2.0.0"}')
    const changed = await verify(`directory:${other}`, '--sbom', file)
    expect([changed.code, changed.outputs.changes.map(({ level }) => level)]).toEqual([
      1,
      expect.arrayContaining(['identity', 'packages', 'files', 'coverage']),
    ])
  }
  expect((await verify(`directory:${folder}`)).error).toMatchObject({ code: 'input-missing' })
  expect((await verify('directory:', '--sbom', 'x')).error).toMatchObject({ code: 'input-invalid' })
  expect((await verify('directory:/nowhere/at/all', '--sbom', join(folder, 'run'))).error).toMatchObject({
    code: 'format-invalid',
  })
})
