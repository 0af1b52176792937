import { parse, TomlError } from 'smol-toml'
import type { JsonObject } from '../base/json.ts'
import { isObject } from '../base/json.ts'
import { plainValue } from './plain.ts'

/** Reads a TOML document (1.0 and 1.1): duplicate keys are errors, as TOML has it. Dates become text. @throws Error with the line */
export function readToml(text: string): JsonObject {
  const value = plainValue(parseToml(text))
  if (!isObject(value)) throw new Error('expected a TOML document')
  return value
}

/**
 * A TOML document with the types that its writer gave: dates are `Date`, for formats that want a text and nothing that looks like one.
 *
 * @throws Error with the line; the reader's own messages show the place on further lines
 */
export function parseToml(text: string): unknown {
  try {
    return parse(text, { maxDepth: 100, integersAsBigInt: 'asNeeded' })
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const [what = ''] = error.message.split('\n')
    throw new Error(`line ${error.line}: ${what}`, { cause: error })
  }
}
