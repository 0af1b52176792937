import { compareDigits, orderOf, type Order } from './parts.ts'

/** Order of Debian versions (deb-version(7)): epoch, upstream version, revision. Null for a text that is not one. */
export function compareDeb(a: string, b: string): Order | null {
  const [x, y] = [split(a), split(b)]
  if (x === null || y === null) return null
  return compareDigits(x.epoch, y.epoch) || compareRuns(x.upstream, y.upstream) || compareRuns(x.revision, y.revision)
}

function split(text: string): { epoch: string; upstream: string; revision: string } | null {
  const match = /^(?:(\d+):)?([A-Za-z0-9.+:~-]+)$/.exec(text)
  if (match === null) return null
  const whole = match[2] ?? ''
  const dash = whole.lastIndexOf('-')
  return dash === -1
    ? { epoch: match[1] ?? '0', upstream: whole, revision: '' }
    : { epoch: match[1] ?? '0', upstream: whole.slice(0, dash), revision: whole.slice(dash + 1) }
}

/** Runs of other signs and of digits by turns; `~` before the end, the end before letters, letters before the rest. */
function compareRuns(a: string, b: string): Order {
  const [x, y] = [runs(a), runs(b)]
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    const [one, other] = [x[i] ?? '', y[i] ?? '']
    const order = i % 2 === 0 ? compareSigns(one, other) : compareDigits(one, other)
    if (order !== 0) return order
  }
  return 0
}

/** Even places hold what is no digit (perhaps nothing), odd places digits. */
function runs(text: string): string[] {
  return text.split(/(\d+)/)
}

function compareSigns(a: string, b: string): Order {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = orderOf(weight(a, i) - weight(b, i))
    if (order !== 0) return order
  }
  return 0
}

function weight(text: string, at: number): number {
  if (at >= text.length) return 0
  const sign = text[at] ?? ''
  if (sign === '~') return -1
  const code = sign.charCodeAt(0)
  return /[A-Za-z]/.test(sign) ? code : code + 256
}
