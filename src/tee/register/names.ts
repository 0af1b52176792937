import { InputError } from '../../base/errors.ts'
import type { BankHash } from '../eventlog/hashes.ts'

/** A register that software can extend while the machine runs. */
export interface RegisterName {
  /** As in a verdict's `measured`: `pcr14`, `rtmr3`. */
  name: string
  /** As in a log's records: a PCR, or 4 for RTMR3 (the CC measurement register index, coco.md §7.2). */
  index: number
  /** Algorithm of the value that a report holds: SHA-256 PCRs are quoted, an RTMR is SHA-384. */
  hash: BankHash
  /** Whoever has the device can set PCRs 16 and 23 back. */
  resettable: boolean
}

/** The register of a TPM unless another is chosen: shim alone uses it, at boot (PC Client profile: static OS). */
export const defaultPcr = 'pcr14'
const chosen = [8, 9, 10, 11, 12, 13, 14, 15]
const forTests = [16, 23]

/** @throws InputError `input-invalid` for a register that is none of ours */
export function registerName(text: string): RegisterName {
  if (text === 'rtmr3') return { name: text, index: 4, hash: 'sha384', resettable: false }
  const pcr = Number(/^pcr([1-9]\d?)$/.exec(text)?.[1])
  const resettable = forTests.includes(pcr)
  if (resettable || chosen.includes(pcr)) return { name: text, index: pcr, hash: 'sha256', resettable }
  throw new InputError('input-invalid', `${JSON.stringify(text)} is no runtime register`, {
    subject: 'register',
    remedy: 'Use rtmr3, or one of pcr8 to pcr15 (pcr14 by default; pcr16 and pcr23 can be set back and are for tests).',
  })
}
