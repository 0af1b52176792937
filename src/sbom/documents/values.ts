import { table } from '../../base/table.ts'
import { isDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/types.ts'
import { VerificationError } from '../../base/errors.ts'
import type { Checksum, Party } from '../model.ts'
import { formatPurl, parsePurl } from '../purl.ts'
import type { DocumentIdentity, DocumentPackage, DocumentTool } from './model.ts'

const algorithms: Readonly<Record<string, Checksum['algorithm']>> = table({
  MD5: 'MD5',
  SHA1: 'SHA-1',
  SHA256: 'SHA-256',
  SHA384: 'SHA-384',
  SHA512: 'SHA-512',
})
const lengths: Readonly<Record<Checksum['algorithm'], number>> = {
  MD5: 32,
  'SHA-1': 40,
  'SHA-256': 64,
  'SHA-384': 96,
  'SHA-512': 128,
}

/** A digest in hex, or null for an algorithm that the model does not have, and for a value that is not of its length. */
export function checksumOf(algorithm: string | null, value: string | null): Checksum | null {
  const known = algorithms[(algorithm ?? '').toUpperCase().replace('-', '')]
  const hex = (value ?? '').toLowerCase()
  return known !== undefined && hex.length === lengths[known] && /^[0-9a-f]+$/.test(hex)
    ? { algorithm: known, value: hex }
    : null
}

/** The canonical form of a purl, with its type; as it is written, without a type, where it is not valid. */
export function readPurl(written: string): { purl: string; type: string | null } {
  try {
    const purl = parsePurl(written)
    return { purl: formatPurl(purl), type: purl.type }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return { purl: written, type: null }
  }
}

/** Sets purl and type of a package; an invalid purl stays as it is written, and is marked. */
export function setPurl(item: DocumentPackage, written: string | null): void {
  if (written === null || written === '') return
  const { purl, type } = readPurl(written)
  item.purl = purl
  if (type === null) item.purlError = true
  else item.type = type
}

export function digestOf(value: string | null): Digest | null {
  return isDigest(value) ? value : null
}

/** The digest behind the last `@` of a reference, or the digest itself. */
export function digestIn(reference: string | null): Digest | null {
  return digestOf((reference ?? '').slice((reference ?? '').lastIndexOf('@') + 1))
}

/**
 * The manifest that a document of another tool is about (syft, Trivy): in the purl, else as the version of a container. A folder or file may have a
 * digest as its version as well, which is of no image.
 */
export function manifestDigestOf({ purl, type, version }: DocumentIdentity): Digest | null {
  const image = type === null || type === 'container'
  return digestIn(purl?.split('?')[0]?.replace('%3A', ':') ?? null) ?? (image ? digestOf(version) : null)
}

/** `Person: NAME (ADDRESS)` or `Organization: …`, as SPDX 2 writes it; null for `NOASSERTION` and for tools. */
export function spdxParty(written: string | null): Party | null {
  const parts = /^(Person|Organization):\s*(.*)$/s.exec(written ?? '')
  if (parts === null) return null
  const whole = (parts[2] ?? '').trim()
  const kind = parts[1] === 'Person' ? 'person' : 'organization'
  const open = whole.endsWith(')') ? whole.lastIndexOf('(') : -1
  const [name, address] = open > 0 ? [whole.slice(0, open).trim(), whole.slice(open + 1, -1).trim()] : [whole, '']
  if (whole === '' || name === '') return null
  if (address === '') return { kind, name }
  if (/^https?:\/\/\S+$/i.test(address)) return { kind, name, url: address }
  // Other words in brackets belong to the name: "ACME (Europe)".
  return /^[^@\s]+@[^@\s]+$/.test(address) ? { kind, name, email: address } : { kind, name: whole }
}

/** `NAME-VERSION`, where the version begins with the first digit behind a hyphen. */
export function toolOf(written: string): DocumentTool {
  const at = /-v?\d/.exec(written)?.index ?? -1
  return at > 0 ? { name: written.slice(0, at), version: written.slice(at + 1) } : { name: written, version: null }
}

/** A path as documents write it (`/usr/bin/x`, `./usr/bin/x`), relative to the root. */
export function relativePath(path: string): string {
  return path.replace(/^(?:\.?\/)+/, '')
}
