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
  // Only what a finding may ask for is kept: a statement may have hundreds of names for thousands of products.
  const asked = new Set(findings.flatMap(({ names }) => names))
  const parts = new Set([null, ...findings.map(({ where }) => where)])
  const words = new Map<string, LastWord>()
  let place = 0
  for (const document of newestLast(documents)) {
    const time = timeOf(document)
    for (const statement of document.statements) {
      const excuses = statement.status === 'not_affected' || statement.status === 'fixed'
      const said = { excuses, place: place++ }
      const names = namesOf(statement).filter((name) => asked.has(name))
      if (names.length === 0) continue
      for (const about of new Set(placesOf(statement, digests).filter((item) => parts.has(item))))
        for (const name of names) note(words, keyOf(name, about), time, document, said)
    }
  }
  return findings.filter(({ names, where }) => {
    // A document may take back by one name what an older one said of another, so the words on all names are put together.
    const found = names
      .flatMap((name) => [keyOf(name, null), ...(where === null ? [] : [keyOf(name, where)])])
      .flatMap((key) => words.get(key) ?? [])
    const newest = found.reduce((most, { time }) => Math.max(most, time), Number.NEGATIVE_INFINITY)
    const last = new Map<OpenvexDocument, Said>()
    for (const [document, said] of found.filter(({ time }) => time === newest).flatMap(({ by }) => [...by])) {
      const known = last.get(document)
      if (known === undefined || known.place < said.place) last.set(document, said)
    }
    // The order of documents of one time is the registry's, so the last word of each of them has to set the finding aside.
    return last.size === 0 || ![...last.values()].every(({ excuses }) => excuses)
  })
}

interface Said {
  excuses: boolean
  /** Among all statements, oldest document first. */
  place: number
}

/** What the newest documents say last of one name at one place. Only this is kept, so the work grows with findings plus statements. */
interface LastWord {
  /** Of the documents, in milliseconds since 1970. */
  time: number
  by: Map<OpenvexDocument, Said>
}

/** A name of a vulnerability with a package URL, or with null for the whole image. */
function keyOf(name: string, where: string | null): string {
  return JSON.stringify([name, where])
}

function note(words: Map<string, LastWord>, key: string, time: number, document: OpenvexDocument, said: Said): void {
  const known = words.get(key)
  if (known?.time === time) known.by.set(document, said)
  else words.set(key, { time, by: new Map([[document, said]]) })
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

/** What a statement is about: package URLs, and null for the whole image. */
function placesOf(statement: VexStatement, digests: ReadonlySet<string>): (string | null)[] {
  return (statement.products ?? []).flatMap((product) => {
    if (!productDigests(product).some((digest) => digests.has(digest))) return purlsOf(product)
    const { subcomponents } = product
    // Without subcomponents a statement is about the whole product.
    return subcomponents === undefined || subcomponents.length === 0 ? [null] : subcomponents.flatMap(purlsOf)
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
