import { directPcr4, kernelPcr9 } from '../measure/pcr.ts'
import type { Bank } from '../measure/pe.ts'
import type { BootRegisters } from './boot-registers.ts'
import { kernelDigest, kernelInputs, kernelOptions, machineMemory, type DirectKernel } from './direct-kernel.ts'
import { baseName, digestOf } from './files.ts'

/** A kernel that QEMU hands to the firmware of a machine with a TPM. */
export interface KernelBoot extends DirectKernel {
  readonly kind: 'kernel'
  /** Bytes of memory, one machine shape each. Without an initrd no register depends on it, and there is one shape. */
  readonly memory: readonly number[]
}

/**
 * Events of PCR 4 and 9 when OVMF starts a kernel that QEMU handed over.
 *
 * @throws the errors of {@link kernelOptions}, {@link kernelDigest} and {@link machineMemory}; InternalError where the initrd has no digest in this bank
 */
export function directRegisters(boot: KernelBoot, bank: Bank): BootRegisters {
  const { initrd } = boot
  const options = kernelOptions(boot)
  const memories = initrd === null ? [0] : machineMemory(boot.memory)
  return {
    name: baseName(boot.kernel.name),
    inputs: kernelInputs(boot),
    shapes: memories.map((memory) => ({
      shape: initrd === null ? {} : { memory },
      registers: {
        pcr4: directPcr4(kernelDigest(boot, memory, bank), bank),
        pcr9: kernelPcr9(options, initrd && digestOf(initrd, bank), bank),
      },
    })),
    notes: [],
  }
}
