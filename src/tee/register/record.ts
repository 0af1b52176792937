import { z } from 'zod'
import { InternalError, VerificationError } from '../../base/errors.ts'
import { jcs, parseJcs } from '../../encoding/jcs.ts'
import { eventTag } from '../eventlog/event-types.ts'
import { digestOf, type BankHash } from '../eventlog/hashes.ts'
import { encodeEvent } from '../eventlog/write.ts'
import { digestSchema } from '../../oci/digest-schema.ts'
import type { RegisterRecord } from '../types.ts'

/** First word of every record of ours, so that others' records in the same register are told apart. */
export const registerDomain = 'sealwright.dev'

const startSchema = z.strictObject({ job: digestSchema, key: z.string().regex(/^[A-Za-z0-9_-]{43}$/) })
const journalSchema = z.strictObject({ count: z.int().min(1), head: digestSchema })

/** First extension of an agent: the RFC 7638 thumbprint of its key and the digest of its job. */
export type AgentStart = z.infer<typeof startSchema>
/** Later extensions: the journal as a binding names it. */
export type JournalHead = z.infer<typeof journalSchema>

/** The first record. Its content is JCS, since others measure its digest. */
export function agentStart(content: AgentStart): RegisterRecord {
  return { operation: 'agent-start', content: jcs(startSchema.parse(content)).toString('utf8') }
}

/** A later record, JCS as well. */
export function journalHead(content: JournalHead): RegisterRecord {
  return { operation: 'journal', content: jcs(journalSchema.parse(content)).toString('utf8') }
}

/** @throws VerificationError `evidence-invalid` for another operation or form */
export function readAgentStart(record: RegisterRecord): AgentStart {
  return read(record, 'agent-start', startSchema)
}

/** @throws VerificationError `evidence-invalid` for another operation or form */
export function readJournalHead(record: RegisterRecord): JournalHead {
  return read(record, 'journal', journalSchema)
}

function read<T>(record: RegisterRecord, operation: string, schema: z.ZodType<T>): T {
  try {
    if (record.operation !== operation) throw new Error(`the operation is ${record.operation}`)
    return schema.parse(parseJcs(Buffer.from(record.content, 'utf8'), operation))
  } catch (cause) {
    throw new VerificationError('evidence-invalid', `the register's record is no ${operation} record of version 1`, {
      subject: operation,
      cause,
    })
  }
}

const taggedEventId = 0x4141454c

/** The bytes that are measured: CoCo's tagged event (coco.md §7.3): id, size, `domain operation content`. */
export function recordData({ operation, content }: RegisterRecord): Buffer {
  const text = Buffer.from(`${registerDomain} ${operation} ${content}`, 'utf8')
  if (/\s/.test(operation) || /[\r\n]/.test(content)) throw new InternalError('a record with a blank or line break')
  const head = Buffer.alloc(8)
  head.writeUInt32LE(taggedEventId, 0)
  head.writeUInt32LE(text.length, 4)
  return Buffer.concat([head, text])
}

/** Digests to extend, each bank with its own algorithm. */
export function recordDigests(record: RegisterRecord, banks: readonly BankHash[]): Map<BankHash, Buffer> {
  const data = recordData(record)
  return new Map(banks.map((hash) => [hash, digestOf(hash, data)]))
}

/**
 * One TCG2 log record (PC Client profile §10.2.2), as CoCo's attestation agent writes them.
 *
 * @param index PCR, or 4 for RTMR3
 */
export function encodeRecord(index: number, record: RegisterRecord, banks: readonly BankHash[]): Buffer {
  return encodeEvent(index, eventTag, recordDigests(record, banks), recordData(record))
}
