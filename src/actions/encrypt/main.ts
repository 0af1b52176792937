import { once } from '../../base/streams.ts'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { ActionContext, ActionDoor, ActionResult } from '../../doors/context.ts'
import { formatReference, parseReference, parseTarget } from '../../oci/reference.ts'
import { resolveImage } from '../../oci/open.ts'
import type { Caller } from '../../agent/caller.ts'
import type { EncryptResult } from '../../tasks/encrypt/finish.ts'
import { recipientFile } from '../../encrypt/recipients.ts'
import type { EncryptRequest } from '../../tasks/encrypt/prepare.ts'
import { jobImage } from '../../tasks/job-image.ts'
import { performTask } from '../../tasks/tasks.ts'
import { readInputs, type EncryptInputs } from './inputs.ts'
import { summary } from './summary.ts'

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
  return { image, recipients, layers, kbs, output: output ?? (await targetOf(inputs.output, text, ports)) }
}

/** `-encrypted` after the tag, in the same store, unless `output` says otherwise (INTERFACE §1). */
async function targetOf(output: string | null, text: string, ports: Ports): Promise<string> {
  const given = parseTarget(output ?? text, ports.roots.cwd)
  const tag =
    output === null ? `${(await resolveImage(text, ports)).tag ?? 'latest'}-encrypted` : (given.tag ?? 'latest')
  return formatReference({ ...given, tag, digest: undefined })
}

/** Serves the public keys of recipients, and the key of `key-file`. */
export function encryptCaller({ recipients, kek }: EncryptInputs, ports: Ports): Caller {
  return {
    fetch: async (name) => {
      const path = name.replace(/^recipient:/, '')
      if (!recipients.some((one) => recipientFile(one) === path))
        throw new InputError('not-found', `nothing is served as "${name}"`)
      return once(await publicKey(path, ports))
    },
    secret: (name) => Promise.resolve(name === 'key-file' ? kek : null),
    deliver: () => Promise.resolve(),
  }
}

async function publicKey(path: string, ports: Ports): Promise<Buffer> {
  return readFile(resolve(ports.roots.cwd, path)).catch((cause: unknown) => {
    throw new InputError('file-missing', `recipients: "${path}" cannot be read`, {
      subject: 'recipients',
      cause,
      remedy: 'Give the path of a public key (PEM or JWK).',
    })
  })
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
    report: summary(result),
  }
}
