import { compareDigits, compareLists, compareText, orderOf, type Order } from './parts.ts'

/**
 * Order of semantic versions (semver.org 2.0.0 §11), with Go's leading `v`, and with any number of numbers, as NuGet, Composer and Ruby write
 * them. Null for a text that is not one.
 */
export function compareSemver(a: string, b: string): Order | null {
  const [x, y] = [parse(a), parse(b)]
  if (x === null || y === null) return null
  return (
    compareLists(x.numbers, y.numbers, compareDigits, (rest) => compareDigits(rest, '0')) || comparePre(x.pre, y.pre)
  )
}

function parse(text: string): { numbers: string[]; pre: string[] } | null {
  const match = /^v?(\d+(?:\.\d+)*)(?:[-.]([0-9A-Za-z][0-9A-Za-z.-]*))?(?:\+[0-9A-Za-z.-]*)?$/.exec(text)
  if (match === null) return null
  return { numbers: (match[1] ?? '').split('.'), pre: match[2] === undefined ? [] : match[2].split('.') }
}

/** A version with a pre-release part comes before the one without. */
function comparePre(a: readonly string[], b: readonly string[]): Order {
  if (a.length === 0 || b.length === 0) return orderOf(b.length - a.length)
  return compareLists(a, b, compareIdentifier, () => 1)
}

function compareIdentifier(a: string, b: string): Order {
  const [x, y] = [/^\d+$/.test(a), /^\d+$/.test(b)]
  if (x && y) return compareDigits(a, b)
  return x === y ? compareText(a, b) : x ? -1 : 1
}
