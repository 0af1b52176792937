import { InputError } from '../../base/errors.ts'
import { parseTime } from '../../base/time.ts'
import { launchKinds } from '../../deploy/launch.ts'
import { timestampUrl } from '../../log/timestamp/client.ts'
import type { RawInputs } from '../../doors/context.ts'
import { optional, optionalDigest, optionalPath, optionalText } from '../shared/optional.ts'
import { readSigner } from '../shared/signer.ts'
import { readKeyInputs } from '../shared/keys.ts'
import type { GateRequest } from '../../tasks/gate/request.ts'

/** @throws InputError `no-policy`, `input-missing`, `input-invalid` */
export async function readInputs(inputs: RawInputs): Promise<GateRequest> {
  if (inputs.text('policy') === '') {
    throw new InputError('no-policy', 'the gate has no policy', {
      subject: 'policy',
      remedy:
        'Write a first one with "sealwright policy init --image REF --output policy.yml", read it, and give it as `policy`.',
    })
  }
  const { signer, key } = await readSigner(inputs, ['agent', 'none'])
  const launch = inputs.choice('launch', launchKinds)
  const at = optional(inputs, 'at', (text) => parseTime(text, 'at'))
  if (at !== null && (signer !== 'none' || launch !== 'none')) {
    throw new InputError('input-invalid', 'a verdict of another time than now is neither signed nor launched', {
      subject: 'at',
      remedy: 'Leave `at` out, or set `signer: none` and `launch: none`.',
    })
  }
  return {
    at,
    image: inputs.text('image'),
    platform: optionalText(inputs, 'platform'),
    policy: inputs.path('policy'),
    collateral: optionalPath(inputs, 'collateral'),
    keys: await readKeyInputs(inputs),
    policyDigest: optionalDigest(inputs, 'policy-digest'),
    expectCommit: optional(inputs, 'expect-commit', wholeCommit),
    expectDigest: optionalDigest(inputs, 'expect-digest'),
    nonce: optionalText(inputs, 'nonce'),
    log: optionalText(inputs, 'log'),
    logState: optionalPath(inputs, 'log-state'),
    launch,
    output: optionalPath(inputs, 'output'),
    enforce: inputs.choice('enforce', ['true', 'warn']) === 'true',
    signer,
    key,
    timestamp: optional(inputs, 'timestamp', timestampUrl),
  }
}

function wholeCommit(text: string): string {
  if (/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(text)) return text
  throw new InputError('input-invalid', `expect-commit is ${text}, which is no whole commit id`, {
    subject: 'expect-commit',
    remedy: 'Write all 40 (or 64) lower-case hex digits: git rev-parse HEAD prints them.',
  })
}
