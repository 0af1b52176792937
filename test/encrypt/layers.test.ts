import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readInputs } from '../../src/actions/encrypt/inputs.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { decryptImage } from '../../src/encrypt/decrypt-image.ts'
import { encryptImage } from '../../src/encrypt/encrypt-image.ts'
import type { EncryptionPlan } from '../../src/encrypt/encrypt-layer.ts'
import { wrapWithKek } from '../../src/encrypt/packet.ts'
import { loadImage } from '../../src/image/load.ts'
import { openLayout } from '../../src/oci/layout.ts'
import type { Descriptor, Store } from '../../src/oci/types.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { codeOf, makeImage } from './support.ts'

const ports = testPorts()

/** Encryption for one KBS key. */
function planFor(target: Store, key: Buffer): EncryptionPlan & { target: Store } {
  return {
    target,
    recipients: [{ scheme: 'kbs', keyId: 'kbs:///a/b/c' }],
    random: randomBytes,
    kek: async (_, plain) => ({ wrapped: wrapWithKek(key, plain, Buffer.alloc(12)), iv: Buffer.alloc(12) }),
  }
}

async function layersOf(text: string): Promise<number[] | null> {
  const given = (name: string): string | undefined => ({ layers: text, recipients: 'kbs:///a/b/c' })[name]
  const inputs = rawInputs({ given, defaults: { layers: 'all' }, ports, confine: null, label: (name) => name })
  return (await readInputs(inputs, ports)).layers
}

describe('`layers`', () => {
  test.each([
    ['all', null],
    ['', null],
    ['0', [0]],
    ['-1', [-1]],
    ['0, 2\n-1', [0, 2, -1]],
  ] as const)('%j', async (text, expected) => {
    expect(await layersOf(text)).toEqual(expected)
  })
  test.each(['1.5', 'all,1', '00', '-0', '12345', 'x'])('%j is refused', async (text) => {
    expect(await codeOf(layersOf(text))).toBe('input-invalid')
  })
  test('nothing but a comma chooses no layer, which is refused: nothing would be encrypted', async () => {
    expect(await layersOf(',')).toEqual([])
    const key = randomBytes(32)
    const { store, image } = await makeImage(scratch('layers'), ports, [Buffer.from('a')])
    const plan = planFor(store, key)
    await expect(encryptImage(store, image, plan, { layers: [] })).rejects.toMatchObject({
      code: 'input-invalid',
      message: 'layers: no position is given',
      remedy: expect.stringContaining('numbers from 0 to 0'),
    })
    await expect(encryptImage(store, image, plan, { layers: [-5] })).rejects.toMatchObject({
      message: 'layers: there is no layer -5',
    })
  })
})

test('a blob that was changed in its folder is refused by the MAC, though nobody hashes it', async () => {
  const directory = scratch('damaged')
  const key = randomBytes(32)
  const { store, image } = await makeImage(directory, ports, [randomBytes(500_000)])
  const plan = planFor(store, key)
  const made = await encryptImage(store, image, plan)
  const sealed = await loadImage(store, made.descriptor.digest)
  const [layer] = sealed.manifest.layers as [Descriptor]
  const path = join(directory, 'blobs/sha256', layer.digest.slice(7))
  const bytes = readFileSync(path)
  const target = (): ReturnType<typeof openLayout> => openLayout(scratch('target'), 'localhost/x', ports)
  const opened = (): Promise<string> =>
    codeOf(decryptImage(store, sealed, { kek: async () => key }, { target: target() }))
  expect(await opened()).toBe('resolved')
  for (const changed of [
    Buffer.concat([bytes, Buffer.from('x')]),
    bytes.subarray(0, -1),
    Buffer.from(bytes).fill(1, 300_000, 300_001),
  ]) {
    writeFileSync(path, changed)
    expect(await opened()).toBe('decryption-failed')
  }
})
