import { productDigests } from '../../statement/claims/vex.ts'
import type { OpenvexDocument, ScanFinding } from './predicates.ts'

type VexStatement = OpenvexDocument['statements'][number]

/**
 * Findings that no trusted VEX document sets aside. A statement sets a finding aside if it says `not_affected` or `fixed` of one of its names, for
 * this image (by digest) or for the very package that the finding names. The last statement of a document that speaks of a finding decides, so
 * that `affected` takes an earlier `not_affected` back (OpenVEX §"Updating statements").
 *
 * @param digests of the image in all its forms
 */
export function unexcused(
  findings: readonly ScanFinding[],
  documents: readonly OpenvexDocument[],
  digests: ReadonlySet<string>,
): ScanFinding[] {
  const byName = new Map<string, VexStatement[]>()
  for (const { statements } of newestLast(documents)) {
    for (const statement of statements) {
      for (const name of namesOf(statement)) {
        const list = byName.get(name)
        if (list === undefined) byName.set(name, [statement])
        else list.push(statement)
      }
    }
  }
  return findings.filter((finding) => {
    const about = finding.names
      .flatMap((name) => byName.get(name) ?? [])
      .filter((statement) => speaksOf(statement, finding, digests))
    const last = about.at(-1)
    return last === undefined || (last.status !== 'not_affected' && last.status !== 'fixed')
  })
}

function newestLast(documents: readonly OpenvexDocument[]): OpenvexDocument[] {
  return [...documents].sort((a, b) => timeOf(a) - timeOf(b))
}

/** When a document was last changed, in milliseconds since 1970. */
export function timeOf({ timestamp, last_updated: updated }: OpenvexDocument): number {
  return Date.parse(updated ?? timestamp)
}

function namesOf({ vulnerability }: VexStatement): string[] {
  if (typeof vulnerability === 'string') return [vulnerability]
  const { name, '@id': id, aliases = [] } = vulnerability
  return [...new Set([name, id, ...aliases].filter((item) => item !== undefined))]
}

function speaksOf(statement: VexStatement, { where }: ScanFinding, digests: ReadonlySet<string>): boolean {
  return (statement.products ?? []).some((product) => {
    if (!productDigests(product).some((digest) => digests.has(digest)))
      return where !== null && purlsOf(product).includes(where)
    const { subcomponents } = product
    // Without subcomponents a statement is about the whole product.
    if (subcomponents === undefined || subcomponents.length === 0) return true
    return where !== null && subcomponents.some((part) => purlsOf(part).includes(where))
  })
}

function purlsOf({
  '@id': id,
  identifiers,
}: {
  '@id'?: string | undefined
  identifiers?: Record<string, unknown> | undefined
}): string[] {
  const purl = identifiers?.['purl']
  return [id, purl].filter((item): item is string => typeof item === 'string')
}
