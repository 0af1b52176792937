import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { guidBytes } from '../../../src/tee/measure/guid.ts'
import { idKeyDigest } from '../../../src/tee/measure/id-key.ts'
import { idKeyDigests } from '../../../src/tee/predict/id-keys.ts'
import { predictIgvm } from '../../../src/tee/predict/igvm.ts'
import { predictSnp, processorSignature, snpMeasurement, type SnpGuest } from '../../../src/tee/predict/snp.ts'
import type { SnpMachine } from '../../../src/tee/predict/snp.ts'
import { svsmMeasurement } from '../../../src/tee/predict/svsm.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { IgvmFile } from '../measure/igvm-file.ts'
import { hashed, named, sha256 } from './given.ts'

const ovmf = (): Buffer => readFileSync(vector('tee/measure/sev-snp-measure/fixtures/ovmf_AmdSev_suffix.bin'))
const noKeys = { id: null, author: null }
const guest = (more: Partial<SnpGuest> = {}): SnpGuest => ({
  firmware: named('OVMF.fd', ovmf()),
  firmwareDigest: null,
  kernel: { kernel: hashed('vmlinuz', ''), initrd: hashed('initrd', ''), append: 'console=ttyS0 loglevel=7' },
  idKeys: noKeys,
  ...more,
})
const machine: SnpMachine = { vmm: 'QEMU', vcpus: 1, features: 0x21n, processor: { model: 'EPYC-v4' } }
const many = { vmms: ['QEMU'], vcpus: [1, 2], vcpuTypes: ['EPYC-v4'], features: [0x21n] } as const
/** Published by sev-snp-measure for this firmware and an empty kernel. */
const published = '803f691094946e42068aaa3a8f9e26a5c89f36f7b73ecfb28c653360fe4b3aba7e534442e7e1e17895dfe778d0228977'
const key = (namedCurve: string): string =>
  generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'pem', type: 'spki' }).toString()

withPeers(
  ['vectors:tee/measure'],
  'one machine reports a published digest, and it is a row of the matrix',
  async () => {
    expect(snpMeasurement(guest(), machine)).toEqual({ measurement: published })
    expect(snpMeasurement(guest(), { ...machine, processor: { signature: 0x800f12 } })).toEqual({
      measurement: published,
    })
    const found = predictSnp(guest(), many)
    expect(found).toMatchObject({
      name: 'OVMF.fd',
      covers: ['firmware', 'kernel', 'initrd', 'cmdline'],
      experimental: [],
    })
    expect(found.values).toContainEqual({
      shape: { vmm: 'QEMU', vcpus: 1, 'vcpu-type': 'EPYC-v4', 'guest-features': '0x21' },
      measured: { measurement: published },
    })
    expect(found.inputs).toMatchObject({
      firmware: { name: 'OVMF.fd', digest: sha256(ovmf()) },
      kernel: { name: 'vmlinuz', digest: sha256('') },
      cmdline: { name: 'console=ttyS0 loglevel=7', digest: sha256('console=ttyS0 loglevel=7\0') },
    })
  },
)

withPeers(
  ['vectors:tee/measure'],
  'a document records the hash of nothing for an initrd that is not there',
  async () => {
    const kernel = { kernel: hashed('vmlinuz', ''), initrd: null, append: '' }
    expect(predictSnp(guest({ kernel }), many).inputs['initrd']).toEqual({ name: '', digest: sha256('') })
    expect(predictSnp(guest({ kernel: null }), many).inputs['initrd']).toBeUndefined()
  },
)

withPeers(
  ['vectors:tee/measure'],
  'a published digest of the firmware stands for its pages, not for its file',
  async () => {
    const found = predictSnp(guest({ firmwareDigest: Buffer.alloc(48, 7) }), many)
    expect(found.inputs['firmware']).toEqual({ name: 'OVMF.fd', digest: null })
    expect(found.inputs['firmware-pages']?.digest).toBe(`sha384:${'07'.repeat(48)}`)
    expect(() => predictSnp(guest({ firmwareDigest: Buffer.alloc(32) }), many)).toThrow('48 bytes')
  },
)

