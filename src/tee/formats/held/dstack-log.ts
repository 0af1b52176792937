import { createHash } from 'node:crypto'
import { isObject, parseJson, type JsonValue } from '../../../base/json.ts'
import { encodeEvent, specificationEvent } from '../../eventlog/write.ts'
import { refuse } from './part.ts'

/** An event of dstack's list (cc-eventlog, `TdxEvent`): register 0 to 3, type, SHA-384, name and content. */
export interface DstackEvent {
  imr: number
  type: number
  digest: Buffer
  name: string
  payload: Buffer
  /** What was hashed, where the list brings it (version 2 of runtime events). */
  preimage: Buffer | null
}

/** Events that dstack's own software extends. */
const runtimeEvent = 0x08000001
const limits = { events: 20_000 } as const

/** @param value text of a JSON list, or the list */
export function readEvents(value: JsonValue, subject = 'event_log'): DstackEvent[] {
  const list = typeof value === 'string' ? parseJson(value, subject) : value
  if (!Array.isArray(list) || list.length > limits.events) throw refuse(subject, 'is not a list of events')
  return list.map((one) => {
    if (!isObject(one)) throw refuse(subject, 'has an event that is not an object')
    const { imr, event_type: type, event } = one
    if (typeof imr !== 'number' || typeof type !== 'number' || typeof event !== 'string')
      throw refuse(subject, 'has an event without register, type or name')
    const hex = (name: string): Buffer => {
      const text = one[name] ?? ''
      if (typeof text !== 'string' || !/^([\da-fA-F]{2})*$/.test(text)) throw refuse(`${subject}.${name}`, 'is not hex')
      return Buffer.from(text, 'hex')
    }
    const preimage = one['preimage'] === undefined ? null : hex('preimage')
    return { imr, type, digest: hex('digest'), name: event, payload: hex('event_payload'), preimage }
  })
}

/**
 * The list as a CCEL, which the verifier replays. A runtime event's data is what its digest covers, so that its content is proven. Events whose
 * digest the list left out and that no rule gives make it no log.
 *
 * @param registers RTMR0 to RTMR3 of the quote
 * @returns the log, or null with the reason why it proves nothing
 */
export function ccelOf(
  events: readonly DstackEvent[],
  registers: readonly Buffer[],
): { log: Buffer | null; why: string | null } {
  const without = (why: string) => ({ log: null, why: `its event log was not used: ${why}` })
  if (events.length === 0) return { log: null, why: null }
  const records: Buffer[] = []
  for (const event of events) {
    if (event.imr < 0 || event.imr > 3 || !Number.isInteger(event.imr)) return without(`it names register ${event.imr}`)
    const { digest, data } = measured(event)
    if (digest.length !== 48) return without('it has an event without a digest of SHA-384')
    records.push(encodeEvent(event.imr + 1, event.type >>> 0, new Map([['sha384', digest]]), data))
  }
  // dstack leaves boot events out of what it sends; a log without the events of a register that is not empty leads nowhere.
  const missing = registers.findIndex(
    (value, imr) => value.some((byte) => byte !== 0) && !events.some((event) => event.imr === imr),
  )
  if (missing >= 0) return without(`the events of RTMR${missing} were left out`)
  return { log: Buffer.concat([specificationEvent(['sha384']), ...records]), why: null }
}

function measured({ type, digest, name, payload, preimage }: DstackEvent): { digest: Buffer; data: Buffer } {
  if (type !== runtimeEvent) return { digest, data: payload }
  const head = Buffer.alloc(4)
  head.writeUInt32LE(type)
  const data = preimage ?? Buffer.concat([head, Buffer.from(`:${name}:`), payload])
  return { digest: createHash('sha384').update(data).digest(), data }
}
