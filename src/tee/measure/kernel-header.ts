import { InputError, VerificationError } from '../../base/errors.ts'

export interface DirectBoot {
  /** Memory of the guest in bytes: where the initrd goes depends on it. */
  memory: number
  /** Bytes of the initrd, 0 for none. */
  initrdSize: number
}

/** QEMU keeps this much below the end of low memory for ACPI tables. */
const acpiData = 0x28000
const realMode = 0x10000
const cmdline = 0x20000

/**
 * The kernel file as firmware gets it from QEMU at direct boot: QEMU fills in its part of the setup header (hw/i386/x86.c,
 * `x86_load_linux`, machine q35), and the firmware measures the result. SEV guests get the file unchanged.
 *
 * @throws VerificationError `format-invalid` when it is no bzImage; InputError `unsupported` for boot protocols before 2.06
 */
export function patchKernelHeader(kernel: Uint8Array, { memory, initrdSize }: DirectBoot, subject: string): Buffer {
  const bytes = Buffer.from(kernel)
  if (
    bytes.length < 0x260 ||
    bytes.readUInt16LE(0x1fe) !== 0xaa55 ||
    bytes.toString('latin1', 0x202, 0x206) !== 'HdrS'
  ) {
    throw new VerificationError('format-invalid', `${subject} is no bzImage: its setup header lacks HdrS at byte 514`, {
      subject,
    })
  }
  const protocol = bytes.readUInt16LE(0x206)
  const flags = bytes.readUInt8(0x211)
  if (protocol < 0x206 || (flags & 1) === 0) {
    throw new InputError(
      'unsupported',
      `${subject} has Linux boot protocol ${protocol.toString(16)}, too old to predict`,
      {
        subject,
      },
    )
  }
  bytes.writeUInt8(0xb0, 0x210) // loader: QEMU
  bytes.writeUInt8(flags | 0x80, 0x211) // the heap is there
  bytes.writeUInt32LE(cmdline - realMode - 0x200, 0x224)
  bytes.writeUInt32LE(cmdline, 0x228)
  if (initrdSize > 0) {
    bytes.writeUInt32LE(initrdAddress(bytes, protocol, memory, initrdSize), 0x218)
    bytes.writeUInt32LE(initrdSize, 0x21c)
  }
  return bytes
}

function initrdAddress(header: Buffer, protocol: number, memory: number, size: number): number {
  // q35: memory from 2.75 GiB on is split at 2 GiB.
  const low = memory < 0xb000_0000 ? memory : 0x8000_0000
  const above4G = protocol >= 0x20c && (header.readUInt16LE(0x236) & 2) !== 0
  const most = Math.min(above4G ? 0xffff_ffff : header.readUInt32LE(0x22c), low - acpiData - 1)
  if (size > most) {
    throw new InputError('input-invalid', `an initrd of ${size} bytes does not fit into ${memory} bytes of memory`, {
      subject: 'memory',
    })
  }
  return Math.floor((most - size) / 4096) * 4096
}
