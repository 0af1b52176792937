import { InputError } from '../../base/errors.ts'
import { parseTime } from '../../base/time.ts'
import { launchKinds, type LaunchKind } from '../../deploy/launch.ts'
import { timestampUrl } from '../../log/timestamp/client.ts'
import type { RawInputs } from '../../doors/context.ts'
import { readSigner } from '../shared/signer.ts'
import type { KeySource } from '../../sign/signers/types.ts'
import { readKeyInputs, type KeyInputs } from '../shared/keys.ts'
import { isDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/types.ts'

export interface VerifyDeployInputs {
  keys: KeyInputs
  /** '' means the last published image of this job. */
  image: string
  /** Of an index, the one child that is verified and named; null for all. */
  platform: string | null
  /** Absolute path. */
  policy: string
  /** Absolute; null for the policy's own. */
  collateral: string | null
  nonce: string | null
  /** Place of the log that the policy pins; null where it cannot be asked. */
  log: string | null
  /** Absolute folder of the checkpoints that were seen; null for one in the state directory. */
  logState: string | null
  /** Time to judge at; null for now. */
  at: Date | null
  /** Digest that the policy must have; null for any. */
  policyDigest: Digest | null
  expectCommit: string | null
  expectDigest: Digest | null
  launch: LaunchKind
  /** Absolute folder of `unpack`; null for one in the state directory. */
  output: string | null
  enforce: boolean
  signer: 'agent' | 'key' | 'none'
  key: KeySource | null
  /** Service that stamps the verification summary; null for none. */
  timestamp: URL | null
}

/** @throws InputError `no-policy`, `input-missing`, `input-invalid` */
export async function readInputs(inputs: RawInputs): Promise<VerifyDeployInputs> {
  if (inputs.text('policy') === '') {
    throw new InputError('no-policy', 'the gate has no policy', {
      subject: 'policy',
      remedy:
        'Write a first one with "sealwright policy init --image REF --output policy.yml", read it, and give it as `policy`.',
    })
  }
  const { signer, key } = await readSigner(inputs, ['agent', 'none'])
  const launch = inputs.choice('launch', launchKinds)
  const at = inputs.text('at') === '' ? null : parseTime(inputs.text('at'), 'at')
  if (at !== null && (signer !== 'none' || launch !== 'none')) {
    throw new InputError('input-invalid', 'a verdict of another time than now is neither signed nor launched', {
      subject: 'at',
      remedy: 'Leave `at` out, or set `signer: none` and `launch: none`.',
    })
  }
  return {
    at,
    image: inputs.text('image'),
    platform: inputs.text('platform') === '' ? null : inputs.text('platform'),
    policy: inputs.path('policy'),
    collateral: inputs.text('collateral') === '' ? null : inputs.path('collateral'),
    keys: await readKeyInputs(inputs),
    policyDigest: digestOf(inputs, 'policy-digest'),
    expectCommit: commitOf(inputs),
    expectDigest: digestOf(inputs, 'expect-digest'),
    nonce: inputs.text('nonce') === '' ? null : inputs.text('nonce'),
    log: inputs.text('log') === '' ? null : inputs.text('log'),
    logState: inputs.text('log-state') === '' ? null : inputs.path('log-state'),
    launch,
    output: inputs.text('output') === '' ? null : inputs.path('output'),
    enforce: inputs.choice('enforce', ['true', 'warn']) === 'true',
    signer,
    key,
    timestamp: inputs.text('timestamp') === '' ? null : timestampUrl(inputs.text('timestamp')),
  }
}

function digestOf(inputs: RawInputs, name: string): Digest | null {
  const text = inputs.text(name)
  if (text === '') return null
  if (isDigest(text)) return text
  throw new InputError('input-invalid', `${name} is ${text}, which is no digest`, {
    subject: name,
    remedy: 'Write sha256: and 64 lower-case hex digits.',
  })
}

function commitOf(inputs: RawInputs): string | null {
  const text = inputs.text('expect-commit')
  if (text === '') return null
  if (/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(text)) return text
  throw new InputError('input-invalid', `expect-commit is ${text}, which is no whole commit id`, {
    subject: 'expect-commit',
    remedy: 'Write all 40 (or 64) lower-case hex digits: git rev-parse HEAD prints them.',
  })
}
