import { emptyPackage } from '../../../found.ts'
import { declaredLicence } from '../../../licence.ts'
import type { Checksum, FoundPackage } from '../../../model.ts'
import { nameIn, versionIn } from '../../foreign.ts'
import { npmPurl } from '../../language/npm.ts'

/** A package that a lock file of the JavaScript world names. */
export function npmFound(
  cataloger: string,
  name: string,
  version: string | null,
  more: { checksums?: Checksum[]; licence?: string; scope?: FoundPackage['scope'] } = {},
): FoundPackage {
  const known = { name: nameIn(name, 'name'), version: versionIn(version) }
  return {
    ...emptyPackage('npm', cataloger),
    ...declaredLicence(more.licence ?? ''),
    ...known,
    purl: npmPurl(known.name, known.version),
    checksums: more.checksums === undefined || more.checksums.length === 0 ? undefined : more.checksums,
    scope: more.scope,
  }
}

/** `name@rest`, where a scope has an `@` of its own; null where there is none. */
export function splitAt(text: string): [name: string, rest: string] | null {
  const at = text.indexOf('@', 1)
  return at === -1 ? null : [text.slice(0, at), text.slice(at + 1)]
}

/** A version of the registry; null for a repository, a file, a folder or an address. */
export function registryVersion(text: string): string | null {
  return /^v?\d[\w.+-]*$/.test(text) ? text : null
}
