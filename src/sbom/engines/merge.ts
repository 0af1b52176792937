import type { DocumentPackage, SbomDocument } from '../documents/model.ts'
import { packageKey } from '../diff/purl-key.ts'
import type { Catalogue, FoundPackage } from '../model.ts'
import { formatPurl, parsePurl } from '../purl.ts'
import type { EngineName } from './types.ts'

/** What two engines found of one subject. */
export interface Merged {
  catalogue: Catalogue
  /** purls that only one of them found, sorted; empty unless both ran. */
  only: { builtin: string[]; syft: string[] }
}

/**
 * Puts the packages of syft into a catalogue: in place of our own (`syft`), or united with them by purl, without qualifiers that tools add at
 * will (`both`). Each package says who found it. Coverage, integrity and gaps are always what our own pass saw.
 */
export function mergeEngines(own: Catalogue, document: SbomDocument, engine: Exclude<EngineName, 'builtin'>): Merged {
  const theirs = byKey(document.packages.flatMap(foundPackage))
  const catalogers = engine === 'syft' ? ['syft'] : [...own.catalogers, 'syft'].sort()
  if (engine === 'syft') {
    const packages = [...theirs.values()].map((found) => foundBy(found, 'syft'))
    return { catalogue: { ...own, packages: sorted(packages), catalogers }, only: { builtin: [], syft: [] } }
  }
  const ours = byKey(own.packages)
  const only: Merged['only'] = { builtin: [], syft: [] }
  const packages: FoundPackage[] = []
  for (const [key, found] of ours) {
    const other = theirs.get(key)
    if (other === undefined) only.builtin.push(found.purl)
    packages.push(foundBy(found, other === undefined ? 'builtin' : 'builtin, syft'))
  }
  for (const [key, found] of theirs) {
    if (ours.has(key)) continue
    only.syft.push(found.purl)
    packages.push(foundBy(found, 'syft'))
  }
  only.builtin.sort()
  only.syft.sort()
  return { catalogue: { ...own, packages: sorted(packages), catalogers }, only }
}

function byKey(packages: readonly FoundPackage[]): Map<string, FoundPackage> {
  const found = new Map<string, FoundPackage>()
  for (const item of packages) {
    const key = packageKey({ ...item, kind: null }).text
    const known = found.get(key)
    // One package in several places is one package.
    if (known === undefined) found.set(key, { ...item })
    else known.locations = [...new Set([...known.locations, ...item.locations])].sort()
  }
  return found
}

function foundBy(found: FoundPackage, engines: string): FoundPackage {
  return { ...found, properties: [...(found.properties ?? []), ['found-by', engines]] }
}

function sorted(packages: FoundPackage[]): FoundPackage[] {
  return packages.sort((a, b) => (a.purl < b.purl ? -1 : 1))
}

function foundPackage(item: DocumentPackage): FoundPackage[] {
  const purl = purlOf(item)
  if (purl === null) return []
  const { name, version, licence, licenceText, supplier, homepage, locations, checksums, cataloger } = item
  return [
    {
      type: parsePurl(purl).type,
      cataloger: cataloger ?? 'syft',
      ...{ name, version, purl, licence, licenceText, supplier, homepage, locations, checksums },
      ownedBy: null,
      dependsOn: [],
    },
  ]
}

/** A package without a purl has a generic one, of its own name and version. */
function purlOf({ purl, purlError, name, version }: DocumentPackage): string | null {
  if (name === '') return null
  if (purl !== null && purlError !== true) return formatPurl(parsePurl(purl))
  return formatPurl({ type: 'generic', name, version: version ?? undefined })
}
