import { InputError } from '../../base/errors.ts'
import { checkKbsUrl, checkServiceUrl, isGrpc } from '../../kbs/uri.ts'
import { parseTools, type Tool } from '../../runner/tools.ts'
import { technologies } from '../../base/technology.ts'
import { noTpmByRest } from '../../tasks/attest/no-tpm.ts'
import type { RawInputs } from '../../doors/context.ts'
import { optional, optionalPath } from '../shared/optional.ts'
import { runtimeRegister } from '../../tee/choice.ts'
import { nonceSource } from '../../agent/nonce.ts'
import { appraisalPolicy } from '../../tasks/attest/appraisal-policy.ts'
import type { TrusteeInputs } from '../../tasks/attest/caller.ts'
import type { EvidenceInputs } from '../../tasks/attest/findings.ts'
import type { AgentRequest } from '../../tasks/attest/start-agent.ts'

export interface SetupInputs extends AgentRequest, EvidenceInputs, TrusteeInputs {
  tools: Tool[]
}

/** @throws InputError `input-invalid`, `input-missing`, `unsupported` */
export function readInputs(inputs: RawInputs): SetupInputs {
  const verifier = inputs.choice('verifier', ['local', 'trustee', 'both', 'none'])
  const trusteeUrl = optional(inputs, 'trustee-url', checkServiceUrl)
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
  const isAsked = trusteeUrl !== null && (verifier === 'trustee' || verifier === 'both')
  if (technology === 'tpm' && isAsked && !isGrpc(trusteeUrl)) throw noTpmByRest()
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
    trusteePolicy: appraisalPolicy(inputs.text('trustee-policy') || 'default'),
    kbsUrl,
    referenceValues: optionalPath(inputs, 'reference-values'),
    referenceKeys,
    collateral: optionalPath(inputs, 'collateral'),
    policy: optionalPath(inputs, 'policy'),
    nonce: nonceSource(inputs.text('nonce')),
    logKey: optionalPath(inputs, 'log-key'),
    tee: {
      tpmDevice: inputs.text('tpm-device'),
      register: runtimeRegister(inputs.text('tpm-register')),
      tpmKey: inputs.choice('tpm-key', ['', 'ecc', 'rsa']),
      akActivation: optionalPath(inputs, 'ak-activation') ?? '',
      collateral: optionalPath(inputs, 'collateral') ?? '',
    },
    agentSocket: inputs.text('agent-socket'),
    lifetime: inputs.integer('lifetime', 60, 86_400),
    tools: parseTools(inputs.list('tools', true)),
  }
}
