import { createHash } from 'node:crypto'
import { kernelPcr9, type PcrEvent } from './pcr.ts'
import type { Bank, PeSection } from './pe.ts'
import { stubPacks, ukiLoadOptions, ukiSection, type StubPacks } from './uki.ts'

/** Sections that the stub hands on as files in `/.extra`, in the order in which it appends them (systemd src/boot/stub.c). */
const extraFiles = [
  ['.pcrsig', 'tpm2-pcr-signature.json'],
  ['.pcrpkey', 'tpm2-pcr-public-key.pem'],
  ['.osrel', 'os-release'],
  ['.profile', 'profile'],
] as const

/**
 * PCR 9 of a UKI as the kernel inside extends it.
 *
 * @returns null where the stub hands on what only the machine knows
 * @throws InputError `unsupported` for a stub whose rules are not known, and a command line that stubs rewrite
 */
export function ukiPcr9(
  sections: readonly PeSection[],
  version: string,
  bank: Bank,
  subject: string,
): PcrEvent[] | null {
  const packs = stubPacks(version)
  if (packs === null) return null
  return kernelPcr9(ukiLoadOptions(sections, subject), ukiInitrdDigest(sections, packs, bank, subject), bank)
}

/**
 * Digest of the initrd that the kernel gets from a UKI, as the kernel measures it into PCR 9: microcode, the UKI's own, then an archive for each of
 * the files above. One part alone is handed on as it is, several are each filled up to 4 bytes.
 *
 * @returns null where the kernel gets none
 * @throws VerificationError `format-invalid` for a section that the file does not hold whole
 */
export function ukiInitrdDigest(
  sections: readonly PeSection[],
  packs: StubPacks,
  bank: Bank,
  subject: string,
): Buffer | null {
  const content = (name: string): Buffer[] =>
    sections.some((section) => section.name === name && section.virtualSize > 0)
      ? [ukiSection(sections, name, subject)]
      : []
  const parts = [...content('.ucode'), ...content('.initrd')]
  for (const [name, file] of packs === 'keys' ? extraFiles.slice(0, 2) : extraFiles) {
    parts.push(...content(name).map((bytes) => archive(file, bytes)))
  }
  if (parts.length === 0) return null
  const sum = createHash(bank)
  for (const part of parts) {
    sum.update(part)
    if (parts.length > 1) sum.update(Buffer.alloc((4 - (part.length % 4)) % 4))
  }
  return sum.digest()
}

/** A cpio archive in the "newc" form with one file in `.extra` (systemd src/boot/cpio.c, `pack_cpio_literal`). */
function archive(file: string, bytes: Buffer): Buffer {
  return Buffer.concat([
    ...entry('.extra', 1, 0o40555, 1, Buffer.alloc(0)),
    ...entry(`.extra/${file}`, 2, 0o100444, 1, bytes),
    ...entry('TRAILER!!!', 0, 0, 1, Buffer.alloc(0)),
  ])
}

function entry(name: string, inode: number, mode: number, links: number, bytes: Buffer): Buffer[] {
  const words = [inode, mode, 0, 0, links, 0, bytes.length, 0, 0, 0, 0, name.length + 1, 0]
  // The stub writes its own end mark with a capital B, all other numbers in lower case.
  const text = words.map((word) => word.toString(16).padStart(8, '0')).join('')
  const head = `070701${inode === 0 ? text.toUpperCase() : text}${name}\0`
  return [filled(Buffer.from(head, 'latin1')), filled(bytes)]
}

function filled(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
}
