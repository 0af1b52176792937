import { fromBase64 } from '../../../encoding/base64.ts'
import type { AreaFacts } from '../../facts/tpm.ts'
import type { TeeEvidence, VerdictOf } from '../../types.ts'
import { defaultPcr } from '../../register/index.ts'
import { checkRegister } from '../register.ts'
import { refusal, type TeeVerifier, type VerifyContext } from '../verifier.ts'
import { keyFingerprint, primaryUnder, wantedAttributes } from './attestation-key.ts'
import type { Quote } from './attest.ts'
import { allPcrs, parseTpmEvidence, type TpmEvidence } from './coco-quote.ts'
import { checkLogs } from './logs.ts'
import { parsePublic, type TpmPublic } from './public.ts'
import { parseSignature } from './signature.ts'
import { Steps } from '../steps.ts'
import { judgeKeyTrust } from './trust.ts'
import { verifyQuote } from './verify-quote.ts'

/**
 * Plain TPM 2.0. A TPM whose attestation key no manufacturer's certificate chain reaches counts as a software TPM; a pinned key says only that it is the same
 * one again.
 */
export const tpmVerifier: TeeVerifier<'tpm'> = {
  technology: 'tpm',
  // The binding's first 32 bytes are what Trustee's verifier compares (TRUST §2).
  verify: (evidence, reportData, context) => verifyTpm(evidence, reportData.subarray(0, 32), context),
}

/** Checks evidence of a plain TPM in the steps of tee.md §6.2. @param qualifyingData the whole extraData that is expected */
export function verifyTpm(taken: TeeEvidence, qualifyingData: Uint8Array, context: VerifyContext): VerdictOf<'tpm'> {
  const steps = new Steps()
  steps.note('technology', taken.technology === 'tpm', `evidence of ${taken.technology}`)
  const evidence = steps.read('form', 'ak_public and tpm_quote, nothing else', () => parseTpmEvidence(taken.evidence))
  if (evidence === null) return refusal('tpm', steps.checks)
  const area = readArea(taken.documents['ak-tpmt'], evidence, steps)
  const trust = judgeKeyTrust(taken, { key: evidence.key, area }, context, steps)
  const { quote, facts, checks } = verifyQuote({
    message: evidence.message,
    signature: () => parseSignature(evidence.signature),
    key: evidence.key,
    values: new Map([['sha256', evidence.pcrs]]),
    selection: allPcrs,
    qualifyingData,
  })
  steps.checks.push(...checks)
  const attributes = areaFacts(area, quote, trust.named)
  // Logs are read against PCR values, which count only once the quote holds.
  const logs = steps.passed ? checkLogs(taken.documents, evidence.pcrs, steps) : null
  const measured = quote === null ? {} : pcrMeasured(evidence.pcrs)
  const name = context.rules.register ?? defaultPcr
  const register =
    logs !== null && steps.passed
      ? checkRegister({ documents: taken.documents, name, measured, log: logs.log }, steps)
      : null
  return {
    technology: 'tpm',
    status: steps.passed ? 'verified' : 'refused',
    facts: { quote: facts, trust: trust.facts, area: attributes, log: null, ima: null, ...logs?.facts },
    measured,
    register,
    checks: steps.checks,
    machine: quote === null ? null : bootIdentity(keyFingerprint(evidence.key), quote),
  }
}

/** What reference values are compared with (`TeeVerdict.measured`). @param pcrs of the SHA-256 bank */
export function pcrMeasured(pcrs: ReadonlyMap<number, Buffer>): Record<string, string> {
  return Object.fromEntries([...pcrs].map(([pcr, value]) => [`pcr${pcr}`, value.toString('hex')]))
}

/** One TPM between two resets, by what each of its quotes says. */
export function bootIdentity(ak: string, quote: Quote): string {
  return `tpm:${ak}:${quote.resetCount}:${quote.restartCount}`
}

/**
 * What the public area says, where something proves its Name: a registrar's record, or the quote itself, whose qualified signer is a hash over
 * it for a primary key. Otherwise anybody may have written it beside the quote, and nothing of it is told.
 */
function areaFacts(area: TpmPublic | null, quote: Quote | null, named: boolean): AreaFacts | null {
  const under = area === null || quote === null ? null : primaryUnder(quote, area)
  if (area === null || (under === null && !named)) return null
  return { akAttributes: area.attributes, akName: area.name.toString('hex'), akPrimaryUnder: under }
}

/** Where the TPMT_PUBLIC travels along it must be the key's and have an attestation key's attributes. */
function readArea(text: string | undefined, { key }: TpmEvidence, steps: Steps): TpmPublic | null {
  if (text === undefined) return null
  const area = steps.read('ak-public', 'a TPMT_PUBLIC', () => parsePublic(fromBase64(text, 'ak-tpmt')))
  if (area === null) return null
  const missing = wantedAttributes.filter((name) => !area.attributes.includes(name))
  const decrypts = area.attributes.includes('decrypt')
  steps.note('ak-same', keyFingerprint(area.key) === keyFingerprint(key), 'TPMT_PUBLIC and SPKI are one key')
  steps.note(
    'ak-attributes',
    missing.length === 0 && !decrypts,
    missing.length > 0 ? `without ${missing.join(', ')}` : decrypts ? 'it decrypts too' : 'made in the TPM, restricted',
  )
  return area
}
