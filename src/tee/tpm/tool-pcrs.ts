import { ByteReader } from '../byte-reader.ts'
import { bankHash, hashId, hashSize, type BankHash } from '../eventlog/hashes.ts'
import type { PcrSelection, PcrValues } from '../verify/tpm/selection.ts'

/** Places of the C arrays, whether used or not. */
const places = { banks: 16, digests: 8, digest: 64 } as const
const limits = { lists: 64 } as const

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
  if (count > places.banks) throw reader.refuse(`${count} selections`)
  const selections: PcrSelection[] = []
  for (let n = 0; n < places.banks; n++) {
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
    if (count > places.digests) throw reader.refuse(`${count} digests in one list`)
    for (let place = 0; place < places.digests; place++) {
      const size = reader.u16('size of a digest')
      const bytes = reader.take(places.digest, 'digest')
      if (place >= count) continue
      if (size > places.digest) throw reader.refuse(`a digest of ${size} bytes`)
      digests.push(bytes.subarray(0, size))
    }
  }
  return digests
}

/**
 * PCR values as `tpm2_quote -o` writes them: the C structures of tpm2-tss on a little-endian machine, i.e. TPML_PCR_SELECTION with all its
 * 16 places, a count, and lists of eight digests each. The inverse of `parseToolPcrs`.
 */
export function writeToolPcrs(values: PcrValues): Buffer {
  const banks = [...values]
  const selection = Buffer.alloc(4 + places.banks * 8)
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
