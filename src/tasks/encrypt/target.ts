import type { Ports } from '../../base/ports.ts'
import { resolveImage } from '../../oci/open.ts'
import { formatReference, parseTarget } from '../../oci/reference.ts'

/** Where the encrypted form of an image goes: a suffix (`-encrypted`) after the tag, in the same store, unless `output` says otherwise (INTERFACE §1). */
export async function encryptionTarget(
  output: string | null,
  text: string,
  ports: Ports,
  suffix = '-encrypted',
): Promise<string> {
  const given = parseTarget(output ?? text, ports.roots.cwd)
  const tag =
    output === null ? `${(await resolveImage(text, ports)).tag ?? 'latest'}${suffix}` : (given.tag ?? 'latest')
  return formatReference({ ...given, tag, digest: undefined })
}
