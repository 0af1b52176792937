import { SealwrightError } from '../../../base/errors.ts'
import type { JsonObject } from '../../../base/json.ts'
import { parseTdxQuote } from '../../verify/tdx/quote.ts'
import { ccelOf, readEvents, type DstackEvent } from './dstack-log.ts'
import { bytesIn, refuse, type Part } from './part.ts'
import { ScaleReader } from './scale.ts'

/** Discriminants of dstack's `AttestationQuote` (dstack-attest, attestation.rs). */
const kinds = ['TDX', 'TDX of Google Cloud', 'a Nitro enclave', 'SEV-SNP', 'a Nitro TPM'] as const

/** The answer of GetQuote (`quote`, `event_log`, `vm_config`), or `{"attestation": hex}`. */
export function openDstack(value: JsonObject, subject: string): Part[] {
  if ('attestation' in value) return openDstackBytes(bytesIn(value['attestation'], 'attestation'), subject)
  const log = value['event_log']
  const empty = log === undefined || log === null || log === ''
  return [tdx(bytesIn(value['quote'], 'quote'), empty ? [] : readEvents(log))]
}

/** True for bytes that begin as an attestation of dstack in SCALE (version 0) does, and go on with a quote or a report. */
export function isDstackBytes(bytes: Buffer): boolean {
  if (bytes[0] !== 0 || (bytes[1] ?? 9) >= kinds.length || bytes.length < 64) return false
  try {
    const reader = new ScaleReader(bytes.subarray(2), 'attestation')
    const quote = reader.bytes('quote')
    return quote.length >= 512 && quote[0] !== 0
  } catch (error) {
    if (error instanceof SealwrightError) return false
    throw error
  }
}

/** The name under which MessagePack begins a map with the member `version`: dstack's version 1. */
const messagePack = Buffer.concat([Buffer.of(0x83, 0xa7), Buffer.from('version')])

export function isDstackMessagePack(bytes: Buffer): boolean {
  return bytes.subarray(0, messagePack.length).equals(messagePack)
}

/** @throws VerificationError `format-invalid` for a damaged attestation, or one of hardware without a verifier here */
export function openDstackBytes(bytes: Buffer, subject: string): Part[] {
  if (isDstackMessagePack(bytes))
    throw refuse(
      subject,
      'is an attestation of dstack in MessagePack (version 1), which is not read here: take the answer of GetQuote',
    )
  const reader = new ScaleReader(bytes, subject)
  if (reader.u8('version') !== 0) throw refuse(subject, 'is not an attestation of dstack of version 0')
  const kind = reader.u8('kind of quote')
  const parts: Part[] = []
  if (kind === 0)
    parts.push(
      tdx(
        reader.bytes('quote'),
        reader.list('events', () => event(reader)),
      ),
    )
  else if (kind === 3) {
    const report = reader.bytes('report')
    const certificates = reader.list('certificates', () => reader.bytes('certificate'))
    const config = reader.text('mr_config')
    parts.push({
      name: 'report',
      evidence: report,
      certificates,
      notes: config === '' ? [] : ['mr_config beside it was not judged'],
    })
  } else
    throw refuse(
      subject,
      `is an attestation of dstack of ${kinds[kind] ?? `kind ${kind}`}, which cannot be verified here`,
    )
  reader.list('runtime events', () => [reader.text('event'), reader.bytes('payload')])
  reader.take(64, 'report data')
  reader.text('configuration')
  reader.end()
  return parts
}

function event(reader: ScaleReader): DstackEvent {
  return {
    imr: reader.u32('register'),
    type: reader.u32('event type'),
    digest: reader.bytes('digest'),
    name: reader.text('event name'),
    payload: reader.bytes('event payload'),
    preimage: null,
  }
}

function tdx(quote: Buffer, events: readonly DstackEvent[]): Part {
  if (events.length === 0) return { name: 'quote', evidence: quote }
  const { log, why } = ccelOf(events, registersOf(quote))
  return { name: 'quote', evidence: quote, eventLog: log, notes: why === null ? [] : [why] }
}

/** Of a quote that cannot be read none: the verifier says what is wrong with it. */
function registersOf(quote: Buffer): readonly Buffer[] {
  try {
    return parseTdxQuote(quote).body.rtmr
  } catch (error) {
    if (error instanceof SealwrightError) return []
    throw error
  }
}
