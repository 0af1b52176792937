import { InputError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import type { RawInputs } from '../doors/context.ts'
import { resolveImage } from '../oci/open.ts'
import { parseReference } from '../oci/reference.ts'
import type { Digest, Store } from '../oci/types.ts'

/**
 * The name of `as`, under which readers will pull an image; null where it is not given.
 *
 * @throws InputError `input-invalid` for a layout, a tag or a digest
 */
export function pullNameOf(inputs: RawInputs, ports: Ports): string | null {
  const text = inputs.text('as')
  if (text === '') return null
  const { host, repository, tag, digest } = parseReference(text, ports.roots.cwd)
  if (host !== undefined && tag === undefined && digest === undefined) return `${host}/${repository ?? ''}`
  throw new InputError('input-invalid', `--as: "${text}" is not HOST/NAME`, {
    subject: 'as',
    remedy: 'Give registry and repository, without tag and digest.',
  })
}

/**
 * An image as a guest will name it.
 *
 * @throws InputError `input-missing` for an image in a layout without a name in a registry
 */
export async function pulledImage(
  inputs: RawInputs,
  ports: Ports,
): Promise<{ name: string; digest: Digest; store: Store }> {
  const { store, descriptor } = await resolveImage(inputs.required('image'), ports)
  const name = pullNameOf(inputs, ports) ?? (store.kind === 'registry' ? store.identity : null)
  if (name !== null) return { name, digest: descriptor.digest, store }
  throw new InputError('input-missing', 'a pod pulls from a registry, and the image lies in none', {
    subject: 'as',
    remedy: 'Give --as HOST/NAME, where the image will be published.',
  })
}
