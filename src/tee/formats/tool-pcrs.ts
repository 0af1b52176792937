import type { PcrValues } from '../verify/tpm/selection.ts'
import { hashId } from '../eventlog/hashes.ts'

const places = { selections: 16, digests: 8, digest: 64 } as const

/**
 * PCR values as `tpm2_quote -o` writes them: the C structures of tpm2-tss on a little-endian machine, i.e. TPML_PCR_SELECTION with all its
 * 16 places, a count, and lists of eight digests each. The inverse of `parseToolPcrs`.
 */
export function writeToolPcrs(values: PcrValues): Buffer {
  const banks = [...values]
  const selection = Buffer.alloc(4 + places.selections * 8)
  selection.writeUInt32LE(banks.length, 0)
  const digests: Buffer[] = []
  for (const [i, [bank, pcrs]] of banks.entries()) {
    const at = 4 + i * 8
    selection.writeUInt16LE(hashId(bank), at)
    selection.writeUInt8(3, at + 2)
    for (const [pcr, value] of [...pcrs].toSorted(([a], [b]) => a - b)) {
      const byte = at + 3 + (pcr >> 3)
      selection.writeUInt8(selection.readUInt8(byte) | (1 << (pcr & 7)), byte)
      digests.push(value)
    }
  }
  const lists = Math.ceil(digests.length / places.digests)
  const count = Buffer.alloc(4)
  count.writeUInt32LE(lists)
  return Buffer.concat([
    selection,
    count,
    ...Array.from({ length: lists }, (_, n) => digestList(digests.slice(n * places.digests, (n + 1) * places.digests))),
  ])
}

function digestList(digests: readonly Buffer[]): Buffer {
  const size = 2 + places.digest
  const list = Buffer.alloc(4 + places.digests * size)
  list.writeUInt32LE(digests.length, 0)
  for (const [i, digest] of digests.entries()) {
    list.writeUInt16LE(digest.length, 4 + i * size)
    digest.copy(list, 6 + i * size)
  }
  return list
}
