import { TransportError } from '../../base/errors.ts'
import { ByteReader } from '../byte-reader.ts'
import type { BankHash } from '../eventlog/hashes.ts'
import { parseQuote } from '../verify/tpm/attest.ts'
import { pcrDigest, type PcrSelection } from '../verify/tpm/selection.ts'
import { parseSignature } from '../verify/tpm/signature.ts'
import { sized, u16 } from './bytes.ts'
import { emptyPassword } from './command.ts'
import { algorithms } from './constants.ts'
import { encodeSelection, everyPcr, readPcrs } from './pcr.ts'
import type { Tpm } from './tpm.ts'

export interface TakenQuote {
  /** TPMS_ATTEST. */
  message: Buffer
  /** TPMT_SIGNATURE. */
  signature: Buffer
}

/** Asks for a quote in the key's own scheme (Part 3 §18.4). @param qualifyingData at most 64 bytes */
export async function quote(
  tpm: Tpm,
  key: number,
  qualifyingData: Uint8Array,
  selection: readonly PcrSelection[],
): Promise<TakenQuote> {
  const { parameters } = await tpm.run({
    name: 'Quote',
    handles: [key],
    authorizations: [emptyPassword],
    parameters: Buffer.concat([sized(qualifyingData), u16(algorithms.null), encodeSelection(selection)]),
  })
  const reader = new ByteReader(parameters, 'response to TPM2_Quote', 'BE')
  return { message: reader.sized16('attestation', 1024), signature: reader.rest }
}

/**
 * A quote over all 24 PCRs of a bank with the values that it covers. Something may extend a PCR between reading and quoting: then both are
 * done again.
 *
 * @throws TransportError `tool-failed` when the PCRs do not come to rest
 */
export async function quoteWithValues(
  tpm: Tpm,
  key: number,
  qualifyingData: Uint8Array,
  hash: BankHash,
): Promise<TakenQuote & { values: Map<number, Buffer> }> {
  const selection = [{ hash, pcrs: [...everyPcr] }]
  for (let n = 0; n < 10; n++) {
    const values = await readPcrs(tpm, hash, everyPcr)
    const taken = await quote(tpm, key, qualifyingData, selection)
    const digestHash = parseSignature(taken.signature).hash
    const wanted = pcrDigest(digestHash, selection, new Map([[hash, values]]))
    if (parseQuote(taken.message).pcrDigest.equals(wanted)) return { ...taken, values }
  }
  throw new TransportError('tool-failed', 'the PCRs kept changing while they were quoted', {
    subject: tpm.transport.name,
    remedy: 'Stop what extends PCRs all the time (an IMA policy that measures everything), and try again.',
  })
}
