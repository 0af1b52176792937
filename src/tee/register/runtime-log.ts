import { ByteReader } from '../byte-reader.ts'
import { parseAael } from '../eventlog/aael.ts'
import { eventTag } from '../eventlog/event-types.ts'
import { bankHash, digestOf, hashSize, type BankHash } from '../eventlog/hashes.ts'
import type { RegisterRecord } from '../types.ts'
import { registerDomain } from './record.ts'

/** One extension of the agent's, read from the document `runtime-log`. Each digest was compared with the data. */
export interface RuntimeEntry {
  /** Byte at which it begins. */
  offset: number
  /** PCR, or 4 for RTMR3. */
  index: number
  digests: ReadonlyMap<BankHash, Buffer>
  record: RegisterRecord
}

const limits = { bytes: 1 << 20, entries: 1024, banks: 4, data: 4096 } as const

/**
 * Reads the agent's log of its extensions: TCG2 records of one register, without a header. Records of anybody else have no place in it, so
 * that nothing can hide behind a digest without its data.
 *
 * @throws VerificationError `format-invalid` with the offset: cut off, a digest that is not of the data, another domain, two registers
 */
export function parseRuntimeLog(bytes: Uint8Array, subject = 'runtime-log'): RuntimeEntry[] {
  const reader = new ByteReader(bytes, subject, 'LE')
  if (bytes.length > limits.bytes) throw reader.refuse(`larger than ${limits.bytes} bytes`)
  const entries: RuntimeEntry[] = []
  while (reader.rest.length > 0) {
    if (entries.length === limits.entries) throw reader.refuse(`more than ${limits.entries} records`)
    const entry = readEntry(reader)
    const first = entries[0] ?? entry
    if (entry.index !== first.index) throw reader.refuse(`a record of register ${entry.index} beside ${first.index}`)
    if ([...entry.digests.keys()].join() !== [...first.digests.keys()].join()) throw reader.refuse('banks that change')
    entries.push(entry)
  }
  return entries
}

function readEntry(reader: ByteReader): RuntimeEntry {
  const { offset } = reader
  const index = reader.u32('register')
  if (reader.u32('type') !== eventTag) throw reader.refuse('not an EV_EVENT_TAG')
  const count = reader.u32('number of digests')
  if (count === 0 || count > limits.banks) throw reader.refuse(`${count} digests`)
  const digests = new Map<BankHash, Buffer>()
  for (let n = 0; n < count; n++) {
    const hash = bankHash(reader.u16('algorithm'))
    if (hash === null || digests.has(hash)) throw reader.refuse('an algorithm that is unknown or comes twice')
    digests.set(hash, reader.take(hashSize(hash), 'digest'))
  }
  const data = reader.sized32('data', limits.data)
  for (const [hash, digest] of digests) {
    if (!digestOf(hash, data).equals(digest)) throw reader.refuse(`a ${hash} digest that is not of the data`)
  }
  const aael = parseAael(data)
  if (aael?.domain !== registerDomain) throw reader.refuse('a record of another domain')
  return { offset, index, digests, record: { operation: aael.operation, content: aael.content } }
}
