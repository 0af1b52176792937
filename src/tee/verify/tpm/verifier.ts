import type { JsonValue } from '../../../base/json.ts'
import { fromBase64 } from '../../../encoding/base64.ts'
import type { TeeEvidence, TeeVerdict } from '../../types.ts'
import { refusal, type TeeVerifier } from '../verifier.ts'
import { keyFingerprint, primaryUnder, wantedAttributes } from './attestation-key.ts'
import type { Quote } from './attest.ts'
import { allPcrs, parseTpmEvidence, type TpmEvidence } from './coco-quote.ts'
import { checkLogs } from './logs.ts'
import { parsePublic } from './public.ts'
import { parseSignature } from './signature.ts'
import { Steps } from '../steps.ts'
import { verifyQuote } from './verify-quote.ts'

export interface TpmTrust {
  /** SHA-256 of the SubjectPublicKeyInfo of each attestation key that is trusted, hex. */
  trustedKeys?: readonly string[]
  /** Take a key that nobody vouched for: anybody may have made it in a program (`accept-software-tpm`). */
  acceptSoftwareTpm?: boolean
}

/**
 * Plain TPM 2.0. Manufacturer chains of endorsement keys are not judged here, so each TPM counts as a software TPM; a pinned key says only
 * that it is the same one.
 */
export function tpmVerifier(trust: TpmTrust = {}): TeeVerifier {
  return {
    technology: 'tpm',
    // The binding's first 32 bytes are what Trustee's verifier compares (TRUST §2).
    verify: (evidence, reportData) => verifyTpm(evidence, reportData.subarray(0, 32), trust),
  }
}

/** Checks evidence of a plain TPM in the steps of tee.md §6.2. @param qualifyingData the whole extraData that is expected */
export function verifyTpm(taken: TeeEvidence, qualifyingData: Uint8Array, trust: TpmTrust = {}): TeeVerdict {
  const steps = new Steps()
  steps.note('technology', taken.technology === 'tpm', `evidence of ${taken.technology}`)
  const evidence = steps.read('form', 'ak_public and tpm_quote, nothing else', () => parseTpmEvidence(taken.evidence))
  if (evidence === null) return refusal('tpm', steps.checks)
  const ak = keyFingerprint(evidence.key)
  const pinned = trust.trustedKeys?.includes(ak) === true
  const why = pinned ? 'the attestation key is pinned' : 'nobody vouches for the attestation key: a software TPM'
  steps.note('ak-trust', pinned || trust.acceptSoftwareTpm === true, why)
  const { quote, facts, checks } = verifyQuote({
    message: evidence.message,
    signature: () => parseSignature(evidence.signature),
    key: evidence.key,
    values: new Map([['sha256', evidence.pcrs]]),
    selection: allPcrs,
    qualifyingData,
  })
  steps.checks.push(...checks)
  const attributes = quote === null ? {} : checkAttributes(taken.documents['ak-tpmt'], evidence, quote, steps)
  // Logs are read against PCR values, which count only once the quote holds.
  const logs = steps.passed ? checkLogs(taken.documents, evidence.pcrs, steps) : {}
  return {
    technology: 'tpm',
    status: steps.passed ? 'verified' : 'refused',
    facts: { ...facts, softwareTpm: true, akPinned: pinned, ...attributes, ...logs },
    measured: {},
    register: null,
    checks: steps.checks,
    machine: quote === null ? null : bootIdentity(ak, quote),
  }
}

/** One TPM between two resets, by what each of its quotes says. */
export function bootIdentity(ak: string, quote: Quote): string {
  return `tpm:${ak}:${quote.resetCount}:${quote.restartCount}`
}

/** Where the TPMT_PUBLIC travels along: it must be the key's, have an attestation key's attributes, and be what the quote was signed by. */
function checkAttributes(
  text: string | undefined,
  { key }: TpmEvidence,
  quote: Quote,
  steps: Steps,
): Record<string, JsonValue> {
  if (text === undefined) return { akAttributes: null }
  const area = steps.read('ak-public', 'a TPMT_PUBLIC', () => parsePublic(fromBase64(text, 'ak-tpmt')))
  if (area === null) return { akAttributes: null }
  const missing = wantedAttributes.filter((name) => !area.attributes.includes(name))
  const decrypts = area.attributes.includes('decrypt')
  steps.note('ak-same', keyFingerprint(area.key) === keyFingerprint(key), 'TPMT_PUBLIC and SPKI are one key')
  steps.note(
    'ak-attributes',
    missing.length === 0 && !decrypts,
    missing.length > 0 ? `without ${missing.join(', ')}` : decrypts ? 'it decrypts too' : 'made in the TPM, restricted',
  )
  const hierarchy = primaryUnder(quote, area)
  return { akAttributes: area.attributes, akName: area.name.toString('hex'), akPrimaryUnder: hierarchy }
}
