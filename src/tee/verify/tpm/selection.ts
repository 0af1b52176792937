import { VerificationError } from '../../../base/errors.ts'
import type { ByteReader } from '../../byte-reader.ts'
import { bankHash, digestOf, hashSize, type BankHash } from '../../eventlog/hashes.ts'

/** PCRs of one bank, ascending. */
export interface PcrSelection {
  hash: BankHash
  pcrs: number[]
}

/** Values that somebody hands in beside a quote, each under the bank and index it claims to be. */
export type PcrValues = ReadonlyMap<BankHash, ReadonlyMap<number, Buffer>>

const limits = { banks: 16, bitmap: 4 } as const

/** Reads TPML_PCR_SELECTION (Part 2 §10.9.7). A bank that comes twice is refused: two readers could take different values for it. */
export function readSelection(reader: ByteReader): PcrSelection[] {
  const count = reader.u32('count of PCR selections')
  if (count > limits.banks) throw reader.refuse(`${count} PCR selections`)
  const selections: PcrSelection[] = []
  for (let n = 0; n < count; n++) {
    const id = reader.u16('bank')
    const hash = bankHash(id)
    if (hash === null) throw reader.refuse(`bank 0x${id.toString(16)} is not known`)
    if (selections.some((other) => other.hash === hash)) throw reader.refuse(`bank ${hash} comes twice`)
    const size = reader.u8('sizeofSelect')
    if (size === 0 || size > limits.bitmap) throw reader.refuse(`a PCR bitmap of ${size} bytes`)
    const bitmap = reader.take(size, 'pcrSelect')
    const pcrs = [...Array(size * 8).keys()].filter((pcr) => ((bitmap[pcr >> 3] ?? 0) & (1 << (pcr & 7))) !== 0)
    selections.push({ hash, pcrs })
  }
  return selections
}

/** `sha256:0,1,7`, banks in the order given. */
export function formatSelection(selections: readonly PcrSelection[]): string {
  return selections.map(({ hash, pcrs }) => `${hash}:${pcrs.join(',')}`).join('+') || 'nothing'
}

/**
 * True when both name the same PCRs of the same banks, no more and no fewer. The order of banks is free, since values are taken by
 * their bank and index and never by their place in a list.
 */
export function sameSelection(a: readonly PcrSelection[], b: readonly PcrSelection[]): boolean {
  const sorted = (list: readonly PcrSelection[]) =>
    formatSelection(
      list
        .map(({ hash, pcrs }) => ({ hash, pcrs: [...pcrs].sort((x, y) => x - y) }))
        .sort((x, y) => x.hash.localeCompare(y.hash)),
    )
  return sorted(a) === sorted(b)
}

/**
 * Digest over the selected values (Part 3 §18.4: TPM2_Quote): in the quote's own bank order, indices ascending.
 *
 * @throws VerificationError `evidence-invalid` when a selected value is missing or has another length, or one comes that is not selected
 */
export function pcrDigest(hash: BankHash, selection: readonly PcrSelection[], values: PcrValues): Buffer {
  const parts: Buffer[] = []
  for (const bank of selection) {
    for (const pcr of bank.pcrs) {
      const value = values.get(bank.hash)?.get(pcr)
      if (value?.length !== hashSize(bank.hash)) throw refuse(`no value of PCR ${pcr} in bank ${bank.hash}`)
      parts.push(value)
    }
  }
  const supplied = [...values.values()].reduce((sum, bank) => sum + bank.size, 0)
  if (supplied !== parts.length) throw refuse(`${supplied} values for ${parts.length} selected PCRs`)
  return digestOf(hash, Buffer.concat(parts))
}

function refuse(why: string): VerificationError {
  return new VerificationError('evidence-invalid', `PCR values: ${why}`, { subject: 'pcrs' })
}
