import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { predictVerityOptions } from '../../../src/cli/tee/predict-options.ts'
import { predictVerity } from '../../../src/cli/tee/predict-verity.ts'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { commandLine, type Given } from './given.ts'

const { here, put, run } = commandLine()
const verity = (given: Given): ReturnType<typeof predictVerity> => run(predictVerity, predictVerityOptions, given)

withPeers(['veritysetup'], 'root hashes as veritysetup gives them', async () => {
  const salt = randomBytes(32).toString('hex')
  let n = 0
  for (const blocks of [1, 2, 128, 129, 1000]) {
    const image = put(`image-${blocks}`, randomBytes(blocks * 4096))
    const cases: Given[] = [
      { salt: '-' },
      { salt },
      { salt, hash: 'sha512' },
      { salt: 'ab', 'data-block': '1024', 'hash-block': '4096' },
    ]
    for (const given of cases) {
      const { 'data-block': data = '4096', 'hash-block': block = '4096', hash = 'sha256' } = given
      const args = ['format', `--salt=${given['salt']}`, `--hash=${hash}`, `--data-block-size=${data}`]
      args.push(`--hash-block-size=${block}`, image, join(here, `tree-${n++}`))
      const { stdout, status, stderr } = spawnSync(peer('veritysetup'), args, { encoding: 'utf8' })
      expect([status, stderr]).toEqual([0, ''])
      const wanted = /Root hash:\s+([0-9a-f]+)/.exec(stdout)?.[1]
      expect((await verity({ image, ...given })).outputs['root-hash']).toBe(wanted)
    }
  }
})

test('a partition within a disk', async () => {
  const partition = randomBytes(3 * 4096)
  const disk = put('disk', Buffer.concat([randomBytes(1024), partition, randomBytes(777)]))
  const alone = await verity({ image: put('partition', partition), salt: 'ab' })
  const inside = { image: disk, salt: 'ab', offset: '1024', size: String(partition.length) }
  expect(await verity(inside)).toEqual(alone)
  await expect(verity({ ...inside, size: String(4096 * 100) })).rejects.toThrow('not whole blocks')
  await expect(verity({ ...inside, image: put('cut', Buffer.alloc(1024 + 4096)) })).rejects.toThrow('has 4096 bytes')
  await expect(verity({ ...inside, offset: '99999' })).rejects.toThrow('no bytes')
})

const image = put('image', Buffer.alloc(8192))
test.each<[string, Given, string]>([
  ['no image', { salt: '-' }, '--image is required'],
  ['no salt', { image }, '--salt is required'],
  ['half a byte of salt', { image, salt: 'abc' }, 'not hexadecimal'],
  ['an unknown hash', { image, salt: '-', hash: 'md5' }, 'md5'],
  ['a block of no power of two', { image, salt: '-', 'data-block': '1000' }, 'block sizes'],
  ['half a block', { image: put('odd', Buffer.alloc(5000)), salt: '-' }, 'not whole blocks'],
  ['an image that is not there', { image: join(here, 'none'), salt: '-' }, 'cannot be read'],
])('%s', async (_title, given, message) => {
  await expect(verity(given)).rejects.toThrow(message)
})
