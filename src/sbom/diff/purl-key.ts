import { VerificationError } from '../../base/errors.ts'
import type { DocumentPackage } from '../documents/model.ts'
import { formatPurl, parsePurl, type Purl } from '../purl.ts'

/** What a package is compared by. */
export interface PackageKey {
  /** Canonical package URL without what tools add at will; else type, name and version. */
  text: string
  /** The same without version and qualifiers: what an upgrade leaves as it is. */
  unversioned: string
  type: string
}

/** Qualifiers that say where a package came from or how a tool found it, not which one it is. */
const volatile = new Set([
  'distro',
  'upstream',
  'vcs_url',
  'download_url',
  'repository_url',
  'checksum',
  'file_name',
  'package-id',
])

/** The key of a package; equal for all tools that follow the specification of package URLs. */
export function packageKey({
  purl,
  purlError,
  type,
  kind,
  name,
  version,
}: Pick<DocumentPackage, 'purl' | 'purlError' | 'type' | 'kind' | 'name' | 'version'>): PackageKey {
  const parts = purl === null || purlError === true ? null : readPurl(purl)
  if (parts !== null) {
    const kept = Object.entries(parts.qualifiers ?? {}).filter(
      ([key, value]) => !volatile.has(key) && !(key === 'epoch' && value === '0'),
    )
    const same = { ...parts, name: spelled(parts), qualifiers: Object.fromEntries(kept) }
    return {
      text: formatPurl(same),
      unversioned: formatPurl({ ...same, version: undefined, qualifiers: {} }),
      type: parts.type,
    }
  }
  const word = type ?? kind ?? 'unknown'
  const unversioned = purl ?? `${word}:${name}`
  return {
    text: version === null || purl !== null ? unversioned : `${unversioned}@${version}`,
    unversioned,
    type: word,
  }
}

/** Names of pypi differ in case and in `-`, `_`, `.` without meaning (PyPA's name normalization). */
export function spelled({ type, name }: Purl): string {
  return type === 'pypi' ? name.toLowerCase().replace(/[-_.]+/g, '-') : name
}

/** A package URL; null for what is none. */
export function readPurl(text: string): Purl | null {
  try {
    return parsePurl(text)
  } catch (error) {
    if (error instanceof VerificationError) return null
    throw error
  }
}
