import type { ActionContext, ActionDoor, ActionResult } from '../../doors/context.ts'
import { formatReference, parseReference } from '../../oci/reference.ts'
import { encryptCaller } from '../../tasks/encrypt/caller.ts'
import { encryptionTarget } from '../../tasks/encrypt/target.ts'
import type { EncryptResult } from '../../tasks/encrypt/finish.ts'
import type { EncryptRequest } from '../../tasks/encrypt/prepare.ts'
import { jobImage } from '../../tasks/job-image.ts'
import { performTask } from '../../tasks/tasks.ts'
import { readInputs, type EncryptInputs } from './inputs.ts'
import type { Caller } from '../../agent/caller.ts'
import { keySecret, withKeyRequest } from '../../tasks/key-request.ts'
import { encryptionReport, rewrapReport } from '../../report/encryption.ts'

/** Encrypts the layers of an image for a KBS key or public keys. */
export const door: ActionDoor = {
  name: 'encrypt',
  run: async (raw, context) => {
    const inputs = await readInputs(raw, context.ports)
    const request = await encryptRequest(inputs, context)
    const { rewrap } = inputs
    const caller = encryptCaller(inputs, context.ports)
    if (rewrap !== null) return rewrapped(request, rewrap, caller, context)
    return encryptedResult(await performTask('encrypt', request, caller, context), context)
  },
}

async function rewrapped(
  request: EncryptRequest,
  { keep, keys }: NonNullable<EncryptInputs['rewrap']>,
  caller: Caller,
  context: ActionContext,
): Promise<ActionResult> {
  const secret: Caller['secret'] = async (name) => (await caller.secret(name)) ?? keySecret(keys)(name)
  const result = await withKeyRequest(keys, context.ports, (keyRequest) =>
    performTask('rewrap', { request, keep, keys: keyRequest }, { ...caller, secret }, context),
  )
  await context.state.rememberImage(result.digest, result.reference, 'encrypted')
  return {
    outputs: {
      image: result.reference,
      digest: result.digest,
      'plain-digest': '',
      'key-uri': result.keyUris.join('\n'),
    },
    report: rewrapReport(result, keep),
  }
}

/** @param output where to, when that is not for `inputs` to say; without a tag none is set */
export async function encryptRequest(
  inputs: EncryptInputs,
  { ports, state }: ActionContext,
  output?: string,
): Promise<EncryptRequest> {
  const text = inputs.image ?? (await jobImage(state, ['plain']))
  const { recipients, layers, kbs, rewrap } = inputs
  const image = formatReference(parseReference(text, ports.roots.cwd))
  const suffix = rewrap === null ? undefined : '-rewrapped'
  const target = output ?? (await encryptionTarget(inputs.output, text, ports, suffix))
  return { image, recipients, layers, kbs, output: target }
}

/** Outputs and report of an encryption. */
export async function encryptedResult(result: EncryptResult, { state }: ActionContext): Promise<ActionResult> {
  await state.rememberImage(result.digest, result.reference, 'encrypted')
  return {
    outputs: {
      image: result.reference,
      digest: result.digest,
      'plain-digest': result.plainDigest,
      'key-uri': result.keyUris.join('\n'),
    },
    report: encryptionReport(result),
  }
}
