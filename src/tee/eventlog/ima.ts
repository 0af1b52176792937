import { ByteReader } from '../byte-reader.ts'
import { digestOf, hashSize, isBankHash, type BankHash } from './hashes.ts'

/** One entry of the kernel's binary measurement list. */
export interface ImaEntry {
  pcr: number
  /** SHA-1 of the template data as listed; all zero for a violation. */
  templateHash: Buffer
  template: string
  /** The bytes that are measured: all fields with their lengths. */
  data: Buffer
  /** Digest of the file with its algorithm, of templates that have one. */
  file: { algorithm: string; digest: Buffer; path: string } | null
  /** A file was open for writing while it was measured: the kernel extends ones instead of a hash. */
  violation: boolean
}

const limits = { bytes: 64 << 20, entries: 500_000, name: 64, data: 1 << 20 } as const
const fileTemplates: Readonly<Record<string, number>> = {
  'ima-ng': 2,
  'ima-sig': 3,
  'ima-ngv2': 2,
  'ima-sigv2': 3,
  'ima-modsig': 5,
}

/**
 * Reads a binary IMA list (little-endian). The oldest template (`ima`, without a length of its data) is refused, and so is an entry whose
 * listed hash is not of its data.
 *
 * @throws VerificationError `format-invalid`
 */
export function parseIma(bytes: Uint8Array, subject = 'IMA log'): ImaEntry[] {
  const reader = new ByteReader(bytes, subject, 'LE')
  if (bytes.length > limits.bytes) throw reader.refuse(`larger than ${limits.bytes} bytes`)
  const entries: ImaEntry[] = []
  while (reader.rest.length > 0) {
    if (entries.length === limits.entries) throw reader.refuse(`more than ${limits.entries} entries`)
    entries.push(readEntry(reader))
  }
  return entries
}

function readEntry(reader: ByteReader): ImaEntry {
  const pcr = reader.u32('PCR')
  if (pcr > 23) throw reader.refuse(`PCR ${pcr}`)
  const templateHash = reader.take(20, 'template hash')
  const template = reader.sized32('template name', limits.name).toString('latin1')
  if (!/^[a-z0-9|-]+$/.test(template) || template === 'ima')
    throw reader.refuse('a template name that is not supported')
  const data = reader.sized32('template data', limits.data)
  const violation = templateHash.every((byte) => byte === 0)
  if (!violation && !digestOf('sha1', data).equals(templateHash))
    throw reader.refuse('the template hash is not of its data')
  const fields = readFields(data)
  const count = fileTemplates[template]
  if (count !== undefined && fields.length !== count) throw reader.refuse(`${fields.length} fields in ${template}`)
  return { pcr, templateHash, template, data, file: count === undefined ? null : readFile(fields), violation }
}

function readFields(data: Buffer): Buffer[] {
  const reader = new ByteReader(data, 'IMA template data', 'LE')
  const fields: Buffer[] = []
  while (reader.rest.length > 0) fields.push(reader.sized32('field', limits.data))
  return fields
}

/** d-ng is `sha256:` NUL digest, d-ngv2 has `ima:` or `verity:` before it; n-ng is the path and NUL. */
function readFile(fields: readonly Buffer[]): ImaEntry['file'] {
  const [hashed, named] = fields
  const reader = new ByteReader(hashed ?? Buffer.alloc(0), 'IMA file digest', 'LE')
  const end = hashed?.indexOf(0) ?? -1
  const algorithm = end < 0 ? '' : reader.take(end + 1, 'algorithm').toString('latin1', 0, end)
  const plain = algorithm.replace(/:$/, '').replace(/^(ima|verity):/, '')
  if (!algorithm.endsWith(':') || !/^[a-z0-9_-]+$/.test(plain)) throw reader.refuse('no algorithm')
  if (isBankHash(plain) && reader.rest.length !== hashSize(plain)) throw reader.refuse(`a ${plain} of another length`)
  if (named?.at(-1) !== 0 || named.indexOf(0) !== named.length - 1) throw reader.refuse('a path that does not end')
  return { algorithm: plain, digest: reader.rest, path: named.toString('utf8', 0, named.length - 1) }
}

/** What a kernel extends into a bank: its own hash of the data, or, where it could not load that hash in time, the SHA-1 padded with zeros. */
export type ImaRule = 'own-hash' | 'padded-sha1'

/** Values of one register after each rule (tee.md §6.4). @param initial what the register held before; by default zeros */
export function replayIma(entries: readonly ImaEntry[], hash: BankHash, pcr = 10): Record<ImaRule, Buffer> {
  const size = hashSize(hash)
  const run = (rule: ImaRule) => {
    let value: Buffer = Buffer.alloc(size)
    for (const entry of entries) {
      if (entry.pcr === pcr) value = digestOf(hash, value, extension(entry, hash, rule))
    }
    return value
  }
  return { 'own-hash': run('own-hash'), 'padded-sha1': run('padded-sha1') }
}

/** Rule by which the list leads to the attested value, or null. The file digests count only then. */
export function imaRule(entries: readonly ImaEntry[], hash: BankHash, value: Buffer, pcr = 10): ImaRule | null {
  const replayed = replayIma(entries, hash, pcr)
  if (replayed['own-hash'].equals(value)) return 'own-hash'
  return replayed['padded-sha1'].equals(value) ? 'padded-sha1' : null
}

/** The first entry of a boot: hash over PCRs 0 to 9, or 0 to 7 with SHA-1 of old kernels. Ties IMA to the firmware's measurements. */
export function bootAggregate(pcrs: ReadonlyMap<number, Buffer>, hash: BankHash): Buffer | null {
  const values = [...Array(hash === 'sha1' ? 8 : 10).keys()].map((pcr) => pcrs.get(pcr))
  if (values.some((value) => value?.length !== hashSize(hash))) return null
  return digestOf(hash, Buffer.concat(values.filter((value) => value !== undefined)))
}

/** What an entry extends into a bank by a rule. */
export function extension(entry: ImaEntry, hash: BankHash, rule: ImaRule): Buffer {
  const size = hashSize(hash)
  if (entry.violation) return Buffer.alloc(size, 0xff)
  if (rule === 'own-hash') return digestOf(hash, entry.data)
  return Buffer.concat([entry.templateHash, Buffer.alloc(size - entry.templateHash.length)])
}
