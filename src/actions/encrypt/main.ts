import type { ActionContext, ActionDoor, ActionResult } from '../../doors/context.ts'
import { formatReference, parseReference } from '../../oci/reference.ts'
import { encryptCaller } from '../../tasks/encrypt/caller.ts'
import { encryptionTarget } from '../../tasks/encrypt/target.ts'
import type { EncryptResult } from '../../tasks/encrypt/finish.ts'
import type { EncryptRequest } from '../../tasks/encrypt/prepare.ts'
import { jobImage } from '../../tasks/job-image.ts'
import { performTask } from '../../tasks/tasks.ts'
import { readInputs, type EncryptInputs } from './inputs.ts'
import { encryptionReport } from '../../report/encryption.ts'

/** Encrypts the layers of an image for a KBS key or public keys. */
export const door: ActionDoor = {
  name: 'encrypt',
  run: async (raw, context) => {
    const inputs = await readInputs(raw, context.ports)
    const request = await encryptRequest(inputs, context)
    return encryptedResult(
      await performTask('encrypt', request, encryptCaller(inputs, context.ports), context),
      context,
    )
  },
}

/** @param output where to, when that is not for `inputs` to say; without a tag none is set */
export async function encryptRequest(
  inputs: EncryptInputs,
  { ports, state }: ActionContext,
  output?: string,
): Promise<EncryptRequest> {
  const text = inputs.image ?? (await jobImage(state, ['plain']))
  const { recipients, layers, kbs } = inputs
  const image = formatReference(parseReference(text, ports.roots.cwd))
  return { image, recipients, layers, kbs, output: output ?? (await encryptionTarget(inputs.output, text, ports)) }
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
