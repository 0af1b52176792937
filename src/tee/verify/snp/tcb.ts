import { VerificationError } from '../../../base/errors.ts'
import type { SnpLine } from './amd-authorities.ts'

/** Security versions of one platform (SEV-SNP firmware ABI, TCB_VERSION). Null where the line has no such part. */
export interface SnpTcb {
  fmc: number | null
  bootloader: number
  tee: number
  snp: number
  microcode: number
}

export const tcbParts = ['fmc', 'bootloader', 'tee', 'snp', 'microcode'] as const

/** Where each part stands in the eight bytes; all others are zero. */
const layouts = {
  older: { fmc: null, bootloader: 0, tee: 1, snp: 6, microcode: 7 },
  turin: { fmc: 0, bootloader: 1, tee: 2, snp: 3, microcode: 7 },
} as const

/** @throws VerificationError `format-invalid` when a reserved byte is not zero */
export function readTcb(bytes: Buffer, line: SnpLine, what: string): SnpTcb {
  const layout = line === 'Turin' ? layouts.turin : layouts.older
  const used = new Set<number | null>(Object.values(layout))
  const reserved = [...bytes].findIndex((byte, i) => byte !== 0 && !used.has(i))
  if (reserved >= 0) {
    throw new VerificationError('format-invalid', `${what}: reserved byte ${reserved} is not zero on ${line}`, {
      subject: what,
    })
  }
  return {
    fmc: layout.fmc === null ? null : bytes.readUInt8(layout.fmc),
    bootloader: bytes.readUInt8(layout.bootloader),
    tee: bytes.readUInt8(layout.tee),
    snp: bytes.readUInt8(layout.snp),
    microcode: bytes.readUInt8(layout.microcode),
  }
}

/** The eight bytes again. A report that is sent as JSON names `fmc` only on Turin. */
export function tcbBytes(tcb: SnpTcb): Buffer {
  const layout = tcb.fmc === null ? layouts.older : layouts.turin
  const bytes = Buffer.alloc(8)
  for (const part of tcbParts) {
    const at = layout[part]
    if (at !== null) bytes.writeUInt8(tcb[part] ?? 0, at)
  }
  return bytes
}

/**
 * Every part in which `tcb` is below `bound`, in words; null when none is. Parts are independent: there is no order over the whole.
 *
 * @param what names `tcb`, `limit` names `bound`
 */
export function below(tcb: SnpTcb, bound: SnpTcb, what: string, limit: string): string | null {
  return told(
    tcbParts.filter((part) => (tcb[part] ?? 0) < (bound[part] ?? 0)),
    (part) => `${part} ${tcb[part] ?? 0} in ${what} is below ${bound[part] ?? 0} in ${limit}`,
  )
}

/** Every part in which two TCBs differ, in words; null when none does. */
export function difference(a: SnpTcb, b: SnpTcb, nameA: string, nameB: string): string | null {
  return told(
    tcbParts.filter((part) => a[part] !== b[part]),
    (part) => `${part} is ${a[part] ?? 'absent'} in ${nameA} and ${b[part] ?? 'absent'} in ${nameB}`,
  )
}

function told(
  parts: readonly (typeof tcbParts)[number][],
  words: (part: (typeof tcbParts)[number]) => string,
): string | null {
  return parts.length === 0 ? null : parts.map(words).join('; ')
}

export function sameTcb(a: SnpTcb, b: SnpTcb): boolean {
  return tcbParts.every((part) => a[part] === b[part])
}
