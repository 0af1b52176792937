import { z } from 'zod'
import { VerificationError } from '../../../base/errors.ts'
import type { JsonValue } from '../../../base/json.ts'
import { fromBase64, fromHex } from '../../../encoding/base64.ts'
import { keyFromSpki } from './attestation-key.ts'
import type { PcrSelection } from './selection.ts'
import type { KeyObject } from 'node:crypto'

/** Trustee's evidence for `tpm` (coco.md §7.2). */
export interface TpmEvidence {
  key: KeyObject
  message: Buffer
  /** Marshalled TPMT_SIGNATURE. */
  signature: Buffer
  pcrs: Map<number, Buffer>
}

/** All 24 PCRs of the SHA-256 bank, as a list of values in their order means. A list with another meaning is not readable in it. */
export const allPcrs: readonly PcrSelection[] = [{ hash: 'sha256', pcrs: [...Array(24).keys()] }]

const schema = z.strictObject({
  ak_public: z.string().max(8192),
  tpm_quote: z.strictObject({
    signature: z.string().max(8192),
    message: z.string().max(8192),
    pcrs: z.array(z.string()).length(24),
  }),
})

/** @throws VerificationError `evidence-invalid` or `format-invalid` */
export function parseTpmEvidence(value: JsonValue): TpmEvidence {
  const parsed = schema.safeParse(value)
  if (!parsed.success) {
    throw new VerificationError('evidence-invalid', 'not TPM evidence: ak_public and tpm_quote with 24 PCR values', {
      subject: 'tpm',
      cause: parsed.error,
    })
  }
  const { ak_public: key, tpm_quote: quote } = parsed.data
  return {
    key: keyFromSpki(fromBase64(key, 'ak_public'), 'ak_public'),
    message: fromBase64(quote.message, 'message'),
    signature: fromBase64(quote.signature, 'signature'),
    pcrs: pcrList(quote.pcrs),
  }
}

/** A list of hex values as PCR 0, 1, … of the SHA-256 bank. */
export function pcrList(values: readonly string[]): Map<number, Buffer> {
  return new Map(values.map((value, pcr) => [pcr, fromHex(value, 32, `PCR ${pcr}`)]))
}
