import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import type { TeeVerdict } from '../tee/types.ts'

/** What a verdict says of the processor's own evidence; Azure's has it one level down. */
export function hardwareFacts({ facts }: Pick<TeeVerdict, 'facts'>): JsonObject {
  const inner = facts['report']
  return isObject(inner) ? inner : facts
}

/** What a verdict says of the TPM's quote; null where there is none. */
export function quoteFacts({ technology, facts }: Pick<TeeVerdict, 'technology' | 'facts'>): JsonObject | null {
  if (technology === 'tpm') return facts
  const quote = facts['quote']
  return isObject(quote) ? quote : null
}

/** Chip id (eight bytes on Turin) or PPID; null for a masked one and for what names no chip. */
export function chipOf(verdict: Pick<TeeVerdict, 'facts'>): string | null {
  const facts = hardwareFacts(verdict)
  const { chipId, ppid, line } = facts
  if (typeof ppid === 'string') return ppid
  if (typeof chipId !== 'string' || /^0*$/.test(chipId)) return null
  return line === 'Turin' ? chipId.slice(0, 16) : chipId
}

/** Events of the replayed log, or null where none travelled. */
export function eventsOf({ facts }: Pick<TeeVerdict, 'facts'>): JsonObject[] | null {
  const events = facts['eventLog']
  return Array.isArray(events) ? events.filter(isObject) : null
}

/** A fact by its name, with dots between levels: `tcb.reported.snp`. */
export function factAt(verdict: Pick<TeeVerdict, 'facts'>, path: string): JsonValue | undefined {
  for (const facts of [verdict.facts, hardwareFacts(verdict)]) {
    let value: JsonValue | undefined = facts
    for (const name of path.split('.')) value = isObject(value) ? value[name] : undefined
    if (value !== undefined) return value
  }
  return undefined
}

/** A TPM that no maker's chain reaches. Of a TPM's verdict that says nothing of it the worse is taken. */
export function isSoftwareTpm({ technology, facts }: Pick<TeeVerdict, 'technology' | 'facts'>): boolean {
  return technology === 'tpm' && facts['softwareTpm'] !== false
}

const statusNames = [
  'product',
  'csp',
  'vmpl',
  'tcb',
  'firmware',
  'revocationChecked',
  'tcb-status',
  'tcb-date',
  'tcb-evaluation',
  'advisories',
  'sept-ve-disable',
  'fmspc',
]
const tpmNames = [
  'softwareTpm',
  'akPinned',
  'ekCertificate',
  'akCertificate',
  'firmwareVersion',
  'resetCount',
  'restartCount',
  'clock',
]

/** The facts that say how good a machine is; those of no such member are left out. */
export function statusFacts(verdict: TeeVerdict): Record<string, JsonValue> {
  const pick = (facts: JsonObject, names: readonly string[]): [string, JsonValue][] =>
    names.flatMap((name) => (facts[name] === undefined || facts[name] === null ? [] : [[name, facts[name]]]))
  return Object.fromEntries([
    ...pick(hardwareFacts(verdict), statusNames),
    ...pick(quoteFacts(verdict) ?? {}, tpmNames),
  ])
}
