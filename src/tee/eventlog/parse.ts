import { ByteReader } from '../byte-reader.ts'
import { eventTypeName, noAction } from './event-types.ts'
import { bankHash, hashSize, type BankHash } from './hashes.ts'
import type { EventLog, LogEvent } from './types.ts'

/** `tcg2`: exactly a log, as securityfs shows it. `ccel`: a log at the beginning of an ACPI memory area, padded with ff or zero bytes. */
export type LogForm = 'tcg2' | 'ccel'

const limits = { bytes: 8 << 20, events: 20_000, data: 4 << 20, algorithms: 8, digest: 64 } as const
const specificationSignature = Buffer.from('Spec ID Event03\0', 'latin1')
const localitySignature = Buffer.from('StartupLocality\0', 'latin1')

/**
 * Reads a crypto-agile event log. Each event must have one digest for each algorithm of the specification event, as the profile demands:
 * otherwise a bank could not be replayed from it. The form of TPM 1.2, which has SHA-1 alone, is refused by name unless `old` allows it.
 *
 * @throws VerificationError `format-invalid` with the offset
 */
export function parseEventLog(bytes: Uint8Array, form: LogForm, subject = 'event log', old = false): EventLog {
  if (old && form === 'tcg2' && isOldForm(bytes)) return parseOldLog(bytes, subject)
  const reader = new ByteReader(bytes, subject, 'LE')
  if (bytes.length > limits.bytes) throw reader.refuse(`larger than ${limits.bytes} bytes`)
  const algorithms = readSpecification(reader, form)
  const events: LogEvent[] = []
  while (reader.rest.length > 0 && !(form === 'ccel' && isPadding(reader.rest))) {
    if (events.length === limits.events) throw reader.refuse(`more than ${limits.events} events`)
    events.push(readEvent(reader, events.length, algorithms))
  }
  const startupLocality = readLocality(events, reader)
  const banks = [...algorithms.keys()].map(bankHash).filter((name) => name !== null)
  return { banks, events, startupLocality, bytes: reader.offset }
}

/** The first record: in the old form, whose data lists algorithms and digest sizes. */
function readSpecification(reader: ByteReader, form: LogForm): Map<number, number> {
  const [register, type] = [reader.u32('register'), reader.u32('type')]
  const digest = reader.take(20, 'digest')
  const data = reader.sized32('specification event', 4096)
  if (form === 'tcg2' && register < 24 && digest.some((byte) => byte !== 0) && type !== noAction) {
    throw reader.refuse(
      'a log in the form of TPM 1.2: it has SHA-1 alone, which proves nothing of SHA-256 or SHA-384 PCRs',
    )
  }
  // TDVF writes it under register 1, td-shim and all TPM firmware under 0; it is not measured.
  if (register > (form === 'ccel' ? 1 : 0) || type !== noAction || digest.some((byte) => byte !== 0)) {
    throw reader.refuse('the first event is not a specification event')
  }
  const inner = new ByteReader(data, 'specification event', 'LE')
  if (!inner.take(16, 'signature').equals(specificationSignature)) {
    throw inner.refuse('not “Spec ID Event03”: only crypto-agile logs can be replayed')
  }
  inner.take(8, 'platform class, version, errata and word size')
  const count = inner.u32('number of algorithms')
  if (count === 0 || count > limits.algorithms) throw inner.refuse(`${count} algorithms`)
  const algorithms = new Map<number, number>()
  for (let n = 0; n < count; n++) {
    const [id, size] = [inner.u16('algorithm'), inner.u16('digest size')]
    const hash = bankHash(id)
    if (algorithms.has(id)) throw inner.refuse(`algorithm 0x${id.toString(16)} comes twice`)
    if (size === 0 || size > limits.digest || (hash !== null && hashSize(hash) !== size)) {
      throw inner.refuse(`a digest size of ${size}`)
    }
    algorithms.set(id, size)
  }
  inner.take(inner.u8('size of vendor information'), 'vendor information')
  inner.end()
  return algorithms
}

