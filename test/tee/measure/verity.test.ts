import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { verityRootHash, type VerityOptions } from '../../../src/tee/measure/verity.ts'

interface Golden {
  cases: {
    blocks: number
    hash: VerityOptions['hash']
    dataBlock: number
    hashBlock: number
    salt: string
    root: string
  }[]
}
const { cases } = JSON.parse(readFileSync(join(import.meta.dirname, 'veritysetup.json'), 'utf8')) as Golden
const usual: VerityOptions = { hash: 'sha256', salt: Buffer.alloc(32), dataBlock: 4096, hashBlock: 4096 }

test.each(cases)('as veritysetup: $blocks blocks of $dataBlock, $hash, tree of $hashBlock', async (c) => {
  const data = Buffer.alloc(c.blocks * c.dataBlock)
  for (let at = 0; at < data.length; at += 512) data.writeUInt32LE((at * 2_654_435_761) >>> 0, at)
  const options = { ...c, salt: Buffer.from(c.salt, 'hex') }
  for (const step of [data.length, 1000]) {
    expect((await verityRootHash(pieces(data, step), options)).toString('hex')).toBe(c.root)
  }
})

test('one byte changes the root', async () => {
  const data = Buffer.alloc(130 * 4096)
  const plain = await verityRootHash(pieces(data, 4096), usual)
  data[data.length - 1] = 1
  expect(await verityRootHash(pieces(data, 4096), usual)).not.toEqual(plain)
})

test.each([
  ['no bytes', 0, {}],
  ['half a block', 4096 + 2048, {}],
  ['a block size that is no power of 2', 4096, { dataBlock: 3000 }],
  ['a tiny block', 4096, { hashBlock: 256 }],
  ['a long salt', 4096, { salt: Buffer.alloc(257) }],
])('%s', async (_title, size, options) => {
  const data = Buffer.alloc(size)
  await expect(verityRootHash(pieces(data, 4096), { ...usual, ...options })).rejects.toMatchObject({
    code: 'input-invalid',
  })
})

async function* pieces(data: Buffer, step: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += step) yield data.subarray(at, at + step)
}
