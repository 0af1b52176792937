import { SealwrightError } from '../../src/base/errors.ts'

export const kinds = ['report', 'quote', 'certificate', 'crl', 'log', 'collateral', 'evidence'] as const

/** A valid thing with the verifier that takes it. */
export interface Target {
  name: string
  kind: (typeof kinds)[number]
  bytes: Buffer
  /** Names of the failed steps; empty is accepted. A SealwrightError is a refusal too. Any other error is a crash. */
  failed(bytes: Buffer): readonly string[]
  /** Places that no signature covers and that may change without a refusal, each with its reason. */
  unsigned?: readonly Unsigned[]
  /**
   * What a verdict tells from the bytes, where several texts say the same (JSON, base64, padded structures) or where part of them is not
   * believed (labels in logs). Accepted bytes that say no more than the good ones are no wrong accept; they are counted.
   */
  meaning?(bytes: Buffer): readonly string[]
  /** Where one bit a field is enough; else every bit is changed. */
  fields?: readonly number[]
}

export interface Unsigned {
  /** First byte, and the one behind the last. */
  from: number
  to: number
  why: string
}

export type Outcome = 'refused' | 'unsigned' | 'same-meaning' | 'WRONG ACCEPT' | 'CRASH'

export interface Judged {
  outcome: Outcome
  detail: string
}

/** Failed steps of the unchanged bytes: some vectors are not accepted (expired, debug), and no change may take them a step further. */
export function baseline(target: Target): ReadonlySet<string> {
  return new Set(target.failed(target.bytes))
}

/** Runs one changed input. */
export function judge(target: Target, known: ReadonlySet<string>, bytes: Buffer): Judged {
  try {
    if (bytes.equals(target.bytes)) return { outcome: 'refused', detail: 'unchanged' }
    if (target.failed(bytes).some((name) => !known.has(name))) return { outcome: 'refused', detail: '' }
    if (target.meaning !== undefined && saysNoMore(target, target.meaning(bytes))) {
      return { outcome: 'same-meaning', detail: '' }
    }
    const open = unsignedPlace(target, bytes)
    return open === null ? { outcome: 'WRONG ACCEPT', detail: firstDifference(target.bytes, bytes) } : open
  } catch (error) {
    if (error instanceof SealwrightError) return { outcome: 'refused', detail: '' }
    return { outcome: 'CRASH', detail: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

const meanings = new WeakMap<Target, ReadonlySet<string>>()

function saysNoMore(target: Target, said: readonly string[]): boolean {
  const good = meanings.get(target) ?? new Set(target.meaning?.(target.bytes))
  meanings.set(target, good)
  return said.every((item) => good.has(item))
}

/** The place, when all that differs lies in one. A cut counts as a change up to the end. */
function unsignedPlace({ unsigned = [], bytes: good }: Target, bytes: Buffer): Judged | null {
  const longest = Math.max(good.length, bytes.length)
  let from = 0
  while (from < longest && good[from] === bytes[from]) from++
  let to = longest
  while (to > from && good.length === bytes.length && good[to - 1] === bytes[to - 1]) to--
  const place = unsigned.find((one) => from >= one.from && to <= one.to)
  return place === undefined ? null : { outcome: 'unsigned', detail: place.why }
}

function firstDifference(good: Buffer, bytes: Buffer): string {
  let at = 0
  while (at < Math.max(good.length, bytes.length) && good[at] === bytes[at]) at++
  return `${bytes.length} bytes for ${good.length}, differs from byte ${at}`
}