/** Whether the first record has the form of TPM 1.2 (TCG PC Client for TPM 1.2, §11.3.1.1): a measured event with a SHA-1 digest. */
function isOldForm(bytes: Uint8Array): boolean {
  if (bytes.length < 32) return false
  const first = Buffer.from(bytes.buffer, bytes.byteOffset, 32)
  return (
    first.readUInt32LE(0) < 24 && first.readUInt32LE(4) !== noAction && first.subarray(8, 28).some((byte) => byte !== 0)
  )
}

/** A log of TPM 1.2, to be shown: register, type, SHA-1 and data of each event. */
function parseOldLog(bytes: Uint8Array, subject: string): EventLog {
  const reader = new ByteReader(bytes, subject, 'LE')
  if (bytes.length > limits.bytes) throw reader.refuse(`larger than ${limits.bytes} bytes`)
  const events: LogEvent[] = []
  while (reader.rest.length > 0) {
    if (events.length === limits.events) throw reader.refuse(`more than ${limits.events} events`)
    const offset = reader.offset
    const [register, type] = [reader.u32('register'), reader.u32('type')]
    if (register > 31) throw reader.refuse(`register ${register}`)
    const digests = new Map([['sha1' as const, reader.take(20, 'digest')]])
    const data = reader.sized32('event data', limits.data)
    events.push({
      index: events.length,
      offset,
      register,
      type,
      typeName: eventTypeName(type),
      digests,
      data,
      extended: type !== noAction,
    })
  }
  return { banks: ['sha1'], events, startupLocality: 0, bytes: reader.offset }
}

function readEvent(reader: ByteReader, index: number, algorithms: ReadonlyMap<number, number>): LogEvent {
  const offset = reader.offset
  const register = reader.u32('register')
  if (register > 31) throw reader.refuse(`register ${register}`)
  const type = reader.u32('type')
  const count = reader.u32('number of digests')
  if (count !== algorithms.size) throw reader.refuse(`${count} digests for ${algorithms.size} algorithms`)
  const seen = new Set<number>()
  const digests = new Map<BankHash, Buffer>()
  for (let n = 0; n < count; n++) {
    const id = reader.u16('algorithm')
    const size = algorithms.get(id)
    if (size === undefined || seen.has(id)) throw reader.refuse(`algorithm 0x${id.toString(16)} is foreign or twice`)
    seen.add(id)
    const digest = reader.take(size, 'digest')
    const hash = bankHash(id)
    if (hash !== null) digests.set(hash, digest)
  }
  const data = reader.sized32('event data', limits.data)
  return { index, offset, register, type, typeName: eventTypeName(type), digests, data, extended: type !== noAction }
}

/** The end of a CCEL: ff bytes (at least the marker of 8), zero bytes, or the marker followed by zero bytes. */
function isPadding(rest: Buffer): boolean {
  const body = rest.readUInt8(0) === 0xff ? rest.subarray(0, 8) : rest.subarray(0, 0)
  if (body.some((byte) => byte !== 0xff)) return false
  const tail = rest.subarray(body.length)
  const first = tail[0]
  return (first === undefined || first === 0 || first === 0xff) && tail.every((byte) => byte === first)
}

/** Startup locality stands once, before the first measurement into PCR 0 (profile §10.4.5.3). */
function readLocality(events: readonly LogEvent[], reader: ByteReader): number {
  const found = events.filter(
    ({ type, data }) => type === noAction && data.subarray(0, localitySignature.length).equals(localitySignature),
  )
  const [event, more] = found
  if (event === undefined) return 0
  const locality = event.data[localitySignature.length]
  const measured = events.find(({ register, extended }) => register === 0 && extended)
  const early = measured === undefined || event.index < measured.index
  if (more !== undefined || event.register !== 0 || !early || event.data.length !== 17) {
    throw reader.refuse('a startup locality that is misplaced, repeated or of another length')
  }
  if (locality !== 0 && locality !== 3 && locality !== 4) throw reader.refuse(`startup locality ${String(locality)}`)
  return locality
}
