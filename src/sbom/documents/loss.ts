import { jcsText } from '../../encoding/jcs.ts'
import type { DocumentPackage, SbomDocument } from './model.ts'

/**
 * What a document said before it was written in another format and does not say when that is read: one line a kind of fact, with a count. Ids,
 * and the document's own URI and time, are not facts of the subject.
 */
export function lossOf(before: SbomDocument, after: SbomDocument): string[] {
  const lost: string[] = []
  for (const [name, title] of documentFields) {
    if (isLost(before[name], after[name])) lost.push(title)
  }
  for (const [name, title] of identityFields) {
    if (isLost(before.identity[name], after.identity[name])) lost.push(`${title} of the subject`)
  }
  const remaining = [...after.packages]
  const byKey = new Map<string, DocumentPackage[]>()
  for (const item of remaining) push(byKey, keyOf(item), item)
  const counts = new Map<string, number>()
  for (const item of before.packages) {
    const match = byKey.get(keyOf(item))?.shift()
    const titles = match === undefined ? ['packages'] : lostOf(item, match)
    for (const title of titles) counts.set(title, (counts.get(title) ?? 0) + 1)
  }
  for (const [title, count] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
    lost.push(title === 'packages' ? `${count} packages` : `${title} of ${count} packages`)
  for (const [name, title] of [
    ['relationships', 'relationships'],
    ['files', 'files'],
  ] as const) {
    const missing = (before[name]?.length ?? 0) - (after[name]?.length ?? 0)
    if (missing > 0) lost.push(`${missing} ${title}`)
  }
  return lost
}

const documentFields = [
  ['name', 'name of the document'],
  ['tools', 'tools'],
  ['catalogers', 'catalogers'],
  ['lifecycle', 'lifecycle'],
  ['gaps', 'paths that were not read'],
  ['authors', 'authors'],
  ['supplier', 'supplier'],
  ['inventory', 'digest of the file inventory'],
  ['coverage', 'coverage'],
] as const

const identityFields = [
  ['version', 'version'],
  ['purl', 'purl'],
  ['cpes', 'CPEs'],
  ['manifestDigest', 'manifest digest'],
  ['configDigest', 'configuration digest'],
  ['diffIds', 'diff ids'],
  ['platform', 'platform'],
  ['checksums', 'checksums'],
  ['licence', 'licence'],
  ['concluded', 'concluded licence'],
  ['producer', 'producer'],
  ['references', 'references'],
  ['model', 'model card'],
] as const

const packageFields = [
  ['version', 'version'],
  ['licence', 'declared licence'],
  ['licenceText', 'licence text'],
  ['concluded', 'concluded licence'],
  ['supplier', 'supplier'],
  ['producer', 'producer'],
  ['homepage', 'homepage'],
  ['checksums', 'checksums'],
  ['locations', 'locations'],
  ['scope', 'scope'],
  ['cpes', 'CPEs'],
  ['identifiers', 'identifiers'],
  ['references', 'references'],
  ['properties', 'properties'],
  ['dependencies', 'completeness of dependencies'],
] as const

function lostOf(before: DocumentPackage, after: DocumentPackage): string[] {
  return packageFields.filter(([name]) => isLost(before[name], after[name])).map(([, title]) => title)
}

function isLost(before: unknown, after: unknown): boolean {
  if (before === null || before === undefined || (Array.isArray(before) && before.length === 0)) return false
  return Array.isArray(before) ? sorted(before) !== sorted(after) : jcsText(before) !== jcsText(after ?? null)
}

function sorted(value: unknown): string {
  return Array.isArray(value) ? value.map(jcsText).sort().join('\n') : ''
}

function keyOf({ purl, name, version }: DocumentPackage): string {
  return purl ?? `${name}@${version ?? ''}`
}

function push<T>(table: Map<string, T[]>, key: string, item: T): void {
  const held = table.get(key)
  if (held === undefined) table.set(key, [item])
  else held.push(item)
}
