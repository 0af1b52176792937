import { hash } from 'node:crypto'
import { InputError } from '../../base/errors.ts'
import { kernelHashes, type KernelHashes } from '../measure/kernel-hashes.ts'
import { snpRows, type ShapeMatrix } from '../measure/matrix.ts'
import { parseOvmf } from '../measure/ovmf.ts'
import { snpFirmware, snpLaunchDigest, type SnpFirmware } from '../measure/snp.ts'
import { vcpuSignature } from '../measure/vcpu.ts'
import { namesModel, type VmmType } from '../measure/vmsa.ts'
import { baseName, digestOf, recorded, type HashedFile, type NamedFile, type RecordedInputs } from './files.ts'
import { idKeyDigests, type IdKeys } from './id-keys.ts'
import type { Prediction } from './prediction.ts'

/** The part of an SEV-SNP guest that is the same on every machine. */
export interface SnpGuest {
  /** OVMF image that is built for SEV-SNP. */
  readonly firmware: NamedFile
  /** Launch digest after the firmware's pages (48 bytes), where it is published; null measures the pages of the file. */
  readonly firmwareDigest: Buffer | null
  /** Kernel that QEMU boots directly with `kernel-hashes=on`; null for a boot from disk. */
  readonly kernel: HashedKernel | null
  readonly idKeys: IdKeys
}

/** A kernel that the launch digest covers by hashes. All files need SHA-256. */
export interface HashedKernel {
  readonly kernel: HashedFile
  readonly initrd: HashedFile | null
  /** Command line, '' for none. */
  readonly append: string
}

/** Processor model by its QEMU name or its CPUID signature; null where the hypervisor tells the guest no model of its own. */
export type SnpProcessor = { readonly model: string } | { readonly signature: number } | null

/** One machine that an SEV-SNP guest starts on. */
export interface SnpMachine {
  readonly vmm: VmmType
  readonly vcpus: number
  /** SEV_FEATURES of the save area. */
  readonly features: bigint
  readonly processor: SnpProcessor
}

/**
 * Predicts the launch digest of an SEV-SNP guest for many machine shapes (SEV-SNP firmware ABI §8.17).
 *
 * @throws VerificationError `format-invalid` for a file that is not OVMF
 * @throws InputError `unsupported` where the firmware cannot start such a guest, `input-invalid` for an unknown model and too many shapes;
 * errors of {@link idKeyDigests}
 */
export function predictSnp(guest: SnpGuest, machines: ShapeMatrix): Prediction {
  const { firmware, hashes, keys } = prepared(guest)
  const content = guest.firmwareDigest === null ? hash('sha256', guest.firmware.bytes, 'buffer') : null
  return {
    name: firmware.name,
    technology: 'snp',
    covers: hashes === null ? ['firmware'] : ['firmware', 'kernel', 'initrd', 'cmdline'],
    inputs: {
      firmware: recorded(firmware.name, content),
      'firmware-pages': { name: 'launch digest after them', digest: `sha384:${firmware.seed.toString('hex')}` },
      ...kernelInputs(guest.kernel, hashes),
    },
    values: snpRows(firmware, hashes, machines).map(({ shape, measured }) => ({
      shape,
      measured: { ...measured, ...keys },
    })),
    experimental: [],
    notes: [],
  }
}

/**
 * Predicts what one machine reports for an SEV-SNP guest.
 *
 * @returns `measurement`, and the digests of the ID keys that are given, in lower-case hex
 * @throws the errors of {@link predictSnp} and {@link processorSignature}
 */
export function snpMeasurement(guest: SnpGuest, machine: SnpMachine): Record<string, string> {
  const { firmware, hashes, keys } = prepared(guest)
  const { vmm, vcpus, features, processor } = machine
  const shape = { vmm, vcpus, features, signature: processorSignature(vmm, processor) }
  return { measurement: snpLaunchDigest(firmware, shape, hashes).toString('hex'), ...keys }
}

/**
 * CPUID signature that a hypervisor tells the guest. EC2 and GCE start all processors with a constant instead, so 0 stands for it.
 *
 * @throws InputError `input-missing` where the hypervisor needs a model, `input-invalid` for an unknown one
 */
export function processorSignature(vmm: VmmType, processor: SnpProcessor): number {
  if (processor === null) {
    if (!namesModel(vmm)) return 0
    throw new InputError('input-missing', `vcpu-type: a guest of ${vmm} needs a processor model`, {
      subject: 'vcpu-type',
      remedy: 'Give the model or the CPUID signature of the processors.',
    })
  }
  return 'model' in processor ? vcpuSignature(processor.model) : processor.signature
}

function prepared({ firmware: file, firmwareDigest, kernel, idKeys }: SnpGuest): {
  firmware: SnpFirmware
  hashes: KernelHashes | null
  keys: Record<string, string>
} {
  const measured = snpFirmware(parseOvmf(file.bytes, file.name), baseName(file.name))
  const sha256 = (part: HashedFile): Buffer => digestOf(part, 'sha256')
  return {
    firmware: firmwareDigest === null ? measured : { ...measured, seed: firmwareDigest },
    hashes:
      kernel === null
        ? null
        : kernelHashes(sha256(kernel.kernel), kernel.initrd && sha256(kernel.initrd), kernel.append),
    keys: idKeyDigests(idKeys),
  }
}

/** The table of hashes always has an entry for the initrd, so a document records one even where there is none. */
function kernelInputs(kernel: HashedKernel | null, hashes: KernelHashes | null): RecordedInputs {
  if (kernel === null || hashes === null) return {}
  return {
    kernel: recorded(baseName(kernel.kernel.name), hashes.kernel),
    initrd: recorded(baseName(kernel.initrd?.name ?? ''), hashes.initrd),
    cmdline: recorded(kernel.append, hashes.cmdline),
  }
}
