import { timestamp } from '../ids.ts'
import { formats } from './schema/formats.ts'
import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts'

/** Members of documents whose schema was checked before: what is not there, or of another type, is null or empty. */

export function text(object: JsonObject | undefined, name: string): string | null {
  const value = object?.[name]
  return typeof value === 'string' ? value : null
}

export function number(object: JsonObject | undefined, name: string): number | null {
  const value = object?.[name]
  return typeof value === 'number' ? value : null
}

export function object(holder: JsonObject | undefined, name: string): JsonObject | undefined {
  const value = holder?.[name]
  return isObject(value) ? value : undefined
}

export function objects(holder: JsonObject | undefined, name: string): JsonObject[] {
  return listOf(holder?.[name]).filter(isObject)
}

export function texts(holder: JsonObject | undefined, name: string): string[] {
  return listOf(holder?.[name]).filter((item) => typeof item === 'string')
}

/** A single value counts as a list of one, as JSON-LD has it. */
function listOf(value: JsonValue | undefined): JsonValue[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}

/** Seconds since 1970 of an RFC 3339 time, or null: also for what JavaScript alone takes for a time, and for years that have no four digits. */
export function secondsOf(value: string | null): number | null {
  const time = formats['date-time']?.(value ?? '') === true ? Date.parse(value ?? '') : NaN
  if (Number.isNaN(time)) return null
  const seconds = Math.floor(time / 1000)
  return /^\d{4}-/.test(timestamp(seconds)) ? seconds : null
}
