import { hash } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { guidBytes } from './guid.ts'
import { pageSize } from './ovmf.ts'

/** SHA-256 of what QEMU hands to the firmware at direct boot. */
export interface KernelHashes {
  kernel: Buffer
  initrd: Buffer
  cmdline: Buffer
}

const guids = {
  table: '9438d606-4f22-4cc9-b479-a793d411fd21',
  cmdline: '97d02dd8-bd20-4c94-aa78-e7714d36ab2a',
  initrd: '44baf731-3a2f-4bd7-9af1-41e29169781d',
  kernel: '4de79437-abd2-427f-b835-d5b172d2045b',
} as const
const entrySize = 50
const tableSize = 18 + 3 * entrySize

/**
 * @param kernel SHA-256 of the file as it is: QEMU does not patch the header for SEV guests
 * @param initrd SHA-256 of the file, null for none: the hash of nothing
 * @param append command line, '' for none: it is hashed with its final NUL
 */
export function kernelHashes(kernel: Buffer, initrd: Buffer | null, append: string): KernelHashes {
  return {
    kernel,
    initrd: initrd ?? hash('sha256', '', 'buffer'),
    cmdline: hash('sha256', `${append}\0`, 'buffer'),
  }
}

/**
 * The page that QEMU puts the table of hashes into (target/i386/sev.c, `sev_add_kernel_loader_hashes`).
 *
 * @throws VerificationError `format-invalid` where the firmware leaves too little room in its page
 */
export function kernelHashesPage(tableGpa: number, hashes: KernelHashes, subject: string): Buffer {
  const offset = tableGpa % pageSize
  // QEMU pads the table to 16 bytes.
  if (offset + tableSize + 8 > pageSize) {
    throw new VerificationError('format-invalid', `${subject} has no room for the kernel hashes at ${tableGpa}`, {
      subject,
    })
  }
  const page = Buffer.alloc(pageSize)
  const head = (guid: string, length: number, at: number): void => {
    guidBytes(guid).copy(page, at)
    page.writeUInt16LE(length, at + 16)
  }
  head(guids.table, tableSize, offset)
  const names = ['cmdline', 'initrd', 'kernel'] as const
  names.forEach((name, i) => {
    const at = offset + 18 + i * entrySize
    head(guids[name], entrySize, at)
    hashes[name].copy(page, at + 18)
  })
  return page
}
