import { emptyPackage } from '../../found.ts'
import type { Checksum, FoundPackage } from '../../model.ts'
import { formatPurl, type Purl } from '../../purl.ts'
import { nameIn } from '../foreign.ts'

/** What a lock file says of one package, in the parts of its purl. */
export interface Named extends Pick<Purl, 'namespace' | 'qualifiers' | 'subpath'> {
  /** As shown; default: the name of the purl. */
  shown?: string
  name: string
  version: string | null
  checksums?: Checksum[]
  scope?: FoundPackage['scope']
}

/** A package of a lock file. @throws Error for a name or version that is none */
export function packageFound(cataloger: string, type: string, named: Named): FoundPackage {
  const name = nameIn(named.name, 'name')
  const version = named.version === null ? null : nameIn(named.version, 'version')
  return {
    ...emptyPackage(type, cataloger),
    name: named.shown ?? name,
    version,
    purl: formatPurl({
      type,
      namespace: named.namespace,
      name,
      version: version ?? undefined,
      qualifiers: named.qualifiers,
      subpath: named.subpath,
    }),
    checksums: named.checksums === undefined || named.checksums.length === 0 ? undefined : named.checksums,
    scope: named.scope,
  }
}

/** A digest where there is only one archive: of several nobody says which one was installed. */
export function onlySum(sums: readonly Checksum[]): Checksum[] {
  return new Set(sums.map(({ value }) => value)).size === 1 ? sums.slice(0, 1) : []
}
