import { TransportError, type SealwrightError } from '../base/errors.ts'
import { isObject, type JsonValue } from '../base/json.ts'
import { fromBase64 } from '../encoding/base64.ts'

/** TPM_ALG_RSASSA, the first bytes of a TPMT_SIGNATURE (TPM 2.0 part 2, 6.3). */
const rsassa = Buffer.from([0x00, 0x14])

/** What a user does about a key that Trustee does not take. */
export const tpmKeyRemedy = 'Set `tpm-key: rsa`.'

/** Kind of the key that signed the TPM quote of some evidence: Trustee verifies `rsassa` alone. Null for evidence without a quote. */
export function quoteKey(evidence: JsonValue): 'rsassa' | 'other' | null {
  const quote = isObject(evidence) ? evidence['tpm_quote'] : undefined
  const signature = isObject(quote) ? quote['signature'] : undefined
  if (typeof signature !== 'string') return null
  return fromBase64(signature, 'TPM signature').subarray(0, 2).equals(rsassa) ? 'rsassa' : 'other'
}

/** A refused attestation, with the remedy where the key of the quote may be the cause: Trustee itself says only that attesting failed. */
export function refusedEvidence(error: SealwrightError, evidence: JsonValue): SealwrightError {
  if (!(error instanceof TransportError) || error.code !== 'kbs-error' || quoteKey(evidence) !== 'other') return error
  const message = `${error.message}. Trustee takes a TPM's quotes by RSASSA keys alone, and this one is by another key`
  return new TransportError('kbs-error', message, { subject: 'tpm-key', cause: error, remedy: tpmKeyRemedy })
}
