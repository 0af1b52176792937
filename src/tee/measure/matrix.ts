import { InputError } from '../../base/errors.ts'
import type { ReferenceRow } from '../reference-values.ts'
import type { KernelHashes } from './kernel-hashes.ts'
import { snpLaunchDigest, type SnpFirmware } from './snp.ts'
import { vcpuSignature } from './vcpu.ts'
import type { VmmType } from './vmsa.ts'

/** Machine shapes to predict: each combination is one row. */
export interface ShapeMatrix {
  vmms: readonly VmmType[]
  vcpus: readonly number[]
  vcpuTypes: readonly string[]
  features: readonly bigint[]
}

const limits = { rows: 10_000, vcpus: 512 } as const

/**
 * Launch digests for many machine shapes, one row each.
 *
 * @throws InputError `input-invalid` for more rows than anybody needs
 */
export function snpRows(firmware: SnpFirmware, hashes: KernelHashes | null, matrix: ShapeMatrix): ReferenceRow[] {
  const rows = matrix.vmms.length * matrix.vcpus.length * matrix.vcpuTypes.length * matrix.features.length
  if (rows === 0 || rows > limits.rows || matrix.vcpus.some((n) => !Number.isInteger(n) || n < 1 || n > limits.vcpus)) {
    throw new InputError('input-invalid', `a matrix of ${rows} machine shapes with up to ${limits.vcpus} vCPUs each`, {
      subject: 'vcpus',
      remedy: `Name 1 to ${limits.rows} shapes.`,
    })
  }
  const row = (vmm: VmmType, vcpus: number, type: string, features: bigint): ReferenceRow => ({
    shape: { vmm, vcpus, 'vcpu-type': type, 'guest-features': `0x${features.toString(16)}` },
    measured: {
      measurement: snpLaunchDigest(firmware, { vmm, vcpus, signature: vcpuSignature(type), features }, hashes).toString(
        'hex',
      ),
    },
  })
  return matrix.vmms.flatMap((vmm) =>
    matrix.vcpus.flatMap((vcpus) =>
      matrix.vcpuTypes.flatMap((type) => matrix.features.map((features) => row(vmm, vcpus, type, features))),
    ),
  )
}
