import { InputError } from '../../base/errors.ts'
import { parseTime } from '../../base/time.ts'
import { seconds } from './record.ts'

/** The interval that an input gives as FROM..TO, in RFC 3339. @throws InputError `input-invalid` */
export function parseInterval(text: string, input: string): { from: string; to: string } {
  const [from, to] = pairOf(text, input)
  const interval = { from: timeOf(from, input), to: timeOf(to, input) }
  if (Date.parse(interval.from) > Date.parse(interval.to)) throw invalid(input, `${from} is later than ${to}`)
  return interval
}

/** Where a key is kept and until when, of an input URI..UNTIL. @throws InputError `input-invalid` */
export function parseKept(text: string, input: string): { uri: string; until: string } {
  const [uri, until] = pairOf(text, input)
  return { uri, until: timeOf(until, input) }
}

/** `A..B`; the last `..` separates, since a URI may hold one. */
function pairOf(text: string, name: string): [string, string] {
  const at = text.lastIndexOf('..')
  if (at <= 0 || at + 2 === text.length) throw invalid(name, `${JSON.stringify(text)} has no two parts`)
  return [text.slice(0, at), text.slice(at + 2)]
}

function timeOf(text: string, name: string): string {
  return seconds(parseTime(text, `--${name}`))
}

function invalid(name: string, why: string): InputError {
  const form = name === 'key-kept' ? 'URI..2036-01-01' : '2025-01-01..2026-01-01'
  return new InputError('input-invalid', `${name}: ${why}`, {
    subject: name,
    remedy: `Write \`${name}: ${form}\`.`,
  })
}
