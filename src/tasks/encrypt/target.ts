import type { Ports } from '../../base/ports.ts'
import { resolveImage } from '../../oci/open.ts'
import { formatReference, parseTarget } from '../../oci/reference.ts'

/** Where the encrypted form of an image goes: `-encrypted` after the tag, in the same store, unless `output` says otherwise (INTERFACE §1). */
export async function encryptionTarget(output: string | null, text: string, ports: Ports): Promise<string> {
  const given = parseTarget(output ?? text, ports.roots.cwd)
  const tag =
    output === null ? `${(await resolveImage(text, ports)).tag ?? 'latest'}-encrypted` : (given.tag ?? 'latest')
  return formatReference({ ...given, tag, digest: undefined })
}
