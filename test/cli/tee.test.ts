import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root, vector, withPeers } from '../../testkit/peers.ts'

const program = join(root, 'dist/cli/index.js')
const fixtures = 'tee/measure/sev-snp-measure/fixtures/ovmf_OvmfX64_suffix.bin'

withPeers([`vectors:${fixtures}`], 'tee predict snp gives the digest that sev-snp-measure expects', async () => {
  const args = ['tee', 'predict', 'snp', '--ovmf', vector(fixtures), '--vcpus', '1', '--vcpu-type', 'EPYC-v4']
  const run = (features: string): string =>
    spawnSync(process.execPath, [program, ...args, '--guest-features', features], { encoding: 'utf8' }).stdout.trim()
  const expected = '28797ae0afaba4005a81e629acebfb59e6687949d6be44007cd5506823b0dd66f146aaae26ff291eed7b493d8a64c385'
  expect(run('0x21')).toBe(expected)
  expect(run('0x1')).not.toBe(expected)
})

test('tee predict refuses what it cannot measure, with the input named', () => {
  const args = ['tee', 'predict', 'snp', '--ovmf', program, '--vcpus', '1', '--vcpu-type', 'EPYC-v4', '--json']
  const { status, stdout } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' })
  expect(JSON.parse(stdout)).toMatchObject({ error: { message: expect.stringContaining('index.js') as string } })
  expect([1, 2]).toContain(status)
})
