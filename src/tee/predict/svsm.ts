import { parseOvmf } from '../measure/ovmf.ts'
import { svsmLaunchDigest } from '../measure/snp.ts'
import type { NamedFile } from './files.ts'
import { idKeyDigests, type IdKeys } from './id-keys.ts'
import { processorSignature, type SnpProcessor } from './snp.ts'

/**
 * An SEV-SNP guest whose firmware a Coconut SVSM starts. Only QEMU starts such guests; a direct kernel and other SEV features than SNP itself
 * cannot be predicted.
 */
export interface SvsmGuest {
  readonly firmware: NamedFile
  readonly svsm: NamedFile
  /** Bytes of the variable store, which lies below the firmware; its content is not measured. */
  readonly varsSize: number
  readonly idKeys: IdKeys
  readonly vcpus: number
  readonly processor: SnpProcessor
}

/**
 * Predicts what a machine reports for an SEV-SNP guest with a Coconut SVSM.
 *
 * @returns `measurement`, and the digests of the ID keys that are given, in lower-case hex
 * @throws VerificationError `format-invalid` for a file that is not OVMF or SVSM
 * @throws InputError `unsupported` for an SVSM without entry point, `input-invalid` for a store that is not whole pages; errors of
 * {@link processorSignature} and {@link idKeyDigests}
 */
export function svsmMeasurement(guest: SvsmGuest): Record<string, string> {
  const { firmware, svsm, varsSize, vcpus } = guest
  const digest = svsmLaunchDigest(
    parseOvmf(firmware.bytes, firmware.name),
    parseOvmf(svsm.bytes, svsm.name),
    varsSize,
    { vcpus, signature: processorSignature('QEMU', guest.processor) },
    svsm.name,
  )
  return { measurement: digest.toString('hex'), ...idKeyDigests(guest.idKeys) }
}
