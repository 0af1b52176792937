import { digestOf, type BankHash } from './hashes.ts'
import { parseVariable } from './variable.ts'
import type { Coverage, LogEvent } from './types.ts'

const variableTypes = new Set([0x80000001, 0x80000002, 0x8000000c, 0x800000e0])

/** Which part of an event's data its digest of this bank covers. Tried, never assumed from the type: firmware differs here. */
export function coverage(event: LogEvent, hash: BankHash): Coverage {
  const digest = event.digests.get(hash)
  if (!event.extended || digest === undefined) return 'none'
  if (digestOf(hash, event.data).equals(digest)) return 'data'
  const value = variableTypes.has(event.type) ? parseVariable(event.data)?.value : undefined
  return value !== undefined && digestOf(hash, value).equals(digest) ? 'variable-value' : 'none'
}