withPeers(['vectors:tee/measure'], 'what no machine can report is refused', async () => {
  const bad = { ...machine, processor: { model: 'Xeon' } }
  expect(() => snpMeasurement(guest(), bad)).toThrow('no vCPU type "Xeon"')
  expect(() => snpMeasurement(guest({ firmware: named('x.fd', 'x') }), machine)).toThrow('folder/x.fd')
  expect(() => predictSnp(guest(), { ...many, vcpus: [513] })).toThrow('machine shapes')
  const kernel = { kernel: hashed('vmlinuz', '', ['sha1']), initrd: null, append: '' }
  expect(() => predictSnp(guest({ kernel }), many)).toThrow('sha256 digest of folder/vmlinuz')
})

test('only QEMU needs a processor model', () => {
  expect(processorSignature('QEMU', { model: 'EPYC-Milan' })).toBe(0xa00f11)
  expect([processorSignature('ec2', null), processorSignature('gce', null)]).toEqual([0, 0])
  expect(() => processorSignature('QEMU', null)).toThrow(expect.objectContaining({ code: 'input-missing' }))
})

withPeers(['vectors:tee/measure'], 'an SVSM starts the firmware', async () => {
  const svsm = ovmf()
  guidBytes('a789a612-0597-4c4b-a49f-cbb1fe9d1ddd').copy(
    svsm,
    svsm.indexOf(guidBytes('00f771de-1a7e-4fcb-890e-68c77e2fb44e')),
  )
  const given = {
    ...{ firmware: named('OVMF.fd', ovmf()), svsm: named('svsm.bin', svsm), idKeys: noKeys, vcpus: 1 },
    ...{ varsSize: 16384, processor: { model: 'EPYC-v4' } },
  }
  const { measurement } = svsmMeasurement(given)
  expect(measurement).toMatch(/^[0-9a-f]{96}$/)
  expect(svsmMeasurement({ ...given, varsSize: 4096 })['measurement']).not.toBe(measurement)
  expect(() => svsmMeasurement({ ...given, varsSize: 100 })).toThrow('whole pages')
  expect(() => svsmMeasurement({ ...given, svsm: given.firmware })).toThrow('names no entry point')
  expect(() => svsmMeasurement({ ...given, processor: null })).toThrow('needs a processor model')
})

test('an IGVM file is one experimental row', () => {
  const bytes = new IgvmFile().platform(2, 1).processor(0xfffffffff000n, Buffer.alloc(4096, 1)).bytes()
  expect(predictIgvm({ igvm: named('guest.igvm', bytes), idKeys: noKeys })).toMatchObject({
    name: 'guest.igvm',
    covers: ['firmware'],
    inputs: { igvm: { name: 'guest.igvm', digest: sha256(bytes) } },
    values: [{ shape: { vcpus: 1 }, measured: { measurement: expect.stringMatching(/^[0-9a-f]{96}$/) as string } }],
    experimental: ['measurement'],
    notes: [{ level: 'warn' }],
  })
  const tdx = named('tdx.igvm', new IgvmFile().platform(3, 1).bytes())
  expect(() => predictIgvm({ igvm: tdx, idKeys: noKeys })).toThrow('does not start SEV-SNP guests')
  expect(() => predictIgvm({ igvm: named('x.igvm', ''), idKeys: noKeys })).toThrow('no IGVM file')
})

test('ID keys are shown as a report shows them; an author signs an ID key', () => {
  const [id, author] = [named('id.pem', key('P-384')), named('author.pem', key('P-384'))]
  const digest = (pem: Buffer): string => idKeyDigest(pem.toString(), 'key').toString('hex')
  expect(idKeyDigests(noKeys)).toEqual({})
  expect(idKeyDigests({ id, author })).toEqual({
    'id-key-digest': digest(id.bytes),
    'author-key-digest': digest(author.bytes),
  })
  expect(() => idKeyDigests({ id: null, author })).toThrow('needs the ID key')
  expect(() => idKeyDigests({ id: named('id.pem', key('P-256')), author })).toThrow('not an EC key on P-384')
})
