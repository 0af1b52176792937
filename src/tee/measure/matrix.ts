import { hash } from 'node:crypto'
import { InputError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { jcs } from '../../encoding/jcs.ts'
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
export const referenceValuesType = 'https://sealwright.dev/reference-values/v1'

/**
 * Launch digests for many machine shapes as one document in JCS form. It names what was predicted from by digest; order and
 * spelling of the lists do not change its bytes.
 *
 * @param image digest of the whole firmware file; null where only its seed was known
 * @throws InputError `input-invalid` for more rows than anybody needs
 */
export function snpReferenceValues(
  firmware: SnpFirmware,
  image: Buffer | null,
  hashes: KernelHashes | null,
  matrix: ShapeMatrix,
): Buffer {
  const rows = matrix.vmms.length * matrix.vcpus.length * matrix.vcpuTypes.length * matrix.features.length
  if (rows === 0 || rows > limits.rows || matrix.vcpus.some((n) => !Number.isInteger(n) || n < 1 || n > limits.vcpus)) {
    throw new InputError('input-invalid', `a matrix of ${rows} machine shapes with up to ${limits.vcpus} vCPUs each`, {
      subject: 'vcpus',
      remedy: `Name 1 to ${limits.rows} shapes.`,
    })
  }
  const values = new Map<string, JsonObject>()
  for (const vmm of matrix.vmms)
    for (const vcpus of matrix.vcpus)
      for (const type of matrix.vcpuTypes)
        for (const features of matrix.features) {
          const signature = vcpuSignature(type)
          const measurement = snpLaunchDigest(firmware, { vmm, vcpus, signature, features }, hashes).toString('hex')
          const shape = { vmm, vcpus, 'vcpu-type': type, 'guest-features': `0x${features.toString(16)}` }
          values.set(JSON.stringify(shape), { shape, measurement })
        }
  const named = (bytes: Buffer): string => `sha256:${bytes.toString('hex')}`
  return jcs({
    type: referenceValuesType,
    technology: 'snp',
    coverage: hashes === null ? ['firmware'] : ['firmware', 'kernel', 'initrd', 'cmdline'],
    inputs: {
      firmware: { name: firmware.name, digest: image === null ? null : named(hash('sha256', image, 'buffer')) },
      'firmware-pages': `sha384:${firmware.seed.toString('hex')}`,
      kernel: hashes === null ? null : named(hashes.kernel),
      initrd: hashes === null ? null : named(hashes.initrd),
      cmdline: hashes === null ? null : named(hashes.cmdline),
    },
    values: [...values.keys()].sort().map((key) => values.get(key)),
  })
}
