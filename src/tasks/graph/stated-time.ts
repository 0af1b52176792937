import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts'

/** Where predicates state when they were made, by the path of their members. The first that is there counts. */
const places: readonly (readonly string[])[] = [
  ['timeVerified'],
  ['promotedOn'],
  ['issued'],
  ['archived'],
  ['metadata', 'scanFinishedOn'],
  ['runDetails', 'metadata', 'finishedOn'],
  ['last_updated'],
  ['timestamp'],
  ['metadata', 'timestamp'],
  ['creationInfo', 'created'],
]

/** The time that a statement says it was made at; null where it states none. Nothing of it is verified. */
export function statedTime(predicate: JsonObject): Date | null {
  for (const path of places) {
    const value = path.reduce<JsonValue | undefined>(
      (at, name) => (isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined),
      predicate,
    )
    const time = dateOf(value)
    if (time !== null) return time
  }
  return null
}

/** A time as text; null for anything else. */
export function dateOf(value: unknown): Date | null {
  const time = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T/.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(time) ? null : new Date(time)
}
