import type { Definition } from '../../doors/definitions.generated.ts'
import { documentOptions } from './document.ts'

type Options = Definition['inputs']

const option = (name: string, description: string, fallback = '', required = false): Options[number] => ({
  name,
  description,
  default: fallback,
  required,
})

/** Options of `tee predict snp`, named as those of sev-snp-measure. */
export const predictSnpOptions: Options = [
  option('ovmf', 'Firmware file that is built for SEV-SNP, e.g. OVMF.amdsev.fd.'),
  option('vcpus', 'Number of virtual processors; several (with --output) give a matrix.'),
  option('vcpu-type', "QEMU's name of the processor model, e.g. EPYC-Milan; several (with --output) give a matrix."),
  option('vcpu-sig', 'CPUID signature instead of --vcpu-type, e.g. 0xa00f11.'),
  option('vmm-type', 'Hypervisor: QEMU, ec2 or gce; several (with --output) give a matrix.', 'QEMU'),
  option('kernel', 'Kernel that QEMU boots directly, measured by its hash.'),
  option('initrd', 'Initrd for --kernel.'),
  option('append', 'Command line for --kernel, without blanks around it.'),
  option('guest-features', 'SEV_FEATURES of the guest; several (with --output) give a matrix.', '0x1'),
  option('snp-ovmf-hash', 'Launch digest after the firmware pages, used instead of those of --ovmf.'),
  option('igvm', 'IGVM file in place of --ovmf and --vcpus: it holds the whole start of the guest (experimental).'),
  option('id-key', 'Key that signs the ID block of the guest (PEM, EC P-384): adds id-key-digest.'),
  option('author-key', 'Key that signs --id-key: adds author-key-digest.'),
  option('svsm', 'Coconut SVSM image that starts the firmware (QEMU); needs --vars-file.'),
  option('vars-file', 'Variable store that lies below the firmware, for --svsm; only its size counts.'),
  ...documentOptions,
]

/** Options of `tee predict pcr`. */
export const predictPcrOptions: Options = [
  option('uki', 'Unified kernel image that the firmware boots from disk.'),
  option('kernel', 'Kernel that QEMU (machine q35) boots directly, instead of --uki.'),
  option('initrd', 'Initrd for --kernel.'),
  option('append', 'Command line for --kernel, without blanks around it.'),
  option(
    'memory',
    'Memory of the machine for --kernel with --initrd, in bytes or with M or G behind it; several (with --output) give a matrix.',
  ),
  option('bank', 'Hash of the PCR bank: sha1, sha256, sha384 or sha512.', 'sha256'),
  option('phases', 'Phases that systemd measured into PCR 11 so far, e.g. enter-initrd,leave-initrd.'),
  option(
    'failed-entries',
    'Boot entries that the firmware tries in vain before the UKI; several (with --output) give a matrix.',
    '0',
  ),
  option('profile', 'Boot profile of the UKI that somebody chooses; 0 is the default one.', '0'),
  option(
    'secure-boot',
    'off adds PCR 7 of a machine with Secure Boot off and without shim; absent where the firmware is built without it.',
  ),
  option('vars-file', 'OVMF variable store for --secure-boot; without it a machine without any keys.'),
  option('registers', 'Which of the registers to give, e.g. pcr11,pcr12; by default all that can be predicted.'),
  option('technology', 'With --output: whose TPM it is, tpm, az-snp-vtpm or az-tdx-vtpm.', 'tpm'),
  ...documentOptions,
]

/** Options of `tee predict verity`, named as those of veritysetup. */
export const predictVerityOptions: Options = [
  option('image', 'Image of one partition, of whole blocks; or of a disk, with --offset and --size.', '', true),
  option('offset', 'Byte at which the partition begins in --image.', '0'),
  option('size', 'Bytes of the partition; by default to the end of --image.'),
  option('salt', 'Salt in hexadecimal, as veritysetup gets it; - for no salt.', '', true),
  option('hash', 'sha256 or sha512.', 'sha256'),
  option('data-block', 'Bytes of a data block.', '4096'),
  option('hash-block', 'Bytes of a hash block.', '4096'),
]

/** Options of `tee reference-values sign`. */
export const signValuesOptions: Options = [
  option(
    'document',
    'Reference values that a tee predict command wrote, or a list of revoked values (docs/reference-values.md).',
    '',
    true,
  ),
  option('key', 'Private key: a PEM file or env:NAME.', '', true),
  option('key-password', 'Password of the key: a file or env:NAME.'),
  option('output', 'New file for the signed values; it must not exist.', '', true),
]

/** Options of `tee reference-values verify`. */
export const verifyValuesOptions: Options = [
  option('file', 'Signed reference values.', '', true),
  option('public-key', 'PEM file of the key that must have signed them.', '', true),
]

/** Options of `tee reference-values trustee`. */
export const trusteeValuesOptions: Options = [
  ...verifyValuesOptions,
  option('output', 'New file for the JSON; without it, it is printed.'),
]

/** Options of `tee reference-values show`. */
export const showValuesOptions: Options = [option('file', 'Reference values, signed or not.', '', true)]

/** Options of `tee predict tdx`. */
export const predictTdxOptions: Options = [
  option('firmware', 'Whole firmware file that is built for TDX, e.g. OVMF.inteltdx.fd.', '', true),
  option('kernel', 'Kernel that QEMU (machine q35) boots directly: adds RTMR1 and 2.'),
  option('initrd', 'Initrd for --kernel.'),
  option('append', 'Command line for --kernel, without blanks around it.'),
  option(
    'memory',
    'Memory of the TD for --kernel, in bytes or with M or G behind it; several (with --output) give a matrix.',
  ),
  option(
    'edk2',
    'For --kernel: release of the firmware, as year and month, e.g. 202502; 202505 and later cannot be predicted.',
  ),
  option(
    'ccel',
    'CCEL of one boot of such a machine: gives the ACPI digests for RTMR0; every other event is compared with it.',
  ),
  option('acpi-loader', 'SHA-384 of the ACPI loader script, as an event log shows it, for RTMR0; with the two below.'),
  option('acpi-rsdp', 'SHA-384 of the ACPI root pointer.'),
  option('acpi-tables', 'SHA-384 of the ACPI tables.'),
  option('secure-boot', 'For RTMR0: absent where the firmware is built without Secure Boot, off where it has it.'),
  option('page-order', 'Order of QEMU for MRTD: page (9 and later), section (8), or both.', 'page,section'),
  option('registers', 'Which of mr-td, rtmr0, rtmr1, rtmr2 to give; by default all that can be predicted.'),
  ...documentOptions,
]
