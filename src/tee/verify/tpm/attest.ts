import { ByteReader } from '../../byte-reader.ts'
import { readSelection, type PcrSelection } from './selection.ts'

/** TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE (TPM 2.0 Library Part 2 §10.12.12). Byte members are views of the input. */
export interface Quote {
  qualifiedSigner: Buffer
  /** extraData: what the caller handed in as qualifying data. */
  qualifyingData: Buffer
  /** Milliseconds the TPM was powered; 64 bits. */
  clock: bigint
  resetCount: number
  restartCount: number
  /** False when the clock may have run before, or stood still, since a power loss (Part 1 §36.3). */
  safe: boolean
  firmwareVersion: bigint
  selection: PcrSelection[]
  pcrDigest: Buffer
}

const limits = { bytes: 1024, name: 66, extraData: 64, digest: 64 } as const
const generatedValue = 0xff544347
const attestQuote = 0x8018

/** @throws VerificationError `format-invalid` naming the field and offset */
export function parseQuote(bytes: Uint8Array, subject = 'TPMS_ATTEST'): Quote {
  const reader = new ByteReader(bytes, subject, 'BE')
  if (bytes.length > limits.bytes) throw reader.refuse(`larger than ${limits.bytes} bytes`)
  // A restricted key signs only what begins with this value when the TPM itself made it (Part 1 §31.5): without it anybody's bytes pass.
  if (reader.u32('magic') !== generatedValue) throw reader.refuse('magic is not TPM_GENERATED_VALUE')
  if (reader.u16('type') !== attestQuote) throw reader.refuse('type is not TPM_ST_ATTEST_QUOTE')
  const qualifiedSigner = reader.sized16('qualifiedSigner', limits.name)
  const qualifyingData = reader.sized16('extraData', limits.extraData)
  const clock = reader.u64('clock')
  const resetCount = reader.u32('resetCount')
  const restartCount = reader.u32('restartCount')
  const safe = reader.u8('safe')
  if (safe > 1) throw reader.refuse('safe is neither YES nor NO')
  const firmwareVersion = reader.u64('firmwareVersion')
  const selection = readSelection(reader)
  const pcrDigest = reader.sized16('pcrDigest', limits.digest)
  reader.end()
  return {
    qualifiedSigner,
    qualifyingData,
    clock,
    resetCount,
    restartCount,
    safe: safe === 1,
    firmwareVersion,
    selection,
    pcrDigest,
  }
}
