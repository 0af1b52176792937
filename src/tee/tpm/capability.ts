import { ByteReader } from '../byte-reader.ts'
import { bankHash } from '../eventlog/hashes.ts'
import type { PcrSelection } from '../verify/tpm/selection.ts'
import { u32 } from './bytes.ts'
import { everyPcr } from './pcr.ts'
import type { Tpm } from './tpm.ts'

const capabilities = { algorithms: 0, pcrs: 5, properties: 6, curves: 8 } as const

/** Active banks that we can hash for, and the PCRs that each has (Part 3 §30.2). */
export async function pcrBanks(tpm: Tpm): Promise<PcrSelection[]> {
  const reader = await ask(tpm, capabilities.pcrs, 0, 64)
  const count = reader.u32('count')
  if (count > 16) throw reader.refuse(`${count} banks`)
  const banks: PcrSelection[] = []
  for (let n = 0; n < count; n++) {
    const hash = bankHash(reader.u16('bank'))
    const bitmap = reader.take(reader.u8('sizeofSelect'), 'pcrSelect')
    const pcrs = everyPcr.filter((pcr) => ((bitmap[pcr >> 3] ?? 0) & (1 << (pcr & 7))) !== 0)
    // SM3 is a bank of some TPMs and none of Node's hashes.
    if (hash !== null && pcrs.length > 0) banks.push({ hash, pcrs })
  }
  reader.end()
  return banks
}

/** True when the TPM knows a curve (TPM_ECC_CURVE; 3 is P-256). */
export async function hasCurve(tpm: Tpm, curve: number): Promise<boolean> {
  const reader = await ask(tpm, capabilities.curves, 0, 64)
  const count = reader.u32('count')
  if (count > 64) throw reader.refuse(`${count} curves`)
  const found = Array.from({ length: count }, () => reader.u16('curve'))
  reader.end()
  return found.includes(curve)
}

/** Who made the TPM, as it says itself: for reading, proven by nothing. */
export interface TpmMaker {
  /** Four characters, as `IBM` (swtpm), `MSFT`, `GOOG`, `AMD`, `INTC`. */
  manufacturer: string
  vendor: string
  firmware: string
}

/** @throws VerificationError for an answer that is none; TpmError, TransportError as `Tpm.run` */
export async function tpmMaker(tpm: Tpm): Promise<TpmMaker> {
  const first = 0x100
  const reader = await ask(tpm, capabilities.properties, first, 32)
  const count = reader.u32('count')
  if (count > 127) throw reader.refuse(`${count} properties`)
  const values = new Map<number, number>()
  for (let n = 0; n < count; n++) values.set(reader.u32('property') - first, reader.u32('value'))
  reader.end()
  const text = (...places: number[]): string =>
    Buffer.concat(places.map((place) => u32(values.get(place) ?? 0)))
      .toString('latin1')
      .replace(/[^\x20-\x7e]/g, '')
      .trim()
  const hex = (place: number): string => (values.get(place) ?? 0).toString(16).padStart(8, '0')
  return { manufacturer: text(5), vendor: text(6, 7, 8, 9), firmware: `${hex(11)}${hex(12)}` }
}

async function ask(tpm: Tpm, capability: number, property: number, count: number): Promise<ByteReader> {
  const { parameters } = await tpm.run({
    name: 'GetCapability',
    parameters: Buffer.concat([u32(capability), u32(property), u32(count)]),
  })
  const reader = new ByteReader(parameters, 'TPM capability', 'BE')
  // moreData is of no use: what we ask for fits one answer.
  if (reader.u8('moreData') > 1) throw reader.refuse('moreData is neither YES nor NO')
  if (reader.u32('capability') !== capability) throw reader.refuse('another capability than asked for')
  return reader
}
