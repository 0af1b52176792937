import { InputError, VerificationError } from '../../base/errors.ts'
import { glob } from '../../base/glob.ts'
import { readPurl, spelled } from '../../sbom/diff/purl-key.ts'
import { compareVersions } from '../../sbom/diff/versions/index.ts'
import { parsePurl, type Purl } from '../../sbom/purl.ts'

/** `unknown`: the version has no order that is known, so it may lie in the range. */
export type PackageMatch = 'no' | 'yes' | 'unknown'

/** Types whose namespace is the distribution: it may be left out. */
const distributions: ReadonlySet<string> = new Set(['deb', 'rpm', 'apk', 'alpm'])
const comparator = /^(>=|<=|>|<|=)(.+)$/

/**
 * Reads what `--package` asks for: a package URL whose name and namespace may have `*`, and whose version may be a range, `>=1.2,<2.0`, in the
 * order of versions of its type. Qualifiers and the subpath count where they are given. The namespace may be left out for packages of a
 * distribution.
 *
 * @throws InputError `input-invalid`
 */
export function packageMatcher(text: string): (purl: string) => PackageMatch {
  const wanted = wantedOf(text)
  const name = glob(spelled(wanted))
  const namespace =
    wanted.namespace === undefined
      ? (found: string) => found === '' || distributions.has(wanted.type)
      : glob(wanted.namespace)
  const version = versionMatcher(wanted, text)
  const qualifiers = Object.entries(wanted.qualifiers ?? {})
  return (purl) => {
    const found = readPurl(purl)
    // What cannot be read as a package URL may be any package of that type.
    if (found === null) return purl.startsWith(`pkg:${wanted.type}/`) ? 'unknown' : 'no'
    if (found.type !== wanted.type || !name(spelled(found)) || !namespace(found.namespace ?? '')) return 'no'
    if (qualifiers.some(([key, value]) => found.qualifiers?.[key] !== value)) return 'no'
    if (wanted.subpath !== undefined && found.subpath !== wanted.subpath) return 'no'
    return version(found.version)
  }
}

function wantedOf(text: string): Purl {
  try {
    return parsePurl(text)
  } catch (cause) {
    if (!(cause instanceof VerificationError)) throw cause
    throw invalid(cause.message, cause)
  }
}

function versionMatcher({ type, version }: Purl, text: string): (found: string | undefined) => PackageMatch {
  if (version === undefined) return () => 'yes'
  const parts = version.split(',').map((part) => part.trim())
  const bounds = parts.map((part) => comparator.exec(part))
  if (bounds.every((bound) => bound === null)) {
    const fits = glob(version)
    return (found) => (found === undefined ? 'unknown' : fits(found) ? 'yes' : 'no')
  }
  if (bounds.includes(null)) throw invalid(`${JSON.stringify(text)} mixes a version and a range`)
  return (found) => {
    if (found === undefined) return 'unknown'
    let match: PackageMatch = 'yes'
    for (const bound of bounds) {
      const [, sign = '', limit = ''] = bound ?? []
      const order = compareVersions(type, found, limit.trim())
      if (order === null) match = 'unknown'
      else if (!holds(sign, order)) return 'no'
    }
    return match
  }
}

function holds(sign: string, order: number): boolean {
  if (order === 0) return sign.includes('=')
  return order > 0 ? sign.startsWith('>') : sign.startsWith('<')
}

function invalid(message: string, cause?: unknown): InputError {
  return new InputError('input-invalid', `package: ${message}`, {
    subject: 'package',
    cause,
    remedy:
      'Write `package` as pkg:TYPE/NAMESPACE/NAME[@VERSION], such as pkg:deb/debian/openssl@<3.0.14 or pkg:npm/lodash.',
  })
}
