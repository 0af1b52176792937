import { InputError } from '../../base/errors.ts'
import { parseTools, type Tool } from '../../runner/tools.ts'
import { technologies, type Technology } from '../../base/technology.ts'
import type { RawInputs } from '../context.ts'

export interface SetupInputs {
  technology: Technology | 'auto'
  verifier: 'local' | 'trustee' | 'both' | 'none'
  trusteeUrl: string | null
  /** File of values that the verified evidence must have. */
  referenceValues: string | null
  nonce: string
  /** Seconds. */
  lifetime: number
  tools: Tool[]
}

/** @throws InputError `input-invalid`, `input-missing`, `unsupported` */
export function readInputs(inputs: RawInputs): SetupInputs {
  const verifier = inputs.choice('verifier', ['local', 'trustee', 'both', 'none'])
  const trusteeUrl = inputs.text('trustee-url')
  if ((verifier === 'trustee' || verifier === 'both') && trusteeUrl === '') {
    throw new InputError('input-missing', `verifier ${verifier} needs trustee-url`, {
      subject: 'trustee-url',
      remedy: 'Give the base URL of the Attestation Service.',
    })
  }
  if (inputs.text('tpm-device') !== '') {
    throw new InputError('unsupported', 'evidence of a TPM is not in this version', {
      subject: 'tpm-device',
      remedy: 'Leave tpm-device out; use snp, tdx or sample.',
    })
  }
  return {
    technology: inputs.choice('technology', ['auto', ...technologies]),
    verifier,
    trusteeUrl: trusteeUrl === '' ? null : checkedUrl(trusteeUrl),
    referenceValues: inputs.text('reference-values') === '' ? null : inputs.path('reference-values'),
    nonce: checkedNonce(inputs.text('nonce')),
    lifetime: inputs.integer('lifetime', 60, 86_400),
    tools: parseTools(inputs.list('tools', true)),
  }
}

function checkedNonce(text: string): string {
  if (/^(?:|oidc|none|(?:verifier|kbs|log):.{1,1024})$/s.test(text)) return text
  throw new InputError('input-invalid', 'nonce: it names no source', {
    subject: 'nonce',
    remedy: 'Write oidc (the default), none, or verifier:VALUE, kbs:VALUE, log:VALUE.',
  })
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  const loopback = url !== null && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback)) return text.replace(/\/+$/, '')
  throw new InputError('input-invalid', 'trustee-url is neither https nor on loopback', {
    subject: 'trustee-url',
    remedy: 'Give an https URL.',
  })
}
