import { productDigests } from '../../statement/claims/vex.ts'
import type { OpenvexDocument, ScanFinding } from './predicates.ts'

type VexStatement = OpenvexDocument['statements'][number]

/**
 * Findings that no trusted VEX document sets aside. A statement sets a finding aside if it says `not_affected` or `fixed` of one of its names, for
 * this image (by digest) or for the very package that the finding names. The last statement that speaks of a finding by any of its names decides,
 * so that `affected` takes an earlier `not_affected` back (OpenVEX §"Updating statements").
 *
 * @param digests of the image in all its forms
 */
export function unexcused(
  findings: readonly ScanFinding[],
  documents: readonly OpenvexDocument[],
  digests: ReadonlySet<string>,
): ScanFinding[] {
  const byName = new Map<string, Placed[]>()
  let place = 0
  for (const document of newestLast(documents)) {
    const time = timeOf(document)
    for (const statement of document.statements) {
      const placed = { statement, document, time, place: place++ }
      for (const name of namesOf(statement)) {
        const list = byName.get(name)
        if (list === undefined) byName.set(name, [placed])
        else list.push(placed)
      }
    }
  }
  return findings.filter((finding) => {
    // A document may take back by one name what an older one said of another, so all names are put in one order.
    const about = finding.names
      .flatMap((name) => byName.get(name) ?? [])
      .filter(({ statement }) => speaksOf(statement, finding, digests))
      .sort((a, b) => a.place - b.place)
    const newest = about.at(-1)
    if (newest === undefined) return true
    // The order of documents of one time is the registry's, so the last word of each of them has to set the finding aside.
    const last = new Map(about.filter(({ time }) => time === newest.time).map((one) => [one.document, one.statement]))
    return ![...last.values()].every(({ status }) => status === 'not_affected' || status === 'fixed')
  })
}

/** A statement with its place among all, oldest document first. */
interface Placed {
  statement: VexStatement
  document: OpenvexDocument
  /** Of the document, in milliseconds since 1970. */
  time: number
  place: number
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
