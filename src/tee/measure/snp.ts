import { InputError } from '../../base/errors.ts'
import { kernelHashesPage, type KernelHashes } from './kernel-hashes.ts'
import { LaunchContext } from './launch-context.ts'
import { pageSize, type OvmfImage, type SevSection } from './ovmf.ts'
import { bootEip, svsmVmsaPage, vmsaPage, type VmmType } from './vmsa.ts'

const fourGiB = 0x1_0000_0000

/** The part of a prediction that is the same for all machine shapes. */
export interface SnpFirmware {
  name: string
  /** Launch digest after the firmware's own pages; may stand for the file where only this is published. */
  seed: Buffer
  sections: readonly SevSection[]
  hashTableGpa: number | null
  resetEip: number | null
}

/** The part of a machine that its launch digest depends on. */
export interface SnpShape {
  vcpus: number
  vmm: VmmType
  /** CPUID signature; EC2 and GCE put a constant of their own there. */
  signature: number
  /** SEV_FEATURES of the save area, bit 0 = SNP active. */
  features: bigint
}

/** Measures the pages of a firmware file, which lie just below 4 GiB (about 1 ms a MiB). Do it once for all shapes. */
export function snpFirmware(ovmf: OvmfImage, name: string): SnpFirmware {
  const context = new LaunchContext()
  context.normal(fourGiB - ovmf.image.length, ovmf.image)
  const { sections, hashTableGpa, resetEip } = ovmf
  return { name, seed: context.digest(), sections, hashTableGpa, resetEip }
}

/**
 * The 48-byte launch digest of a SEV-SNP guest (SEV-SNP firmware ABI §8.17): firmware, prepared sections, one save area a vCPU.
 *
 * @param hashes of kernel, initrd and command line at direct boot, null for a boot from disk
 * @throws InputError `unsupported` where this firmware can't do what was asked for
 */
export function snpLaunchDigest(firmware: SnpFirmware, shape: SnpShape, hashes: KernelHashes | null): Buffer {
  const context = new LaunchContext(firmware.seed)
  if (hashes !== null && !firmware.sections.some(({ type }) => type === 'kernelHashes')) {
    throw unsupported(firmware, 'has no place for kernel hashes: a kernel given with it would not be measured')
  }
  addSections(context, firmware, hashes, shape.vmm)
  const page = (eip: number): Buffer => vmsaPage(eip, shape.vmm, shape.signature, shape.features)
  context.vmsas(page(bootEip), 1)
  if (shape.vcpus > 1) context.vmsas(page(resetEip(firmware)), shape.vcpus - 1)
  return context.digest()
}

/**
 * The launch digest with a Coconut SVSM, which lies below firmware and variable store and starts all processors (QEMU only).
 *
 * @param varsSize bytes of the variable store
 */
export function svsmLaunchDigest(
  ovmf: OvmfImage,
  svsm: OvmfImage,
  varsSize: number,
  shape: Pick<SnpShape, 'vcpus' | 'signature'>,
  name: string,
): Buffer {
  const firmware: SnpFirmware = { ...svsm, name, seed: Buffer.alloc(0) }
  if (svsm.svsmEntry === null) throw unsupported(firmware, 'is no SVSM: it names no entry point')
  const gpa = fourGiB - ovmf.image.length
  const svsmGpa = gpa - varsSize - svsm.image.length
  if (varsSize < 0 || varsSize % pageSize !== 0 || svsmGpa < 0) {
    throw new InputError('input-invalid', `a variable store has whole pages, not ${varsSize} bytes`, {
      subject: 'vars-file',
    })
  }
  const context = new LaunchContext()
  context.normal(gpa, ovmf.image)
  context.normal(svsmGpa, svsm.image)
  addSections(context, firmware, null, 'QEMU')
  context.vmsas(svsmVmsaPage(svsm.svsmEntry + svsmGpa, shape.signature), shape.vcpus)
  return context.digest()
}

function addSections(context: LaunchContext, firmware: SnpFirmware, hashes: KernelHashes | null, vmm: VmmType): void {
  for (const section of firmware.sections) {
    if (section.type === 'kernelHashes') addHashes(context, firmware, section, hashes)
    else if (section.type === 'memory') context.empty(vmm === 'gce' ? 'unmeasured' : 'zero', section.gpa, section.size)
    else if (section.type === 'svsmCallingArea') context.empty('zero', section.gpa, section.size)
    else if (section.type === 'secrets') context.empty('secrets', section.gpa, pageSize)
    else if (vmm !== 'ec2') context.empty('cpuid', section.gpa, pageSize)
  }
  // EC2 adds the CPUID page after all others.
  if (vmm !== 'ec2') return
  for (const { type, gpa } of firmware.sections) if (type === 'cpuid') context.empty('cpuid', gpa, pageSize)
}

function addHashes(
  context: LaunchContext,
  firmware: SnpFirmware,
  section: SevSection,
  hashes: KernelHashes | null,
): void {
  if (hashes === null) return context.empty('zero', section.gpa, section.size)
  const { hashTableGpa } = firmware
  // QEMU writes the one page that holds the table; a table elsewhere would not be what is measured here.
  if (
    hashTableGpa === null ||
    section.size !== pageSize ||
    Math.floor(hashTableGpa / pageSize) * pageSize !== section.gpa
  ) {
    throw unsupported(firmware, 'has its table of kernel hashes outside of the page that is measured for it')
  }
  context.normal(section.gpa, kernelHashesPage(hashTableGpa, hashes, firmware.name))
}

function resetEip({ resetEip: address, ...firmware }: SnpFirmware): number {
  if (address !== null && address !== 0) return address
  throw unsupported(firmware, 'names no start address for a second processor')
}

function unsupported(firmware: Pick<SnpFirmware, 'name'>, why: string): InputError {
  return new InputError('unsupported', `${firmware.name} ${why}`, {
    subject: 'ovmf',
    remedy: 'Take a firmware that is built for SEV-SNP (Debian: OVMF.amdsev.fd of ovmf-amdsev).',
  })
}
