import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { decryptImage } from '../../encrypt/decrypt-image.ts'
import { loadImage } from '../../image/load.ts'
import { openStore, resolveImage } from '../../oci/open.ts'
import { formatReference, parseTarget } from '../../oci/reference.ts'
import type { CommandResult } from '../command.ts'
import { withKeys } from './read-keys.ts'

/** `decrypt`: the whole image in plain, where `output` says and nowhere else. */
export async function decryptCommand(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const output = parseTarget(inputs.required('output'), ports.roots.cwd)
  const { store, descriptor } = await resolveImage(inputs.required('image'), ports)
  const platform = inputs.text('platform')
  const image = await loadImage(store, descriptor.digest, platform === '' ? undefined : platform)
  const target = { ...output, tag: output.tag ?? 'latest', digest: undefined }
  const made = await withKeys(inputs, ports, (keys) =>
    decryptImage(store, image, keys, {
      target: openStore({ ...target, tag: undefined }, ports),
      tag: target.tag,
      log: ports.log,
      threads: ports.threads,
    }),
  )
  const { digest } = made.descriptor
  const reference = formatReference({ ...target, digest })
  const opened = made.layers.filter(({ encrypted, plain }) => encrypted !== plain).length
  return {
    outputs: { image: reference, digest, layers: opened },
    text: `${reference}\n${opened} of ${made.layers.length} layers were decrypted.\n`,
  }
}
