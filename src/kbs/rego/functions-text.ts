import type { RegoFunction } from './functions.ts'
import { exact, invalid, RegoSet, type Spend, type Value } from './value.ts'

/** Longest text that a function may make, in UTF-16 code units. */
const lengthLimit = 1 << 16

/** Functions over texts. Where readers differ outside of ASCII (letter case, blanks, positions), only ASCII is taken. */
export const texts: Record<string, RegoFunction> = {
  startswith: onTexts((value, part) => value.startsWith(part)),
  endswith: onTexts((value, part) => value.endsWith(part)),
  contains: onTexts((value, part) => value.includes(part)),
  trim_prefix: onTexts((value, part) => (value.startsWith(part) ? value.slice(part.length) : value)),
  trim_suffix: onTexts((value, part) => (part !== '' && value.endsWith(part) ? value.slice(0, -part.length) : value)),
  split: onTexts((value, part) => value.split(filled(part))),
  indexof: onTexts((value, part) => ascii(value).indexOf(ascii(filled(part)))),
  lower: { arity: 1, run: ([value], { spend }) => ascii(text(value, spend)).toLowerCase() },
  upper: { arity: 1, run: ([value], { spend }) => ascii(text(value, spend)).toUpperCase() },
  trim_space: {
    arity: 1,
    run: ([value], { spend }) => ascii(text(value, spend)).replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, ''),
  },
  replace: {
    arity: 3,
    run: ([value, from, to], { spend }) =>
      made(text(value, spend).split(filled(text(from, spend))), text(to, spend), spend),
  },
  concat: {
    arity: 2,
    run: ([between, values], { spend }) => {
      const parts = values instanceof RegoSet ? values.sorted() : values
      if (!Array.isArray(parts)) throw invalid('concat needs an array or a set')
      return made(
        parts.map((part) => text(part, spend)),
        text(between, spend),
        spend,
      )
    },
  },
  substring: {
    arity: 3,
    run: ([value, from, length], { spend }) => {
      const whole = ascii(text(value, spend))
      if (typeof from !== 'number' || typeof length !== 'number') throw invalid('substring needs numbers')
      if (exact(from) < 0 || from > whole.length) throw invalid('substring begins outside of the text')
      return exact(length) < 0 ? whole.slice(from) : whole.slice(from, from + length)
    },
  },
  sprintf: {
    arity: 2,
    run: ([form, values], { spend }) => {
      if (!Array.isArray(values)) throw invalid('sprintf needs an array of values')
      return print(text(form, spend), values, spend)
    },
  },
}

function onTexts(run: (value: string, part: string) => Value): RegoFunction {
  return { arity: 2, run: ([value, part], { spend }) => run(text(value, spend), text(part, spend)) }
}

function print(form: string, values: readonly Value[], spend: Spend): string {
  let at = 0
  const parts = form.split(/(%.?)/su).map((part) => {
    if (!part.startsWith('%')) return part
    if (part === '%%') return '%'
    const value = values[at++]
    const fits =
      (part === '%s' && typeof value === 'string') ||
      (part === '%d' && typeof value === 'number') ||
      (part === '%v' && (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'))
    if (!fits) throw invalid(`sprintf: no value for "${part}", or one of another kind`)
    return typeof value === 'number' ? String(exact(value)) : String(value)
  })
  if (at !== values.length) throw invalid('sprintf has more values than places for them')
  return made(parts, '', spend)
}

function made(parts: readonly string[], between: string, spend: Spend): string {
  const length = parts.reduce((sum, part) => sum + part.length + between.length, 0)
  if (length > lengthLimit) throw invalid(`a text of more than ${lengthLimit} characters`)
  spend(parts.length + (length >> 4))
  return parts.join(between)
}

function text(value: Value | undefined, spend: Spend): string {
  if (typeof value !== 'string') throw invalid('a function of texts needs a text')
  spend(value.length >> 4)
  return value
}

function filled(value: string): string {
  if (value === '') throw invalid('an empty text to look for')
  return value
}

function ascii(value: string): string {
  // eslint-disable-next-line no-control-regex
  if (!/^[\x00-\x7f]*$/.test(value))
    throw invalid('a text with letters outside of ASCII, which not all readers take alike')
  return value
}
