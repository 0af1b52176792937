import { InputError } from '../../base/errors.ts'
import { checkKbsUrl } from '../../kbs/uri.ts'
import { parseTools, type Tool } from '../../runner/tools.ts'
import { technologies, type Technology } from '../../base/technology.ts'
import { noTpmByRest } from '../../tasks/attest/no-tpm.ts'
import type { RawInputs } from '../../doors/context.ts'
import { optional, optionalPath } from '../shared/optional.ts'
import type { TeeChoice } from '../../tee/choice.ts'

export interface SetupInputs {
  technology: Technology | 'auto'
  verifier: 'local' | 'trustee' | 'both' | 'none'
  trusteeUrl: string | null
  /** File of keys or certificates that an EAR must be signed by. */
  trusteeKeys: string | null
  /** Appraisal policy at the Attestation Service. */
  trusteePolicy: string
  kbsUrl: string | null
  /** File of values that the verified evidence must have. */
  referenceValues: string | null
  /** PEM files of keys, one of which must have signed the reference values. */
  referenceKeys: string[]
  /** Folder of collateral (certificates, CRLs, TCB data). */
  collateral: string | null
  /** The gate's policy file, for its rules of TEEs. */
  policy: string | null
  nonce: string
  /** File of the key that a log's checkpoint must be signed by. */
  logKey: string | null
  /** What the collector is told of the TEE. */
  tee: TeeChoice
  /** Socket of the machine's agent; 'none' for an agent of this job's own, '' for whichever there is. */
  agentSocket: string
  /** Seconds. */
  lifetime: number
  tools: Tool[]
}

/** @throws InputError `input-invalid`, `input-missing`, `unsupported` */
export function readInputs(inputs: RawInputs): SetupInputs {
  const verifier = inputs.choice('verifier', ['local', 'trustee', 'both', 'none'])
  const trusteeUrl = optional(inputs, 'trustee-url', (text) => checkKbsUrl(text, 'trustee-url'))
  // The root action's KBS may be embedded in its own process: nobody outside could attest to that.
  const kbsUrl = inputs.text('kbs-url').startsWith('embedded:')
    ? null
    : optional(inputs, 'kbs-url', (text) => checkKbsUrl(text, 'kbs-url'))
  if ((verifier === 'trustee' || verifier === 'both') && trusteeUrl === null && kbsUrl === null) {
    throw new InputError('input-missing', `verifier ${verifier} needs trustee-url or kbs-url`, {
      subject: 'trustee-url',
      remedy: 'Give the base URL of the Attestation Service, or that of a KBS with one inside.',
    })
  }
  const technology = inputs.choice('technology', ['auto', ...technologies])
  if (technology === 'tpm' && trusteeUrl !== null && verifier !== 'none' && verifier !== 'local') throw noTpmByRest()
  const referenceKeys = inputs.list('reference-keys')
  if (referenceKeys.length > 0 && inputs.text('reference-values') === '') {
    throw new InputError('input-missing', 'reference-keys without reference-values', {
      subject: 'reference-values',
      remedy: 'Give the signed reference values of the runner image.',
    })
  }
  return {
    technology,
    verifier,
    trusteeUrl,
    trusteeKeys: optionalPath(inputs, 'trustee-keys'),
    trusteePolicy: policyId(inputs.text('trustee-policy') || 'default'),
    kbsUrl,
    referenceValues: optionalPath(inputs, 'reference-values'),
    referenceKeys,
    collateral: optionalPath(inputs, 'collateral'),
    policy: optionalPath(inputs, 'policy'),
    nonce: checkedNonce(inputs.text('nonce')),
    logKey: optionalPath(inputs, 'log-key'),
    tee: {
      tpmDevice: inputs.text('tpm-device'),
      register: checkedRegister(inputs.text('tpm-register')),
      tpmKey: inputs.choice('tpm-key', ['', 'ecc', 'rsa']),
      akActivation: optionalPath(inputs, 'ak-activation') ?? '',
      collateral: optionalPath(inputs, 'collateral') ?? '',
    },
    agentSocket: inputs.text('agent-socket'),
    lifetime: inputs.integer('lifetime', 60, 86_400),
    tools: parseTools(inputs.list('tools', true)),
  }
}

function checkedRegister(text: string): string {
  if (/^(?:|pcr(?:8|9|1[0-5]))$/.test(text)) return text
  throw new InputError('input-invalid', `tpm-register: ${text} is no register for this`, {
    subject: 'tpm-register',
    remedy: 'Use one of pcr8 to pcr15; pcr14 is the default.',
  })
}

function policyId(text: string): string {
  if (/^[A-Za-z0-9_.-]{1,64}$/.test(text)) return text
  throw new InputError('input-invalid', `trustee-policy: ${text} is no policy id`, {
    subject: 'trustee-policy',
    remedy: 'Write the id that the policy was uploaded under, without "_cpu".',
  })
}

function checkedNonce(text: string): string {
  if (/^(?:|oidc|none|kbs|(?:verifier|kbs|log):.{1,1024})$/s.test(text)) return text
  throw new InputError('input-invalid', 'nonce: it names no source', {
    subject: 'nonce',
    remedy:
      'Write oidc (the default), none, kbs (a challenge of `kbs-url`), log:URL, or verifier:VALUE, kbs:VALUE, log:VALUE.',
  })
}
