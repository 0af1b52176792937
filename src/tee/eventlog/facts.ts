import { VerificationError } from '../../base/errors.ts'
import type { EventFact, Measured } from '../facts/log.ts'
import { parseAael, type AaelRecord } from './aael.ts'
import { coverage } from './coverage.ts'
import { eventTag, separator } from './event-types.ts'
import { digestOf, type BankHash } from './hashes.ts'
import { parseVariable } from './variable.ts'
import type { LogTarget } from './replay.ts'
import type { EventLog, LogEvent } from './types.ts'

const texts = new Set([0x05, 0x0d, 0x80000007])
const versions = new Set([0x08])
const variables = new Set([0x80000001, 0x80000002, 0x8000000c, 0x800000e0])

/**
 * What one event says, for policies and for reading. Members under `measured` come from bytes that the event's digest covers; nothing else
 * of the data is told. The type itself is a label.
 */
export function eventFacts(event: LogEvent, hash: BankHash): EventFact {
  const covers = coverage(event, hash)
  return {
    index: event.index,
    register: event.register,
    type: event.typeName,
    digest: event.digests.get(hash)?.toString('hex') ?? null,
    extended: event.extended,
    covers,
    measured: covers === 'none' ? null : measured(event, covers === 'data'),
  }
}

function measured(event: LogEvent, whole: boolean): Measured {
  const { type, data } = event
  const variable = variables.has(type) ? parseVariable(data) : null
  if (variable !== null) {
    const value = { size: variable.value.length, sha256: digestOf('sha256', variable.value).toString('hex') }
    return whole ? { kind: 'variable', guid: variable.guid, name: variable.name, value } : { kind: 'value', value }
  }
  if (type === separator) return { kind: 'separator', separator: data.toString('hex') }
  if (type === eventTag) {
    const record = readAael(data)
    if (record !== null) return { kind: 'aael', aael: record }
  }
  if (texts.has(type)) return { kind: 'text', text: data.toString('latin1').replace(/\0$/, '') }
  if (versions.has(type)) return { kind: 'version', version: data.toString('utf16le').replace(/\0$/, '') }
  return { kind: 'bytes', size: data.length }
}

/** A measured record of a broken form is named, not thrown: the guest may extend what it likes, and the replay holds all the same. */
function readAael(data: Buffer): AaelRecord | 'malformed' | null {
  try {
    return parseAael(data)
  } catch (error) {
    if (error instanceof VerificationError) return 'malformed'
    throw error
  }
}

const separatorData = ['00000000', 'ffffffff', '00000001'].map((hex) => Buffer.from(hex, 'hex'))

/**
 * What makes a log ambiguous although it replays, since no digest covers an event's type: bytes of a separator under another type, a
 * separator whose digest is not of its data, more separators in one register than firmware writes there.
 */
export function logFindings(log: EventLog, hash: BankHash, target: LogTarget): string[] {
  const separators = separatorData.map((data) => digestOf(hash, data))
  const findings: string[] = []
  const seen = new Map<number, number[]>()
  for (const event of log.events) {
    const digest = event.digests.get(hash)
    if (!event.extended || digest === undefined) continue
    const at = `event ${event.index} (${event.typeName}) in register ${event.register}`
    const looksLikeOne = separators.some((value) => value.equals(digest))
    if (event.type === separator) {
      if (coverage(event, hash) !== 'data') findings.push(`${at}: its digest is not of its data`)
      const before = seen.get(event.register) ?? []
      if (before.length >= separatorsIn(event.register, target))
        findings.push(`${at}: a separator too many, after event ${before.join(', ')}`)
      seen.set(event.register, [...before, event.index])
    } else if (looksLikeOne) {
      findings.push(`${at}: a separator under another type`)
    }
  }
  return findings
}

/** Firmware ends each PCR with one separator; a TD's RTMR0 stands for PCRs 1 and 7, RTMR1 for 2 to 6 (coco.md §7.2). */
function separatorsIn(register: number, target: LogTarget): number {
  if (target === 'tpm') return 1
  return { 1: 2, 2: 5 }[register] ?? 1
}
