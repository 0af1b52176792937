import type { JsonValue } from '../../../../base/json.ts'
import { emptyPackage } from '../../../found.ts'
import type { Checksum, FoundPackage } from '../../../model.ts'
import { formatPurl } from '../../../purl.ts'
import { at, items, nameIn, textOr } from '../../foreign.ts'
import { withoutUser } from '../../language/python/direct-url.ts'
import { pypiName } from '../../language/python/metadata.ts'
import { prefixedSum } from '../../sums.ts'

/** A distribution that a lock file of the Python world names. */
export function pypiFound(
  cataloger: string,
  name: JsonValue | undefined,
  version: string | null,
  more: { checksums?: Checksum[]; scope?: FoundPackage['scope']; vcsUrl?: string | undefined } = {},
): FoundPackage {
  const normal = pypiName(nameIn(name, 'name'))
  const known = version === null ? null : nameIn(version, 'version')
  return {
    ...emptyPackage('pypi', cataloger),
    name: normal,
    version: known,
    purl: formatPurl({
      type: 'pypi',
      name: normal,
      version: known ?? undefined,
      qualifiers: { vcs_url: more.vcsUrl },
    }),
    checksums: onlyArchive(more.checksums ?? []),
    scope: more.scope,
  }
}

/** A lock file lists every archive of a version; which one was installed is known only where there is one. */
function onlyArchive(sums: readonly Checksum[]): Checksum[] | undefined {
  const distinct = new Map(sums.map((sum) => [sum.value, sum]))
  return distinct.size === 1 ? [...distinct.values()] : undefined
}

/** Digests of a list of `{ hash = "sha256:…" }`. */
export function archiveSums(list: JsonValue | undefined, what: string): Checksum[] {
  return items(list, what).flatMap((file) => prefixedSum(textOr(at(file, 'hash'))))
}

/** `git+https://host/repository@commit`, or undefined without an address. */
export function vcsUrl(address: string, commit: string): string | undefined {
  if (address === '') return undefined
  return `git+${withoutUser(address.replace(/^git\+/, ''))}${commit === '' ? '' : `@${commit}`}`
}
