import { counted } from '../base/counted.ts'
import { fails, notChecked, type Finding, type Question } from './types.ts'
import type { FormResult, SignatureFacts } from './signatures.ts'

/** Where signatures can stand. */
export type Form = 'tag' | 'bundle' | 'notation'

const forms: readonly Form[] = ['tag', 'bundle', 'notation']
const formNames: Readonly<Record<Form, string>> = {
  tag: 'the tag sha256-….sig (cosign 2)',
  bundle: 'a bundle as referrer (cosign 3)',
  notation: 'a Notary Project signature as referrer',
}
/** What `sign-attest` writes a form for. */
const consumers: Readonly<Record<Form, string>> = { tag: 'coco,cosign2', bundle: 'cosign3', notation: 'notation' }
const signerOptions: Readonly<Record<Form, string>> = {
  tag: '--public-key FILE, or --identity SAN with --issuer URL',
  bundle: '--public-key FILE, or --identity SAN with --issuer URL',
  notation: '--trust-store FILE with the root certificate',
}

/**
 * A reader that takes signatures in one form: what is there, and whether one is by the signer.
 *
 * @param facts of the manifest whose signatures it looks for
 */
export function signatureFindings(form: Form, result: FormResult, facts: SignatureFacts): Finding[] {
  const sign = `Run sign-attest with consumers: ${consumers[form]}${form === 'tag' ? '; a key or the agent writes this tag, signer: keyless does not' : ''}.`
  if (result.there === 0) {
    const others = otherForms(form, facts)
    if (others.length > 0)
      return [
        fails(
          'signature-form',
          `it looks for ${formNames[form]}; the image is signed by ${others.join(' and ')}`,
          sign,
        ),
      ]
    const [broken] = facts.broken
    const also = broken === undefined ? '' : `; not readable: ${broken}`
    return [fails('signature-missing', `the image has no signature; it looks for ${formNames[form]}${also}`, sign)]
  }
  if (result.unasked) {
    return [
      notChecked(
        'signer-not-given',
        `${counted(result.there, 'signature')} there; nobody said whose counts`,
        `Give ${signerOptions[form]}.`,
      ),
    ]
  }
  if (result.good > 0) return []
  return [
    fails(
      'signer',
      `none of ${counted(result.there, 'signature')} in its form counts: ${result.why}`,
      `Check the signer, or sign with the one that this reader trusts: sign-attest with consumers: ${consumers[form]}.`,
    ),
  ]
}

/** A reader that cannot use a kind of signer, whatever is signed. */
export function keylessFindings({ identity }: Question, why: string): Finding[] {
  return identity === null ? [] : [fails('signer', why, 'Sign with a key as well: sign-attest with signer: key.')]
}

function otherForms(form: Form, { tag, bundles, notation }: SignatureFacts): string[] {
  const there = { tag: tag.length, bundle: bundles.length, notation: notation.length }
  return forms.filter((one) => one !== form && there[one] > 0).map((one) => formNames[one])
}
