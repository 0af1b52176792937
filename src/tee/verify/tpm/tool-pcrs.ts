import { ByteReader } from '../../byte-reader.ts'
import { bankHash, hashSize, type BankHash } from '../../eventlog/hashes.ts'
import type { PcrSelection, PcrValues } from './selection.ts'

const limits = { banks: 16, lists: 64, digests: 8 } as const

/**
 * Reads what `tpm2_quote -o` writes (also the third part of a Keylime quote): the C structures of tpm2-tss in the order of a little-endian
 * machine: TPML_PCR_SELECTION with 16 places, then lists of 8 digests, values in selection order.
 *
 * @throws VerificationError `format-invalid`
 */
export function parseToolPcrs(
  bytes: Uint8Array,
  subject = 'PCR file',
): { selection: PcrSelection[]; values: PcrValues } {
  const reader = new ByteReader(bytes, subject, 'LE')
  const selection = readSelections(reader)
  const digests = readDigests(reader)
  reader.end()
  const values = new Map<BankHash, Map<number, Buffer>>()
  for (const { hash, pcrs } of selection) {
    const bank = new Map<number, Buffer>()
    for (const pcr of pcrs) {
      const digest = digests.shift()
      if (digest?.length !== hashSize(hash)) throw reader.refuse(`no value of PCR ${pcr} in bank ${hash}`)
      bank.set(pcr, digest)
    }
    values.set(hash, bank)
  }
  if (digests.length > 0) throw reader.refuse(`${digests.length} values that are not selected`)
  return { selection, values }
}

function readSelections(reader: ByteReader): PcrSelection[] {
  const count = reader.u32('count of selections')
  if (count > limits.banks) throw reader.refuse(`${count} selections`)
  const selections: PcrSelection[] = []
  for (let n = 0; n < limits.banks; n++) {
    const place = reader.take(8, 'selection')
    if (n >= count) continue
    const hash = bankHash(place.readUInt16LE())
    const size = place.readUInt8(2)
    if (hash === null || selections.some((other) => other.hash === hash)) throw reader.refuse('a bank unknown or twice')
    if (size > 4) throw reader.refuse(`a PCR bitmap of ${size} bytes`)
    const bits = place.subarray(3, 3 + size)
    const pcrs = [...Array(size * 8).keys()].filter((pcr) => ((bits[pcr >> 3] ?? 0) & (1 << (pcr & 7))) !== 0)
    selections.push({ hash, pcrs })
  }
  return selections
}

function readDigests(reader: ByteReader): Buffer[] {
  const lists = reader.u32('count of lists')
  if (lists > limits.lists) throw reader.refuse(`${lists} lists of digests`)
  const digests: Buffer[] = []
  for (let n = 0; n < lists; n++) {
    const count = reader.u32('count of digests')
    if (count > limits.digests) throw reader.refuse(`${count} digests in one list`)
    for (let place = 0; place < limits.digests; place++) {
      const size = reader.u16('size of a digest')
      const bytes = reader.take(64, 'digest')
      if (place >= count) continue
      if (size > 64) throw reader.refuse(`a digest of ${size} bytes`)
      digests.push(bytes.subarray(0, size))
    }
  }
  return digests
}
