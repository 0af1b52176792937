import { InputError } from '../../base/errors.ts'
import type { ReferenceRow } from '../reference/values.ts'
import type { KernelHashes } from './kernel-hashes.ts'
import { snpLaunchDigest, type SnpFirmware } from './snp.ts'
import { vcpuSignature } from './vcpu.ts'
import { namesModel, type VmmType } from './vmsa.ts'

/** Machine shapes to predict: each combination is one row. */
export interface ShapeMatrix {
  vmms: readonly VmmType[]
  vcpus: readonly number[]
  vcpuTypes: readonly string[]
  features: readonly bigint[]
}

/** Largest number of virtual processors in a prediction. */
export const vcpuLimit = 512
const rowLimit = 10_000

/**
 * Launch digests for many machine shapes, one row each.
 *
 * @throws InputError `input-invalid` for more rows than anybody needs
 */
export function snpRows(firmware: SnpFirmware, hashes: KernelHashes | null, matrix: ShapeMatrix): ReferenceRow[] {
  const typesOf = (vmm: VmmType): readonly (string | null)[] => (namesModel(vmm) ? matrix.vcpuTypes : [null])
  const types = matrix.vmms.reduce((sum, vmm) => sum + typesOf(vmm).length, 0)
  const rows = types * matrix.vcpus.length * matrix.features.length
  if (rows === 0 || rows > rowLimit || matrix.vcpus.some((n) => !Number.isInteger(n) || n < 1 || n > vcpuLimit)) {
    throw new InputError('input-invalid', `a matrix of ${rows} machine shapes with up to ${vcpuLimit} vCPUs each`, {
      subject: 'vcpus',
      remedy: `Name 1 to ${rowLimit} shapes.`,
    })
  }
  const row = (vmm: VmmType, vcpus: number, type: string | null, features: bigint): ReferenceRow => {
    const signature = type === null ? 0 : vcpuSignature(type)
    const digest = snpLaunchDigest(firmware, { vmm, vcpus, signature, features }, hashes)
    return {
      shape: {
        vmm,
        vcpus,
        ...(type === null ? {} : { 'vcpu-type': type }),
        'guest-features': `0x${features.toString(16)}`,
      },
      measured: { measurement: digest.toString('hex') },
    }
  }
  return matrix.vmms.flatMap((vmm) =>
    matrix.vcpus.flatMap((vcpus) =>
      typesOf(vmm).flatMap((type) => matrix.features.map((features) => row(vmm, vcpus, type, features))),
    ),
  )
}
