import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { replayPcr } from '../../../src/tee/measure/pcr.ts'
import { securePcr7 } from '../../../src/tee/measure/secure-boot.ts'
import { parseVariableStore } from '../../../src/tee/measure/variable-store.ts'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { makeStore } from './store-file.ts'
import { stubBoots } from './stub-boots.ts'

const securityGuid = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f'
const pcr7 = (bytes: Buffer | null): string =>
  replayPcr(securePcr7(bytes === null ? null : parseVariableStore(bytes, 'vars'), 'sha256'), 'sha256').toString('hex')

test('PCR 7 of real boots without keys', () => {
  for (const boot of stubBoots) expect(pcr7(null)).toBe(boot.pcrs['7'])
  expect(pcr7(makeStore([]))).toBe(pcr7(null))
})

withPeers(
  ['virt-fw-measure', 'OVMF.inteltdx.fd'],
  "PCR 7 with Microsoft's keys as virt-fw-measure gives it",
  async () => {
    const file = peer('OVMF.inteltdx.fd')
    const args = ['--vars', file, '--no-sb', '--digests', '--bank', 'sha256', '--bank', 'sha384']
    const { status, stdout } = spawnSync(peer('virt-fw-measure'), args, { encoding: 'utf8' })
    expect(status).toBe(0)
    const found = parseVariableStore(readFileSync(file), 'vars')
    const { values } = JSON.parse(stdout) as { values: { hashAlg: 'sha256' | 'sha384'; digest: string }[] }
    expect(values).toHaveLength(2)
    for (const { hashAlg, digest } of values)
      expect(replayPcr(securePcr7(found, hashAlg), hashAlg).toString('hex')).toBe(digest)
  },
)

test('keys count, other variables and deleted ones do not', () => {
  const keys = makeStore([{ name: 'PK' }, { name: 'db', guid: securityGuid }])
  expect(pcr7(keys)).not.toBe(pcr7(null))
  expect(pcr7(makeStore([{ name: 'PK' }, { name: 'db', guid: securityGuid, data: 'Data' }]))).not.toBe(pcr7(keys))
  expect(pcr7(makeStore([{ name: 'PK', state: 0x3c }, { name: 'Boot0000' }]))).toBe(pcr7(null))
  expect(pcr7(makeStore([{ name: 'db' }]))).toBe(pcr7(null))
  expect(() => pcr7(makeStore([{ name: 'dbt', guid: securityGuid }]))).toThrow('dbt')
})

const at = (offset: number, ...bytes: number[]): Buffer => {
  const changed = makeStore([{ name: 'PK' }])
  changed.set(bytes, offset)
  return changed
}
test.each<[string, Buffer, string]>([
  ['no bytes', Buffer.alloc(0), 'its size'],
  ['another volume', at(16, 0), 'volume of variables'],
  ['no volume signature', at(40, 0), 'volume of variables'],
  ['a header beyond the end', at(48, 0xff, 0xff), 'header that does not fit'],
  ['an old store', at(72, 0), 'authenticated'],
  ['a store beyond the end', at(88, 0, 0, 2, 0), 'size that does not fit'],
  ['an unformatted store', at(92, 0xff), 'not formatted'],
  ['a variable beyond the end', at(140, 0, 0, 1), 'variable that does not fit'],
  ['a name of odd size', at(136, 7), 'variable that does not fit'],
  ['a write that was interrupted', at(102, 0x3e), 'being replaced'],
  ['bytes behind the last variable', at(172, 1), 'behind the end'],
  ['a second variable of one name', makeStore([{ name: 'PK' }, { name: 'PK' }]), 'a second "PK"'],
])('a store with %s is refused', (_title, bytes, message) => {
  expect(() => parseVariableStore(bytes, 'vars')).toThrow(message)
})
