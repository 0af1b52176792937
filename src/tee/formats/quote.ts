import { toBase64 } from '../../encoding/base64.ts'
import type { TeeEvidence, VerdictOf } from '../types.ts'
import { Steps } from '../verify/steps.ts'
import { keyFingerprint, wantedAttributes } from '../verify/tpm/attestation-key.ts'
import { allPcrs } from '../verify/tpm/coco-quote.ts'
import { parsePublic } from '../verify/tpm/public.ts'
import { sameSelection } from '../verify/tpm/selection.ts'
import { parseSignature } from '../verify/tpm/signature.ts'
import { judgeKeyTrust } from '../verify/tpm/trust.ts'
import { bootIdentity, pcrMeasured } from '../verify/tpm/verifier.ts'
import { verifyQuote } from '../verify/tpm/verify-quote.ts'
import { parseQuote } from '../verify/tpm/attest.ts'
import { unbound, type Demands } from './demands.ts'
import type { QuoteParts } from './types.ts'

/** CoCo's form of a quote: null where it is not of all 24 PCRs of SHA-256, which is all that the form can say. */
export function evidenceOfQuote({ message, signature, key, area, selection, values }: QuoteParts): TeeEvidence | null {
  if (!sameSelection(selection, allPcrs)) return null
  const list = [...(values.get('sha256') ?? [])].toSorted(([a], [b]) => a - b).map(([, value]) => value.toString('hex'))
  return {
    technology: 'tpm',
    evidence: {
      ak_public: toBase64(key.export({ format: 'der', type: 'spki' })),
      tpm_quote: { signature: toBase64(signature), message: toBase64(message), pcrs: list },
    },
    documents: area === null ? {} : { 'ak-tpmt': toBase64(area) },
  }
}

/** Verdict on a quote of other PCRs than CoCo's form has, or with a longer nonce: the same steps but for logs and register. */
export function judgeQuote(parts: QuoteParts, { expected, accept, context, selection }: Demands): VerdictOf<'tpm'> {
  const steps = new Steps()
  const { key, area: bytes, message } = parts
  const area = bytes === null ? null : steps.read('ak-public', 'a TPMT_PUBLIC', () => parsePublic(bytes))
  if (area !== null) {
    const missing = wantedAttributes.filter((name) => !area.attributes.includes(name))
    const ok = missing.length === 0 && !area.attributes.includes('decrypt')
    steps.note('ak-attributes', ok, `the key is ${area.attributes.join(', ')}`)
  }
  const taken = { technology: 'tpm', evidence: {}, documents: {} } as const
  const trust = judgeKeyTrust(taken, { key, area }, context, steps)
  const claimed =
    expected === null ? steps.read('TPMS_ATTEST', 'readable', () => parseQuote(message).qualifyingData) : null
  const { quote, facts, checks } = verifyQuote({
    message,
    signature: () => parseSignature(parts.signature),
    key,
    values: parts.values,
    selection: selection ?? allPcrs,
    qualifyingData: expected?.bytes ?? claimed ?? Buffer.alloc(0),
  })
  const before = steps.checks.filter(({ name }) => name !== 'TPMS_ATTEST')
  const all = [...before, ...(expected === null ? unbound(checks, claimed, accept.has('unbound')) : checks)]
  return {
    technology: 'tpm',
    status: all.every(({ ok }) => ok) ? 'verified' : 'refused',
    facts: { quote: facts, trust: trust.facts, area: null, log: null, ima: null },
    measured: quote === null ? {} : pcrMeasured(parts.values.get('sha256') ?? new Map()),
    register: null,
    checks: all,
    machine: quote === null ? null : bootIdentity(keyFingerprint(key), quote),
  }
}
