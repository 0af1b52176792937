import { compareDigits, compareLists, compareText, orderOf, type Order } from './parts.ts'

const suffixes = ['alpha', 'beta', 'pre', 'rc', '', 'cvs', 'svn', 'git', 'hg', 'p']

interface ApkVersion {
  numbers: string[]
  letter: string
  suffixes: { rank: number; number: string }[]
  revision: string
}

/** Order of Alpine versions (apk-tools' version.c): `1.2.3a_rc1-r4`. Null for a text that is not one. */
export function compareApk(a: string, b: string): Order | null {
  const [x, y] = [parse(a), parse(b)]
  if (x === null || y === null) return null
  return (
    compareNumbers(x.numbers, y.numbers) ||
    compareText(x.letter, y.letter) ||
    compareLists(
      x.suffixes,
      y.suffixes,
      (one, other) => orderOf(one.rank - other.rank) || compareDigits(one.number, other.number),
      ({ rank }) => orderOf(rank - suffixes.indexOf('')),
    ) ||
    compareDigits(x.revision, y.revision)
  )
}

function parse(text: string): ApkVersion | null {
  const match = /^(\d+(?:\.\d+)*)([a-z])?((?:_[a-z]+\d*)*)(?:~[0-9a-f]+)?(?:-r(\d+))?$/.exec(text)
  if (match === null) return null
  const found: ApkVersion['suffixes'] = []
  for (const part of (match[3] ?? '').split('_').slice(1)) {
    const [, name = '', number = ''] = /^([a-z]+)(\d*)$/.exec(part) ?? []
    const rank = suffixes.indexOf(name)
    if (rank === -1) return null
    found.push({ rank, number })
  }
  return { numbers: (match[1] ?? '').split('.'), letter: match[2] ?? '', suffixes: found, revision: match[4] ?? '0' }
}

/** Behind the first one, a number with a leading zero is a decimal fraction. */
function compareNumbers(a: readonly string[], b: readonly string[]): Order {
  let first = true
  return compareLists(
    a,
    b,
    (x, y) => {
      const fraction = !first && (x.startsWith('0') || y.startsWith('0'))
      first = false
      return fraction ? compareText(x.replace(/0+$/, ''), y.replace(/0+$/, '')) : compareDigits(x, y)
    },
    () => 1,
  )
}
