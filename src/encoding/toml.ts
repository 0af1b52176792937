import { parse, TomlError } from 'smol-toml'
import type { JsonObject } from '../base/json.ts'
import { isObject } from '../base/json.ts'
import { plainValue } from './plain.ts'

/** Reads a TOML document (1.0 and 1.1): duplicate keys are errors, as TOML has it. Dates become text. @throws Error with the line */
export function readToml(text: string): JsonObject {
  const value = plainValue(parsed(text))
  if (!isObject(value)) throw new Error('expected a TOML document')
  return value
}

/** The reader's own messages show the place on further lines. */
function parsed(text: string): unknown {
  try {
    return parse(text, { maxDepth: 100, integersAsBigInt: 'asNeeded' })
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const [what = ''] = error.message.split('\n')
    throw new Error(`line ${error.line}: ${what}`, { cause: error })
  }
}
