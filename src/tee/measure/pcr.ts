import { createHash, hash } from 'node:crypto'
import type { Bank } from './pe.ts'

/** One extension of a register. */
export interface PcrEvent {
  what: string
  digest: Buffer
}

/** The value of a register after these events: zeros, then H(old ‖ digest) each time (TPM 2.0 part 1 §11.4.7). */
export function replayPcr(events: readonly PcrEvent[], bank: Bank): Buffer {
  return events.reduce<Buffer>(
    (value, { digest }) => createHash(bank).update(value).update(digest).digest(),
    Buffer.alloc(hash(bank, '', 'buffer').length),
  )
}

const text = (what: string, bank: Bank): PcrEvent => ({ what, digest: hash(bank, what, 'buffer') })
/** The four zero bytes that end the firmware's own part of a register. */
export const separator = (bank: Bank): PcrEvent => ({
  what: 'separator',
  digest: hash(bank, Buffer.alloc(4), 'buffer'),
})
/** Texts that firmware measures around a boot entry. */
export const actions = {
  calling: 'Calling EFI Application from Boot Option',
  returning: 'Returning from EFI Application from Boot Option',
} as const

/**
 * PCR 4 when OVMF boots a UKI from disk (TCG PC Client firmware profile §3.3.4.5).
 *
 * @param failedEntries boot entries that the firmware tried in vain before
 * @param linux Authenticode digest of the kernel inside, null where the stub does not load it through the firmware
 */
export function ukiPcr4(uki: Buffer, linux: Buffer | null, failedEntries: number, bank: Bank): PcrEvent[] {
  const failed = Array.from({ length: failedEntries }, () => [
    text(actions.returning, bank),
    text(actions.calling, bank),
  ]).flat()
  return [
    text(actions.calling, bank),
    separator(bank),
    ...failed,
    { what: 'UKI', digest: uki },
    ...(linux === null ? [] : [{ what: '.linux of the UKI', digest: linux }]),
  ]
}

/** PCR 4 when OVMF starts a kernel that QEMU handed over. @param kernel Authenticode digest after QEMU's header patch */
export function directPcr4(kernel: Buffer, bank: Bank): PcrEvent[] {
  return [{ what: 'kernel', digest: kernel }, text(actions.calling, bank), separator(bank)]
}

/**
 * PCR 9 as the kernel's EFI stub extends it: load options, then the initrd.
 *
 * @param options the whole command line that the kernel sees; at direct boot OVMF appends ` initrd=initrd`
 * @param initrd digest of its bytes, null for none
 */
export function kernelPcr9(options: string, initrd: Buffer | null, bank: Bank): PcrEvent[] {
  const load = { what: 'load options', digest: hash(bank, Buffer.from(`${options}\0`, 'utf16le'), 'buffer') }
  return initrd === null ? [load] : [load, { what: 'initrd', digest: initrd }]
}

/** Command line as the kernel sees it when QEMU and OVMF boot it directly. */
export function directOptions(append: string, hasInitrd: boolean): string {
  return hasInitrd ? `${append} initrd=initrd` : append
}
