import { VerificationError } from '../../base/errors.ts'
import { isObject, parseJson } from '../../base/json.ts'
import type { Digest } from '../../oci/types.ts'

/** Digests of an image's uncompressed layers, from its configuration. @throws VerificationError `format-invalid` */
export function diffIdsOf(config: Buffer): Digest[] {
  const value = parseJson(config.toString('utf8'), 'image config')
  const rootfs = isObject(value) ? value['rootfs'] : undefined
  const ids = isObject(rootfs) ? rootfs['diff_ids'] : undefined
  if (!Array.isArray(ids)) throw invalid()
  return ids.map((id) => {
    if (typeof id !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(id)) throw invalid()
    return id as Digest
  })
}

function invalid(): VerificationError {
  return new VerificationError('format-invalid', 'the image config has no list of diff ids', { subject: 'config' })
}
