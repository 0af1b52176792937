import type { KeyObject } from 'node:crypto'
import { VerificationError } from '../../../base/errors.ts'
import type { QuoteFacts } from '../../facts/tpm.ts'
import type { TeeCheck } from '../../types.ts'
import { isStrong, keyFingerprint } from './attestation-key.ts'
import { parseQuote, type Quote } from './attest.ts'
import { formatSelection, pcrDigest, sameSelection, type PcrSelection, type PcrValues } from './selection.ts'
import { checkSignature, type TpmSignature } from './signature.ts'
import { boundReason, Steps } from '../steps.ts'

export interface QuoteInput {
  /** TPMS_ATTEST, the signed bytes. */
  message: Uint8Array
  /** Reads the signature; a throw is a failed step. */
  signature: () => TpmSignature
  /** The attestation key. Whether it may be trusted is not asked here. */
  key: KeyObject
  /** Values by bank and index, exactly those selected. */
  values: PcrValues
  /** What must have been quoted, no more and no fewer. */
  selection: readonly PcrSelection[]
  /** The whole extraData. */
  qualifyingData: Uint8Array
}

export interface QuoteResult {
  quote: Quote | null
  /** Null where the quote cannot be read. */
  facts: QuoteFacts | null
  checks: TeeCheck[]
}

/** Checks a TPM 2.0 quote (Library Part 3 §18.4; tee.md §6.2 steps 3 to 7). */
export function verifyQuote(input: QuoteInput): QuoteResult {
  const steps = new Steps()
  steps.note('ak-strength', isStrong(input.key), 'RSA from 2,048 bits or a NIST curve')
  const quote = steps.read('TPMS_ATTEST', 'made by a TPM, of type quote, nothing beside its fields', () =>
    parseQuote(input.message),
  )
  const signature = steps.read('TPMT_SIGNATURE', 'RSASSA, RSAPSS or ECDSA without SHA-1', input.signature)
  steps.note(
    'signature',
    signature !== null && checkSignature(input.message, signature, input.key),
    'the attestation key signed these very bytes',
  )
  if (quote === null) return { quote, facts: null, checks: steps.checks }
  const expected = Buffer.from(input.qualifyingData)
  const bound = quote.qualifyingData.equals(expected)
  steps.note('qualifying-data', bound, boundReason(bound, quote.qualifyingData, expected))
  steps.note(
    'pcr-selection',
    sameSelection(quote.selection, input.selection),
    `quoted ${formatSelection(quote.selection)}, wanted ${formatSelection(input.selection)}`,
  )
  steps.read('pcr-digest', 'the values hash to the quoted digest', () => {
    const digest = pcrDigest(signature?.hash ?? 'sha256', quote.selection, input.values)
    if (!digest.equals(quote.pcrDigest)) {
      throw new VerificationError('evidence-invalid', 'the values hash to another digest than the quoted one')
    }
  })
  return { quote, facts: quoteFacts(quote, signature, input), checks: steps.checks }
}

function quoteFacts(quote: Quote, signature: TpmSignature | null, input: QuoteInput): QuoteFacts {
  const bank = input.selection.find(({ hash }) => hash === 'sha256') ?? input.selection[0]
  const values = bank === undefined ? undefined : input.values.get(bank.hash)
  return {
    ak: `sha256:${keyFingerprint(input.key)}`,
    scheme: signature === null ? null : `${signature.scheme}-${signature.hash}`,
    qualifiedSigner: quote.qualifiedSigner.toString('hex'),
    qualifyingData: quote.qualifyingData.toString('hex'),
    // 64-bit values are text: JSON numbers would lose digits.
    clock: quote.clock.toString(),
    resetCount: quote.resetCount,
    restartCount: quote.restartCount,
    safe: quote.safe,
    firmwareVersion: quote.firmwareVersion.toString(16).padStart(16, '0'),
    selection: formatSelection(quote.selection),
    pcrDigest: quote.pcrDigest.toString('hex'),
    pcrBank: bank?.hash ?? null,
    pcrs: Object.fromEntries([...(values ?? [])].map(([pcr, value]) => [String(pcr), value.toString('hex')])),
  }
}
