import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { RawInputs } from '../../doors/context.ts'
import { parseReference } from '../../oci/reference.ts'

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
