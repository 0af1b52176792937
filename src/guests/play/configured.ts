import { VerificationError, messageOf } from '../../base/errors.ts'
import { isObject } from '../../base/json.ts'
import { readToml } from '../../encoding/toml.ts'
import type { Initdata } from '../../initdata/document.ts'
import type { Play } from './play.ts'

/**
 * Where a guest with this initdata reads its image policy: `[image]` of cdh.toml; a URI wins over a policy in the text (coco.md §5). Null where
 * there is neither, so that it looks at no signature.
 *
 * @throws VerificationError `format-invalid` for a cdh.toml that is not TOML
 */
export function configuredPolicy({ files }: Initdata): Play['policy'] {
  const text = files.get('cdh.toml')
  if (text === undefined) return null
  const { image } = tables(text)
  if (!isObject(image)) return null
  const { image_security_policy_uri: uri, image_security_policy: inline } = image
  if (typeof uri === 'string' && uri !== '') return { uri }
  if (typeof inline === 'string' && inline !== '') return { text: Buffer.from(inline), from: 'cdh.toml' }
  return null
}

/** Authorities of the registry that a guest with this initdata trusts beside the public ones: `extra_root_certificates`, PEM. */
export function configuredAuthorities({ files }: Initdata): string[] {
  const { image } = tables(files.get('cdh.toml') ?? '')
  const list = isObject(image) ? image['extra_root_certificates'] : undefined
  return Array.isArray(list) ? list.filter((one) => typeof one === 'string') : []
}

function tables(text: string): ReturnType<typeof readToml> {
  try {
    return readToml(text)
  } catch (cause) {
    throw new VerificationError('format-invalid', `cdh.toml: is not TOML: ${messageOf(cause)}`, {
      subject: 'cdh.toml',
      cause,
    })
  }
}
