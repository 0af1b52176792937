import { InputError } from '../../base/errors.ts'
import { patchKernelHeader } from '../measure/kernel-header.ts'
import { directOptions } from '../measure/pcr.ts'
import { authenticode, parsePe, type Bank } from '../measure/pe.ts'
import { recordedFile, recordedText, type HashedFile, type NamedFile, type RecordedInputs } from './files.ts'

/** A kernel that QEMU (machine q35) hands to the firmware. */
export interface DirectKernel {
  /** A bzImage with an EFI stub. */
  readonly kernel: NamedFile
  /** Needs its digest in the bank of the registers, and SHA-256. */
  readonly initrd: HashedFile | null
  /** Command line as it is given to QEMU, '' for none. */
  readonly append: string
}

/**
 * Command line as the kernel sees it.
 *
 * @throws InputError `unsupported` for `vga=`, which QEMU writes into the kernel's header (hw/i386/x86.c)
 */
export function kernelOptions({ append, initrd }: DirectKernel): string {
  if (!/(^|\s)vga=/.test(append)) return directOptions(append, initrd !== null)
  throw new InputError('unsupported', 'QEMU writes vga= into the kernel header: this is not predicted', {
    subject: 'append',
    remedy: 'Leave vga= out of the command line.',
  })
}

/**
 * Authenticode digest of the kernel as the firmware measures it, after QEMU has filled in its part of the setup header.
 *
 * @param memory bytes of the machine; without an initrd the digest does not depend on it
 * @throws VerificationError `format-invalid` for a file that is not a bzImage or not a PE image
 * @throws InputError `unsupported` for an old boot protocol, `input-invalid` for memory that does not hold the initrd
 */
export function kernelDigest({ kernel, initrd }: DirectKernel, memory: number, bank: Bank): Buffer {
  const patched = patchKernelHeader(kernel.bytes, { memory, initrdSize: initrd?.size ?? 0 }, kernel.name)
  return authenticode(parsePe(patched, kernel.name), bank)
}

/** Kernel, command line and initrd as a document records them. @throws InternalError where the initrd has no SHA-256 */
export function kernelInputs(boot: DirectKernel): RecordedInputs {
  return {
    kernel: recordedFile(boot.kernel),
    cmdline: recordedText(kernelOptions(boot)),
    ...(boot.initrd === null ? {} : { initrd: recordedFile(boot.initrd) }),
  }
}

/** The machine's sizes of memory in bytes, at least one. @throws InputError `input-missing` for an empty list */
export function machineMemory(memory: readonly number[]): readonly number[] {
  if (memory.length > 0) return memory
  throw new InputError('input-missing', 'memory: no size of the machine is given', {
    subject: 'memory',
    remedy: 'Give one or more sizes.',
  })
}
