import { isObject, parseJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { Tier } from '../ear-vector.ts'

/** Verifiers whose tokens are read. */
export const verifiers = ['veraison', 'trustee', 'intel', 'azure'] as const
export type Verifier = (typeof verifiers)[number]

/** What a verifier says of a machine. A member that its token does not have is null, never a guess. */
export interface TokenFacts {
  /** `snp`, `tdx` …; null where the token names none of ours. */
  readonly technology: string | null
  /** The verifier's verdict in the tiers of AR4SI, and its own words for it. */
  readonly status: Tier
  readonly words: string
  /** Launch measurement, lower-case hex. */
  readonly measurement: string | null
  /** Whether a debugger may read the machine's memory. */
  readonly debug: boolean | null
  /** The caller's nonce as the token repeats it. */
  readonly nonces: readonly string[]
  /** Report data of the hardware report, lower-case hex. */
  readonly reportData: string | null
  /** What was hashed into the report, where the token has it as an object. */
  readonly runtimeData: JsonObject | null
}

/** A text of the claims in lower-case hex; null for anything else. */
export function hexOf(value: JsonValue | undefined): string | null {
  return typeof value === 'string' && /^(?:[0-9a-f]{2}){1,64}$/i.test(value) ? value.toLowerCase() : null
}

/** An object of the claims, also as the base64url text of JSON, in which Intel's service may give it back. */
export function objectOf(value: JsonValue | undefined): JsonObject | null {
  if (isObject(value)) return value
  if (typeof value !== 'string' || value.length > 1 << 16) return null
  try {
    const inner = parseJson(Buffer.from(value, 'base64').toString('utf8'), 'runtime data')
    return isObject(inner) ? inner : null
  } catch {
    return null
  }
}

/** One text or a list of texts. */
export function textsOf(value: JsonValue | undefined): string[] {
  return (Array.isArray(value) ? value : [value]).filter((one) => typeof one === 'string')
}
