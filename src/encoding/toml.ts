import { parse } from 'smol-toml'
import type { JsonObject } from '../base/json.ts'
import { isObject } from '../base/json.ts'
import { plainValue } from './plain.ts'

/** Reads a TOML document (1.0 and 1.1): duplicate keys are errors, as TOML has it. Dates become text. @throws Error with line and column */
export function readToml(text: string): JsonObject {
  const value = plainValue(parse(text, { maxDepth: 100, integersAsBigInt: 'asNeeded' }))
  if (!isObject(value)) throw new Error('expected a TOML document')
  return value
}
