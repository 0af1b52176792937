import { counted } from '../../base/counted.ts'
import type { DiffResult } from '../../sbom/diff/result.ts'
import { levels, type Change, type Facts, type Level, type SideSummary } from '../../sbom/diff/types.ts'

type PartOfResult = DiffResult['parts'][number]

/** What each level is about, for people. */
export const levelTitles: Readonly<Record<Level, string>> = {
  identity: 'Identity',
  packages: 'Packages',
  attributes: 'Attributes of packages',
  files: 'Files',
  relationships: 'Relationships',
  integrity: 'Integrity of packaged files',
  coverage: 'Coverage',
}

/** The verdict in one line. */
export function headline({ verdict, counts, parts }: DiffResult): string {
  if (verdict === 'equal') return `Equal: ${compared(parts)}`
  const named = levels.flatMap((level) => {
    const { fail, warn } = counts[level]
    const number = verdict === 'differs' ? fail : warn
    return number === 0 ? [] : [`${number} in ${level}`]
  })
  return verdict === 'differs' ? `Differs: ${named.join(', ')}` : `Accepted with warnings: ${named.join(', ')}`
}

function compared(parts: readonly PartOfResult[]): string {
  const [first] = parts
  const { packages, files } = first?.b ?? {}
  const what = [number(packages, 'package'), number(files, 'file')].filter((text) => text !== '')
  const pairs = parts.length > 1 ? ` in ${parts.length} comparisons` : ''
  return `${what.length === 0 ? 'no difference' : `${what.join(' and ')} compared`}${pairs}`
}

function number(count: number | null | undefined, word: string): string {
  return count === null || count === undefined ? '' : counted(count, word)
}

/** One side in one line. */
export function sideText({ label: full, format, tool, packages, files, platform, regenerated }: SideSummary): string {
  const label = short(full)
  const parts = [
    regenerated ? 'read from the artifact' : (format ?? 'file inventory'),
    tool === null ? '' : `by ${tool}`,
    platform ?? '',
    number(packages, 'package'),
    number(files, 'file'),
  ]
  return `${label} (${parts.filter((part) => part !== '').join(', ')})`
}

/** A statement in one line. */
export function statementText({ statement }: PartOfResult): string | null {
  if (statement === null) return null
  const { signature, key, predicateType, manifest } = statement
  const said = {
    verified: `signature verified with the key ${key === null ? '' : short(key)}`,
    'other-key': 'NOT signed with the given key',
    'not-verified': 'signature NOT verified: no key was given',
  }[signature]
  return `${predicateType} in ${short(manifest)}: ${said}`
}

/** What a change changes: `8.5.0-2 → 8.6.0-1`, `mode 0755 → 4755, sha256 ab… → cd…`; '' where it adds or removes without more facts. */
export function factsText({ before, after }: Pick<Change, 'before' | 'after'>): string {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])]
  // A package URL repeats the version beside it.
  const told = names.includes('version') ? names.filter((name) => name !== 'purl') : names
  return told
    .map((name) => {
      const [was, is] = [valueText(before?.[name]), valueText(after?.[name])]
      // A version and a digest say themselves what they are.
      const label = name === 'version' || name === 'digest' || `${was}${is}`.includes(`${name}:`) ? '' : `${name} `
      if (before === null) return `${label}${is}`
      if (after === null) return `${label}${was}`
      return `${label}${was} → ${is}`
    })
    .join(', ')
}

function valueText(value: Facts[string] | undefined): string {
  if (value === undefined || value === '') return '(none)'
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return short(value.replaceAll('\n', '; '))
  const more = value.length - 3
  const first = value.slice(0, 3).map(short).join(', ')
  return value.length === 0 ? '(none)' : `${first}${more > 0 ? ` and ${more} more` : ''}`
}

/** Digests with as many digits as people compare. */
function short(text: string): string {
  return text.replace(/\b([0-9a-f]{12})[0-9a-f]{20,}\b/g, '$1…')
}
