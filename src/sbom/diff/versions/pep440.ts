import { table } from '../../../base/table.ts'
import { compareDigits, compareLists, compareText, orderOf, type Order } from './parts.ts'

const spelled: Readonly<Record<string, string>> = table({
  alpha: 'a',
  beta: 'b',
  c: 'rc',
  pre: 'rc',
  preview: 'rc',
})

interface PepVersion {
  epoch: string
  numbers: string[]
  /** Rank of the phase: dev of a final version -1, a 0, b 1, rc 2, final 3. */
  phase: number
  phaseNumber: string
  post: string | null
  dev: string | null
  local: string[]
}

/** Order of Python versions (PEP 440, now in the version specifiers specification of PyPA). Null for a text that is not one. */
export function comparePep440(a: string, b: string): Order | null {
  const [x, y] = [parse(a), parse(b)]
  if (x === null || y === null) return null
  return (
    compareDigits(x.epoch, y.epoch) ||
    compareLists(x.numbers, y.numbers, compareDigits, (rest) => compareDigits(rest, '0')) ||
    orderOf(x.phase - y.phase) ||
    compareDigits(x.phaseNumber, y.phaseNumber) ||
    comparePost(x.post, y.post) ||
    compareDev(x.dev, y.dev) ||
    compareLists(x.local, y.local, compareLocal, () => 1)
  )
}

const form =
  /^v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?(\d*))?(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d*))?(?:[-_.]?(dev)[-_.]?(\d*))?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$/

function parse(text: string): PepVersion | null {
  const match = form.exec(text.trim().toLowerCase())
  if (match === null) return null
  const [, epoch, numbers, phase, phaseNumber, postDash, post, postNumber, dev, devNumber, local] = match
  const short = phase === undefined ? undefined : (spelled[phase] ?? phase)
  const isPost = post !== undefined || postDash !== undefined
  const final = dev !== undefined && !isPost ? -1 : 3
  return {
    epoch: epoch ?? '0',
    numbers: (numbers ?? '').split('.'),
    phase: short === undefined ? final : ['a', 'b', 'rc'].indexOf(short),
    phaseNumber: phaseNumber ?? '0',
    post: isPost ? (postDash ?? postNumber ?? '0') : null,
    dev: dev === undefined ? null : (devNumber ?? '0'),
    local: local === undefined ? [] : local.split(/[-_.]/),
  }
}

function comparePost(a: string | null, b: string | null): Order {
  if (a === null || b === null) return orderOf(Number(a !== null) - Number(b !== null))
  return compareDigits(a, b)
}

/** A development release comes before what it leads to. */
function compareDev(a: string | null, b: string | null): Order {
  if (a === null || b === null) return orderOf(Number(a === null) - Number(b === null))
  return compareDigits(a, b)
}

function compareLocal(a: string, b: string): Order {
  const [x, y] = [/^\d+$/.test(a), /^\d+$/.test(b)]
  if (x && y) return compareDigits(a, b)
  return x === y ? compareText(a, b) : x ? 1 : -1
}
