import { createHash, hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { guidBytes } from '../../../src/tee/measure/guid.ts'
import { kernelHashes } from '../../../src/tee/measure/kernel-hashes.ts'
import { snpRows } from '../../../src/tee/measure/matrix.ts'
import { parseOvmf, sectionTypes, type SectionType } from '../../../src/tee/measure/ovmf.ts'
import { snpFirmware, snpLaunchDigest, svsmLaunchDigest, type SnpFirmware } from '../../../src/tee/measure/snp.ts'
import { cpuSignature, vcpuSignature } from '../../../src/tee/measure/vcpu.ts'
import type { VmmType } from '../../../src/tee/measure/vmsa.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'

const fixtures = 'tee/measure/sev-snp-measure/fixtures'
const amdSev = (): Buffer => readFileSync(vector(`${fixtures}/ovmf_AmdSev_suffix.bin`))
const firmware = (bytes = amdSev()): SnpFirmware => snpFirmware(parseOvmf(bytes, 'ovmf'), 'ovmf')
const signature = vcpuSignature('EPYC-v4')
const one = { vcpus: 1, vmm: 'QEMU' as VmmType, signature, features: 0x21n }
const noKernel = (append: string): ReturnType<typeof kernelHashes> =>
  kernelHashes(hash('sha256', '', 'buffer'), null, append)

interface Golden {
  shapes: {
    vmm: VmmType
    vcpus: number
    vcpuType: string
    features: string
    kernel: string | null
    initrd: string | null
    append: string | null
    measurement: string
  }[]
  svsm: { vcpus: number; vcpuType: string; varsSize: number; measurement: string }[]
}
const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'sev-snp-measure.json'), 'utf8')) as Golden

describe('published digests', () => {
  // cases.json holds the calls as text: these are the same, by the case's name.
  const cases: Record<string, (expected: string[]) => [string, string][]> = {
    test_snp_ovmf_hash_gen_default: ([e = '']) => [
      [e, digest({ ...firmware(), seed: Buffer.from(seed, 'hex') }, one, noKernel(''))],
    ],
    test_snp_ovmf_hash_full_default: ([e = '', f = '']) => [
      [e, firmware().seed.toString('hex')],
      [f, digest(firmware(), one, noKernel('console=ttyS0 loglevel=7'))],
    ],
    test_snp_ec2_default: ([e = '']) => [[e, digest(firmware(), { ...one, vmm: 'ec2' }, noKernel(''))]],
    test_snp_gce_default: ([e = '']) => [
      [e, digest(firmware(), { ...one, vmm: 'gce', signature: 0, features: 1n }, noKernel(''))],
    ],
    test_snp_default: ([e = '']) => [[e, digest(firmware(), one, noKernel('console=ttyS0 loglevel=7'))]],
    test_snp_without_kernel_default: ([e = '']) => [[e, digest(firmware(), one, null)]],
    test_snp_with_multiple_vcpus_default: ([e = '']) => [[e, digest(firmware(), { ...one, vcpus: 4 }, noKernel(''))]],
    test_snp_with_ovmfx64_without_default: ([e = '']) => [[e, digest(firmware(x64()), one, null)]],
  }
  const seed = '086e2e9149ebf45abdc3445fba5b2da8270bdbb04094d7a2c37faaa4b24af3aa16aff8c374c2a55c467a50da6d466b74'
  for (const [name, run] of Object.entries(cases)) {
    withPeers(['vectors:tee/measure'], name, async () => {
      const all = JSON.parse(readFileSync(vector('tee/measure/sev-snp-measure/cases.json'), 'utf8')) as {
        case: string
        expected: string[]
      }[]
      const expected = all.find((c) => c.case === name)?.expected ?? []
      expect(expected.length).toBeGreaterThan(0)
      for (const [want, have] of run(expected)) expect(have).toBe(want)
    })
  }

  withPeers(['vectors:tee/dstack'], 'a signed report of a real Milan guest (dstack)', async () => {
    const input = JSON.parse(readFileSync(vector('tee/dstack/sev_snp_measurement_input.json'), 'utf8')) as Dstack
    const typeOf = (n: number): SectionType =>
      (Object.keys(sectionTypes) as SectionType[]).find((t) => sectionTypes[t] === n)!
    const dstack: SnpFirmware = {
      name: 'dstack',
      seed: Buffer.from(input.ovmf_hash, 'hex'),
      sections: input.ovmf_sections.map(({ gpa, size, section_type }) => ({ gpa, size, type: typeOf(section_type) })),
      hashTableGpa: input.sev_hashes_table_gpa,
      resetEip: input.sev_es_reset_eip,
    }
    const hashes = {
      kernel: Buffer.from(input.kernel_hash, 'hex'),
      initrd: Buffer.from(input.initrd_hash, 'hex'),
      cmdline: createHash('sha256').update(`${input.base_cmdline}\0`).digest(),
    }
    expect(digest(dstack, { ...one, vcpus: 2, features: 1n }, hashes)).toBe(
      '7f51e17f72a04d5422cb2c00998166536019a217376f3aa45a630e59c805a599847ff250dbffcd07e1ba639771d6f05d',
    )
  })
})

