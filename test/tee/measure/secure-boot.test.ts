import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { guidBytes } from '../../../src/tee/measure/guid.ts'
import { replayPcr } from '../../../src/tee/measure/pcr.ts'
import { securePcr7 } from '../../../src/tee/measure/secure-boot.ts'
import { parseVariableStore } from '../../../src/tee/measure/variable-store.ts'
import { peer, withPeers } from '../../support/peers.ts'
import { stubBoots } from './stub-boots.ts'

const globalGuid = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
const securityGuid = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f'
const pcr7 = (bytes: Buffer | null): string =>
  replayPcr(securePcr7(bytes === null ? null : parseVariableStore(bytes, 'vars'), 'sha256'), 'sha256').toString('hex')

/** A volume of 64 KiB with one store that holds these variables. */
function store(variables: { name: string; guid?: string; data?: string; state?: number }[]): Buffer {
  const bytes = Buffer.alloc(65536, 0xff)
  bytes.fill(0, 0, 100)
  guidBytes('fff12b8d-7696-4c8b-a985-2747075b4f50').copy(bytes, 16)
  bytes.write('_FVH', 40, 'latin1')
  bytes.writeUInt16LE(72, 48)
  guidBytes('aaf32c78-947b-439a-a180-2e144ec37792').copy(bytes, 72)
  bytes.writeUInt32LE(0x4000, 88)
  bytes.set([0x5a, 0xfe], 92)
  let at = 100
  for (const { name, guid = globalGuid, data = 'data', state = 0x3f } of variables) {
    const text = Buffer.from(`${name}\0`, 'utf16le')
    bytes.fill(0, at, at + 60)
    bytes.writeUInt16LE(0x55aa, at)
    bytes.writeUInt8(state, at + 2)
    bytes.writeUInt32LE(text.length, at + 36)
    bytes.writeUInt32LE(data.length, at + 40)
    guidBytes(guid).copy(bytes, at + 44)
    text.copy(bytes, at + 60)
    bytes.write(data, at + 60 + text.length, 'latin1')
    at = Math.ceil((at + 60 + text.length + data.length) / 4) * 4
  }
  return bytes
}

test('PCR 7 of real boots without keys', () => {
  for (const boot of stubBoots) expect(pcr7(null)).toBe(boot.pcrs['7'])
  expect(pcr7(store([]))).toBe(pcr7(null))
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
  const keys = store([{ name: 'PK' }, { name: 'db', guid: securityGuid }])
  expect(pcr7(keys)).not.toBe(pcr7(null))
  expect(pcr7(store([{ name: 'PK' }, { name: 'db', guid: securityGuid, data: 'Data' }]))).not.toBe(pcr7(keys))
  expect(pcr7(store([{ name: 'PK', state: 0x3c }, { name: 'Boot0000' }]))).toBe(pcr7(null))
  expect(pcr7(store([{ name: 'db' }]))).toBe(pcr7(null))
  expect(() => pcr7(store([{ name: 'dbt', guid: securityGuid }]))).toThrow('dbt')
})

const at = (offset: number, ...bytes: number[]): Buffer => {
  const changed = store([{ name: 'PK' }])
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
  ['a second variable of one name', store([{ name: 'PK' }, { name: 'PK' }]), 'a second "PK"'],
])('a store with %s is refused', (_title, bytes, message) => {
  expect(() => parseVariableStore(bytes, 'vars')).toThrow(message)
})
