import { InputError } from '../../base/errors.ts'
import { useOneOf } from '../../base/nearest.ts'

/** Family, model and stepping of QEMU's built-in processor models (target/i386/cpu.c), whose versions share one signature. */
const models: readonly (readonly [family: number, model: number, stepping: number, names: readonly string[]])[] = [
  [23, 1, 2, ['EPYC', 'EPYC-v1', 'EPYC-v2', 'EPYC-v3', 'EPYC-v4', 'EPYC-IBPB']],
  [23, 49, 0, ['EPYC-Rome', 'EPYC-Rome-v1', 'EPYC-Rome-v2', 'EPYC-Rome-v3']],
  [25, 1, 1, ['EPYC-Milan', 'EPYC-Milan-v1', 'EPYC-Milan-v2']],
  [25, 17, 0, ['EPYC-Genoa', 'EPYC-Genoa-v1']],
  [26, 0, 0, ['EPYC-Turin']],
]

/** CPUID Fn0000_0001_EAX: family above 15 continues in the extended field (AMD CPUID specification 25481). */
export function cpuSignature(family: number, model: number, stepping: number): number {
  const low = Math.min(family, 0xf)
  const high = (family - low) & 0xff
  return ((high << 20) | (((model >> 4) & 0xf) << 16) | (low << 8) | ((model & 0xf) << 4) | (stepping & 0xf)) >>> 0
}

export const vcpuTypes: readonly string[] = models.flatMap(([, , , names]) => names)

/** CPUID signature of a named model. @throws InputError `input-invalid` naming all models */
export function vcpuSignature(type: string): number {
  const found = models.find(([, , , names]) => names.includes(type))
  if (found !== undefined) return cpuSignature(found[0], found[1], found[2])
  throw new InputError('input-invalid', `there is no vCPU type "${type}"`, {
    subject: 'vcpu-type',
    remedy: useOneOf(type, vcpuTypes),
  })
}
