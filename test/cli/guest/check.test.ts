import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writePem } from '../../../src/encoding/pem.ts'
import { mediaTypes } from '../../../src/oci/types.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { putSmallImage } from '../../../testkit/small-image.ts'
import { kbsKeys, putShape, signBundle, signNotation, signTag } from '../../guests/support.ts'
import { newSigner, storeOf } from '../../sign/fixtures.ts'
import { certified } from '../../sign/notation/fixtures.ts'
import { door } from '../tee/door.ts'

interface Checked {
  image: string
  platform: string
  read: string
  readers: {
    reader: string
    standing: string
    by: { kind: string; of: string }
    findings: { code: string; effect: string; why: string }[]
  }[]
}

const check = (...args: string[]) => door<Checked>('guest check', ...args)

const dir = scratch('guest')
const layout = `oci:${join(dir, 'layout')}`
const store = storeOf(layout, testPorts())
const name = 'registry.example.org/team/app'
const file = (path: string, text: string): string => {
  writeFileSync(join(dir, path), text)
  return join(dir, path)
}

test('an image of both forms is read by every reader of keys: exit 0', async () => {
  const signer = await newSigner()
  const image = await putShape(store, 'both')
  await signTag(store, image, signer, { dockerReference: name })
  await signBundle(store, image, signer)
  const key = file('signer.pub', signer.publicKeyPem)
  const asked = 'coco@0.21,cosign,kyverno,kyverno-ivp,policy-controller,connaisseur,podman,docker'
  const done = await check(`${layout}:both`, '--for', asked, '--public-key', key, '--as', name)
  expect(done).toMatchObject({
    code: 0,
    outputs: { read: 'true', platform: 'linux/amd64', image: `${layout}@${image.digest}` },
  })
  expect(done.outputs.readers).toHaveLength(9)
  for (const { by } of done.outputs.readers) expect(by.kind).toBe('model')
  expect(done.text.split('\n')[0]).toBe(
    `${layout}@${image.digest} for linux/amd64: 9 of 9 read it, 0 fail, 0 could not be checked`,
  )
})

test('one reader that fails makes it a refusal, with a line for each', async () => {
  const image = await putShape(store, 'tagged')
  const signer = await newSigner()
  await signTag(store, image, signer, { dockerReference: name })
  const key = file('tagged.pub', signer.publicKeyPem)
  const done = await check(`${layout}:tagged`, '--for', 'notation,coco', '--public-key', key, '--as', name)
  expect(done).toMatchObject({ code: 1, outputs: { read: 'false' } })
  expect(done.outputs.readers.map(({ reader, standing }) => [reader, standing])).toEqual([
    ['coco@0.21', 'reads'],
    ['notation@1.3', 'fails'],
  ])
  const lines = done.text.split('\n')
  expect(lines[1]).toBe('coco@0.21     reads (model of guest-components v0.21.0 (image-rs da8d93f2))')
  expect(lines[2]).toMatch(
    /^notation@1\.3  fails \(model of notation v1\.3\.2\): it looks for a Notary Project signature/,
  )
  expect(lines[3]).toBe('              → Run sign-attest with consumers: notation.')
})

test('a note that concerns several readers is printed once', async () => {
  await putShape(store, 'noted')
  const { text, outputs } = await check(`${layout}:noted`, '--for', 'docker,podman', '--models')
  const note = 'judged as if it were copied to a registry: this reader does not open a layout directory'
  expect(text.split('\n').filter((line) => line.includes(note))).toEqual([`note for all: ${note}`])
  for (const { findings } of outputs.readers) expect(findings).toMatchObject([{ effect: 'note', why: note }])
  const { text: mixed } = await check(`${layout}:noted`, '--for', 'docker,podman,skopeo', '--models')
  expect(mixed).toContain(`note for docker@28, podman@5: ${note}`)
  const { text: alone } = await check(`${layout}:noted`, '--for', 'docker', '--models')
  expect(alone).toContain(`  note: ${note}`)
})

test('who is not asked for is not checked, which is no success', async () => {
  const image = await putShape(store, 'unasked')
  await signBundle(store, image, await newSigner())
  expect(await check(`${layout}:unasked`, '--for', 'cosign@3')).toMatchObject({
    code: 1,
    outputs: { readers: [{ standing: 'not-checked', findings: [{ effect: 'note' }, { code: 'signer-not-given' }] }] },
  })
})

test('--layers reads them, --models runs no program', async () => {
  await putSmallImage(store, { 'app/index.js': 'x' }, 'odd', 'a/../b')
  const done = await check(`${layout}:odd`, '--for', 'podman', '--layers', '--models')
  expect(done).toMatchObject({
    code: 0,
    outputs: { readers: [{ by: { kind: 'model' }, findings: [{ effect: 'note' }, { code: 'archive' }] }] },
  })
  expect((await check(`${layout}:odd`, '--for', 'podman')).outputs.readers[0]?.findings).toHaveLength(1)
})

test('roots of Notary Project readers', async () => {
  const by = certified()
  const image = await putShape(store, 'notary')
  await signNotation(store, image, by)
  const root = file('root.pem', writePem('CERTIFICATE', by.chain.at(-1)?.bytes ?? Buffer.alloc(0)))
  expect((await check(`${layout}:notary`, '--for', 'notation,ratify', '--trust-store', root)).code).toBe(0)
})

test('an encrypted image for a guest names the key that its KBS must release', async () => {
  const signer = await newSigner()
  const image = await putShape(store, 'encrypted', [
    { type: `${mediaTypes.layerGzip}+encrypted`, annotations: kbsKeys() },
  ])
  await signTag(store, image, signer, { dockerReference: name })
  const key = file('encrypted.pub', signer.publicKeyPem)
  const { code, outputs } = await check(
    `${layout}:encrypted`,
    '--for',
    'coco,docker',
    '--public-key',
    key,
    '--as',
    name,
  )
  expect(code).toBe(1)
  const [coco, docker] = outputs.readers
  expect(coco).toMatchObject({
    standing: 'reads',
    findings: [{ code: 'kbs', why: expect.stringContaining('kbs:///example/key/app') }],
  })
  expect(docker).toMatchObject({ standing: 'fails', findings: [{ code: 'encrypted' }] })
})

test.each<[string, string[], string]>([
  ['an unknown reader', ['--for', 'rkt'], 'input-invalid'],
  ['no rules for a version', ['--for', 'coco@0.1'], 'input-invalid'],
  ['half an identity', ['--identity', 'a@example.org'], 'input-missing'],
  ['a root without an identity', ['--trusted-root', file('root.json', '{}')], 'input-missing'],
  [
    'key and identity',
    ['--public-key', file('any.pub', 'x'), '--identity', 'a', '--issuer', 'https://a'],
    'input-invalid',
  ],
  ['a key that is none', ['--public-key', file('bad.pub', 'x')], 'file-invalid'],
  ['a store without certificates', ['--trust-store', file('bad.pem', 'x')], 'file-invalid'],
  ['a name with a tag', ['--as', `${name}:1`], 'input-invalid'],
  ['a name that is a layout', ['--as', layout], 'input-invalid'],
  ['a KBS that is no URL', ['--kbs-url', 'embedded:dir'], 'input-invalid'],
  ['no platform', ['--platform', 'linux'], 'input-invalid'],
])('%s is wrong use', async (_what, args, code) => {
  await putShape(store, 'any')
  expect(await check(`${layout}:any`, ...args)).toMatchObject({ code: 2, error: { code } })
})

test('an image that is not there is wrong use', async () => {
  expect(await check(`${layout}:gone`)).toMatchObject({ code: 2, error: { code: 'not-found' } })
})
