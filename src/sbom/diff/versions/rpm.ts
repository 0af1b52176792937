import { compareDigits, type Order } from './parts.ts'

/** Order of two rpm versions `[epoch:]version[-release]` (rpm's rpmvercmp): `~` before the end, `^` after it. */
export function compareRpm(a: string, b: string): Order | null {
  const [x, y] = [splitRpm(a), splitRpm(b)]
  if (x === null || y === null) return null
  return (
    compareDigits(x.epoch, y.epoch) ||
    compareSegments(x.version, y.version) ||
    // Who writes no release means any.
    (x.release === '' || y.release === '' ? 0 : compareSegments(x.release, y.release))
  )
}

function splitRpm(text: string): { epoch: string; version: string; release: string } | null {
  const match = /^(?:(\d+):)?([^-\s]+)(?:-([^-\s]+))?$/.exec(text)
  return match === null ? null : { epoch: match[1] ?? '0', version: match[2] ?? '', release: match[3] ?? '' }
}

function compareSegments(a: string, b: string): Order {
  const [x, y] = [segments(a), segments(b)]
  for (let i = 0; ; i++) {
    const [one, other] = [x[i], y[i]]
    if (one === undefined && other === undefined) return 0
    if (one === other) continue
    if (one === '~' || other === '~') return one === '~' ? -1 : 1
    // A caret is newer than the end, but older than anything else.
    if (one === '^') return other === undefined ? 1 : -1
    if (other === '^') return one === undefined ? -1 : 1
    if (one === undefined) return -1
    if (other === undefined) return 1
    const order = compareSegment(one, other)
    if (order !== 0) return order
  }
}

function segments(text: string): string[] {
  return text.match(/\d+|[A-Za-z]+|[~^]/g) ?? []
}

function compareSegment(a: string, b: string): Order {
  const [x, y] = [/^\d/.test(a), /^\d/.test(b)]
  if (x && y) return compareDigits(a, b)
  if (x !== y) return x ? 1 : -1
  return a < b ? -1 : a > b ? 1 : 0
}
