import { createHash } from 'node:crypto'
import { nameBytes } from '../../../tar/names.ts'
import type { InventoryEntry } from '../../../image/types.ts'
import type { Digest } from '../../../oci/types.ts'

/**
 * The digest of a tree's contents: SHA-256 over what `sha256sum` prints for its regular files in byte order of their paths. Anybody can
 * repeat it: `find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`. Links, folders and modes are in the
 * inventory only.
 */
export function treeDigest(inventory: readonly InventoryEntry[]): Digest {
  const hash = createHash('sha256')
  for (const { path, sha256 } of inventory) if (sha256 !== undefined) hash.update(checksumLine(path, sha256))
  return `sha256:${hash.digest('hex')}`
}

/** A line as coreutils writes it: a name with a backslash, LF or CR is escaped, and a backslash stands before the whole line. */
function checksumLine(path: string, sha256: Digest): Buffer {
  const raw = nameBytes(path)
  const head = sha256.slice(7)
  if (!/[\\\n\r]/.test(path)) return Buffer.concat([Buffer.from(`${head}  `), raw, Buffer.from('\n')])
  const text = raw
    .toString('latin1')
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('\r', String.raw`\r`)
  return Buffer.from(`\\${head}  ${text}\n`, 'latin1')
}
