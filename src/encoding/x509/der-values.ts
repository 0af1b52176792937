import { VerificationError } from '../../base/errors.ts'
import type { DerElement } from '../der.ts'

/** Identifier octets that X.509 needs. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  null: 0x05,
  oid: 0x06,
  utcTime: 0x17,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** Takes the members of a DER sequence in order. Every member must be asked for; `end` refuses what is left. */
export class DerMembers {
  readonly #members: readonly DerElement[]
  readonly #subject: string
  readonly #offset: number
  #next = 0

  /** @throws VerificationError `format-invalid` when the element is not of that tag */
  constructor(element: DerElement, subject: string, tag: number = tags.sequence) {
    if (element.tag !== tag) throw derRefusal(subject, element.offset, `has tag ${element.tag}, not ${tag}`)
    this.#members = element.children
    this.#subject = subject
    this.#offset = element.offset
  }

  /** The next member. @throws VerificationError `format-invalid` when it is missing or of another tag */
  take(tag: number, what: string): DerElement {
    const member = this.optional(tag)
    if (member === null) throw derRefusal(this.#subject, this.#offset, `lacks ${what}`)
    return member
  }

  /** The next member when it is of that tag. */
  optional(tag: number): DerElement | null {
    const member = this.#members[this.#next]
    if (member?.tag !== tag) return null
    this.#next += 1
    return member
  }

  /** The next member, whatever it is. */
  any(what: string): DerElement {
    const member = this.#members[this.#next]
    if (member === undefined) throw derRefusal(this.#subject, this.#offset, `lacks ${what}`)
    this.#next += 1
    return member
  }

  /** @throws VerificationError `format-invalid` when a member is left */
  end(): void {
    const left = this.#members[this.#next]
    if (left !== undefined) throw derRefusal(this.#subject, left.offset, 'has a member too many')
  }
}

/** Dotted text of an OBJECT IDENTIFIER (X.690 §8.19). */
export function readOid({ content, offset }: DerElement, subject: string): string {
  const arcs: number[] = []
  let arc = 0
  let fresh = true
  for (const byte of content) {
    if ((fresh && byte === 0x80) || arc > 0xff_ffff) throw derRefusal(subject, offset, 'has a malformed OID')
    arc = arc * 128 + (byte & 0x7f)
    fresh = byte < 0x80
    if (!fresh) continue
    arcs.push(arc)
    arc = 0
  }
  const [first] = arcs
  if (first === undefined || !fresh) throw derRefusal(subject, offset, 'has a malformed OID')
  const root = Math.min(2, Math.floor(first / 40))
  return [root, first - root * 40, ...arcs.slice(1)].join('.')
}

/** A non-negative INTEGER in its shortest form, as lower-case hex without the sign octet. */
export function readSerial({ content, offset }: DerElement, subject: string): string {
  const [first, second] = content
  if (first === undefined || content.length > 21) throw derRefusal(subject, offset, 'has an integer of a wrong size')
  if (first >= 0x80) throw derRefusal(subject, offset, 'has a negative integer')
  if (first !== 0 || second === undefined) return content.toString('hex')
  if (second < 0x80) throw derRefusal(subject, offset, 'has an integer that is not in its shortest form')
  return content.subarray(1).toString('hex')
}

/** A small non-negative INTEGER. */
export function readSmall(element: DerElement, most: number, subject: string): number {
  const text = readSerial(element, subject)
  const value = text.length > 8 ? Infinity : Number.parseInt(text, 16)
  if (value > most) throw derRefusal(subject, element.offset, `has an integer above ${most}`)
  return value
}

/** A BIT STRING of whole octets. */
export function readBits({ content, offset }: DerElement, subject: string): Buffer {
  if (content[0] !== 0) throw derRefusal(subject, offset, 'has a bit string with unused bits')
  return content.subarray(1)
}

/** UTCTime or GeneralizedTime in the only forms RFC 5280 §4.1.2.5 allows: seconds, Zulu, no fraction. */
export function readTime({ tag, content, offset }: DerElement, subject: string): Date {
  const text = content.toString('latin1')
  const parts =
    tag === tags.utcTime
      ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text)
      : tag === tags.time
        ? /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text)
        : null
  if (parts === null) throw derRefusal(subject, offset, 'has a malformed time')
  const [year = '', ...rest] = parts.slice(1)
  const full = year.length === 4 ? year : `${Number(year) < 50 ? '20' : '19'}${year}`
  const [month, day, hour, minute, second] = rest
  const iso = `${full}-${month}-${day}T${hour}:${minute}:${second}.000Z`
  const time = new Date(iso)
  // Writing it again refuses the 31st of February, which Date would move into March.
  if (Number.isNaN(time.getTime()) || time.toISOString() !== iso)
    throw derRefusal(subject, offset, 'has no such time in the calendar')
  return time
}

/** The error of everything here: what is read, where, why. */
export function derRefusal(subject: string, offset: number, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} ${why}, at byte ${offset}`, { subject })
}