withPeers(
  ['vectors:tee/measure', 'vectors:tee/tpm'],
  'digests that sev-snp-measure gave for other shapes',
  async () => {
    const read = (name: string | null): Buffer | null =>
      name === null ? null : hash('sha256', readFileSync(vector(`tee/tpm/uki-systemd252/${name}`)), 'buffer')
    const made = firmware()
    expect(golden.shapes).toHaveLength(24)
    for (const s of golden.shapes) {
      const kernel = read(s.kernel)
      const hashes = kernel === null ? null : kernelHashes(kernel, read(s.initrd), s.append ?? '')
      const shape = { vmm: s.vmm, vcpus: s.vcpus, signature: vcpuSignature(s.vcpuType), features: BigInt(s.features) }
      expect({ ...s, measurement: digest(made, shape, hashes) }).toEqual(s)
    }
  },
)

withPeers(['vectors:tee/measure'], 'digests that sev-snp-measure gave with an SVSM', async () => {
  const ovmf = parseOvmf(amdSev(), 'ovmf')
  // No real image is among the vectors: the same file, whose reset block is called SVSM information.
  const svsm = parseOvmf(
    replaced(amdSev(), '00f771de-1a7e-4fcb-890e-68c77e2fb44e', 'a789a612-0597-4c4b-a49f-cbb1fe9d1ddd'),
    'svsm',
  )
  expect(golden.svsm).toHaveLength(8)
  for (const s of golden.svsm) {
    const shape = { vcpus: s.vcpus, signature: vcpuSignature(s.vcpuType) }
    expect(svsmLaunchDigest(ovmf, svsm, s.varsSize, shape, 'svsm').toString('hex')).toBe(s.measurement)
  }
  expect(() => svsmLaunchDigest(ovmf, ovmf, 0, { vcpus: 1, signature }, 'svsm')).toThrow('names no entry point')
  expect(() => svsmLaunchDigest(ovmf, svsm, 100, { vcpus: 1, signature }, 'svsm')).toThrow('whole pages')
})

describe('what a prediction refuses', () => {
  withPeers(['vectors:tee/measure'], 'a kernel that the firmware would not measure', async () => {
    expect(() => digest(firmware(x64()), one, noKernel(''))).toThrow('no place for kernel hashes')
  })
  withPeers(['vectors:tee/measure'], 'a table of hashes outside of its page, or without room', async () => {
    const made = firmware()
    const { gpa } = made.sections.find(({ type }) => type === 'kernelHashes')!
    for (const hashTableGpa of [null, gpa - 1, gpa + 4096]) {
      expect(() => digest({ ...made, hashTableGpa }, one, noKernel(''))).toThrow('outside of the page')
    }
    expect(() => digest({ ...made, hashTableGpa: gpa + 4000 }, one, noKernel(''))).toThrow('no room')
  })
  withPeers(['vectors:tee/measure'], 'a second processor without start address', async () => {
    expect(() => digest({ ...firmware(), resetEip: null }, { ...one, vcpus: 2 }, null)).toThrow('start address')
    expect(digest({ ...firmware(), resetEip: null }, one, null)).toBe(digest(firmware(), one, null))
  })
  test('an unknown model', () => {
    expect(() => vcpuSignature('Xeon')).toThrow('there is no vCPU type "Xeon"')
    expect(cpuSignature(25, 1, 1)).toBe(0xa00f11)
  })
})

withPeers(
  ['vectors:tee/measure'],
  'a matrix is one document whose bytes do not depend on the order of its lists',
  async () => {
    const made = firmware()
    const matrix = { vmms: ['QEMU'], vcpus: [2, 1], vcpuTypes: ['EPYC-v4', 'EPYC-Milan'], features: [1n] } as const
    const rows = snpRows(made, null, matrix)
    expect(rows).toHaveLength(4)
    expect(rows).toContainEqual({
      shape: { vmm: 'QEMU', vcpus: 1, 'vcpu-type': 'EPYC-Milan', 'guest-features': '0x1' },
      measured: { measurement: digest(made, { ...one, features: 1n, signature: vcpuSignature('EPYC-Milan') }, null) },
    })
    expect(snpRows(made, noKernel(''), matrix)).not.toEqual(rows)
    for (const vcpus of [[], [0], [1.5], [513]]) {
      expect(() => snpRows(made, null, { ...matrix, vcpus })).toThrow('machine shapes')
    }
  },
)

interface Dstack {
  ovmf_sections: { gpa: number; size: number; section_type: number }[]
  base_cmdline: string
  ovmf_hash: string
  kernel_hash: string
  initrd_hash: string
  sev_hashes_table_gpa: number
  sev_es_reset_eip: number
}

function x64(): Buffer {
  return readFileSync(vector(`${fixtures}/ovmf_OvmfX64_suffix.bin`))
}

function digest(...args: Parameters<typeof snpLaunchDigest>): string {
  return snpLaunchDigest(...args).toString('hex')
}

function replaced(bytes: Buffer, from: string, to: string): Buffer {
  const at = bytes.indexOf(guidBytes(from))
  guidBytes(to).copy(bytes, at)
  return bytes
}
