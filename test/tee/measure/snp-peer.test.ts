import { execFile } from 'node:child_process'
import { hash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { kernelHashes, type KernelHashes } from '../../../src/tee/measure/kernel-hashes.ts'
import { parseOvmf } from '../../../src/tee/measure/ovmf.ts'
import { snpFirmware, snpLaunchDigest } from '../../../src/tee/measure/snp.ts'
import { vcpuSignature, vcpuTypes } from '../../../src/tee/measure/vcpu.ts'
import type { VmmType } from '../../../src/tee/measure/vmsa.ts'
import { peer, withPeers } from '../../../testkit/peers.ts'

interface Case {
  vcpus: number
  type?: string
  vmm?: VmmType
  features?: number
  boot?: 'kernel' | 'initrd' | 'append'
}

/** 44 shapes: every model, counts up to 512, hypervisors, features, and the three ways to give a kernel. */
const shapes: Case[] = [
  ...vcpuTypes.map((type) => ({ vcpus: 2, type })),
  ...[1, 3, 4, 8, 16, 64, 192, 512].map((vcpus) => ({ vcpus })),
  ...(['QEMU', 'ec2', 'gce'] as const).flatMap((vmm) => [
    { vcpus: 4, vmm, features: 0x21 },
    { vcpus: 2, vmm, boot: 'append' as const },
  ]),
  ...[0, 0x9, 0x21, 0x29, 0x81, 0x3ff].map((features) => ({ vcpus: 2, features })),
  ...(['kernel', 'initrd', 'append'] as const).map((boot) => ({ vcpus: 1, boot })),
  ...[0x1, 0x21].flatMap((features) => (['kernel', 'append'] as const).map((boot) => ({ vcpus: 8, features, boot }))),
  { vcpus: 5, type: 'EPYC-Genoa', features: 0x1, boot: 'append' },
]

withPeers(
  ['sev-snp-measure', 'OVMF.amdsev.fd'],
  `${shapes.length} launch digests of Debian's OVMF as sev-snp-measure gives them`,
  async () => {
    const file = peer('OVMF.amdsev.fd')
    const firmware = snpFirmware(parseOvmf(readFileSync(file), 'ovmf'), 'ovmf')
    const folder = mkdtempSync(join(tmpdir(), 'sealwright-snp-'))
    const [kernel, initrd] = ['kernel', 'initrd'].map((name) => {
      const bytes = randomBytes(100_000)
      writeFileSync(join(folder, name), bytes)
      return hash('sha256', bytes, 'buffer')
    }) as [Buffer, Buffer]
    const append = 'console=ttyS0 root=/dev/vda1'
    const boots: Record<'kernel' | 'initrd' | 'append', { args: string[]; hashes: KernelHashes }> = {
      kernel: { args: [], hashes: kernelHashes(kernel, null, '') },
      initrd: { args: ['--initrd', join(folder, 'initrd')], hashes: kernelHashes(kernel, initrd, '') },
      append: {
        args: ['--initrd', join(folder, 'initrd'), '--append', append],
        hashes: kernelHashes(kernel, initrd, append),
      },
    }
    const run = promisify(execFile)
    const digests = new Set<string>()
    for (const { vcpus, type = 'EPYC-Milan', vmm = 'QEMU', features = 1, boot } of shapes) {
      const given = boot === undefined ? null : boots[boot]
      const args = ['--mode', 'snp', '--ovmf', file, '--vcpus', String(vcpus), '--vcpu-type', type, '--vmm-type', vmm]
      args.push('--guest-features', `0x${features.toString(16)}`)
      if (given !== null) args.push('--kernel', join(folder, 'kernel'), ...given.args)
      const { stdout } = await run(peer('sev-snp-measure'), args)
      const shape = { vcpus, vmm, signature: vcpuSignature(type), features: BigInt(features) }
      const digest = snpLaunchDigest(firmware, shape, given?.hashes ?? null).toString('hex')
      expect([vcpus, type, vmm, features, boot, digest]).toEqual([vcpus, type, vmm, features, boot, stdout.trim()])
      digests.add(digest)
    }
    expect(digests.size).toBeGreaterThanOrEqual(20)
  },
)
