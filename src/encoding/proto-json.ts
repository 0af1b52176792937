import { VerificationError } from '../base/errors.ts'
import { duplicateMember, otherSpelling } from '../base/json-members.ts'
import { isObject, nestsDeeper, parseJson, type JsonObject, type JsonValue } from '../base/json.ts'
import { fromEitherBase64 } from './base64.ts'

const mostLevels = 64

/**
 * One message in the JSON form of Protocol Buffers, as Sigstore's bundles and trusted roots are written. A member with the default value may be
 * left out, or be null; numbers of 64 bits are text or numbers; bytes are base64 of either alphabet. Members that are not asked for are ignored,
 * as every reader of this form does.
 */
export class ProtoMessage {
  readonly what: string
  readonly #members: JsonObject

  /** @throws VerificationError `format-invalid` when the value is no object */
  constructor(value: JsonValue | undefined, what: string) {
    this.what = what
    if (!isObject(value)) throw this.refuse('is not an object')
    this.#members = value
  }

  has(name: string): boolean {
    return this.#value(name) !== undefined
  }

  /** The message as it stands, with all its members. */
  whole(): JsonObject {
    return this.#members
  }

  /** The member as it stands. */
  value(name: string): JsonValue | undefined {
    return this.#value(name)
  }

  message(name: string): ProtoMessage {
    return new ProtoMessage(this.#value(name), `${name} of ${this.what}`)
  }

  optional(name: string): ProtoMessage | null {
    return this.has(name) ? this.message(name) : null
  }

  /** @param most how many items the list may hold */
  list(name: string, most: number): ProtoMessage[] {
    const value = this.#value(name) ?? []
    if (!Array.isArray(value)) throw this.refuse(`has ${name}, which is not a list`)
    if (value.length > most) throw this.refuse(`has ${value.length} ${name}; at most ${most} are read`)
    return value.map((item, index) => new ProtoMessage(item, `${name}[${index}] of ${this.what}`))
  }

  text(name: string): string {
    const value = this.#value(name) ?? ''
    if (typeof value !== 'string') throw this.refuse(`has ${name}, which is not text`)
    return value
  }

  bytes(name: string): Buffer {
    return fromEitherBase64(this.text(name), `${name} of ${this.what}`)
  }

  bytesList(name: string, most: number): Buffer[] {
    const value = this.#value(name) ?? []
    if (!Array.isArray(value) || value.length > most)
      throw this.refuse(`has ${name}, which is not a list of at most ${most}`)
    return value.map((item) => {
      if (typeof item !== 'string') throw this.refuse(`has ${name}, which does not hold bytes`)
      return fromEitherBase64(item, `${name} of ${this.what}`)
    })
  }

  /** An int64 that is not negative; 0 where it is left out. */
  natural(name: string): bigint {
    const value = this.#value(name) ?? 0
    const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
    if (typeof text !== 'string' || !/^(?:0|[1-9]\d{0,18})$/.test(text))
      throw this.refuse(`has ${name}, which is not a non-negative whole number`)
    return BigInt(text)
  }

  /** A google.protobuf.Timestamp, or null where it is left out. Digits below milliseconds are cut off. */
  time(name: string): Date | null {
    const text = this.text(name)
    if (text === '') return null
    const [, whole, fraction = ''] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(text) ?? []
    const iso = `${whole}.${fraction.padEnd(3, '0').slice(0, 3)}Z`
    const time = new Date(iso)
    if (Number.isNaN(time.getTime()) || time.toISOString() !== iso)
      throw this.refuse(`has ${name}, which is not a time`)
    return time
  }

  /** The one member of a oneof that is there. @throws VerificationError `format-invalid` for none or several */
  oneOf<Name extends string>(names: readonly Name[]): Name {
    const found = names.filter((name) => this.has(name))
    const [name] = found
    if (name === undefined || found.length > 1) throw this.refuse(`does not have exactly one of ${names.join(', ')}`)
    return name
  }

  refuse(why: string): VerificationError {
    return new VerificationError('format-invalid', `${this.what} ${why}`, { subject: this.what })
  }

  #value(name: string): JsonValue | undefined {
    // Go's readers take members of another spelling, so one document would mean two things.
    if (otherSpelling(this.#members, [name]) !== null)
      throw this.refuse(`has a member that is ${name} in another spelling`)
    const value = Object.hasOwn(this.#members, name) ? this.#members[name] : undefined
    return value === null ? undefined : value
  }
}

/**
 * Reads one message from the bytes of a JSON text.
 *
 * @throws VerificationError `format-invalid`, also for a member that stands twice in one object
 */
export function readProtoJson(bytes: Uint8Array, what: string): ProtoMessage {
  const refuse = (why: string): VerificationError =>
    new VerificationError('format-invalid', `${what} ${why}`, { subject: what })
  if (nestsDeeper(bytes, mostLevels)) throw refuse(`nests deeper than ${mostLevels} levels`)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw refuse('is not UTF-8')
  }
  const value = parseJson(text, what)
  const twice = duplicateMember(text)
  if (twice !== null) throw refuse(`has the member ${twice.slice(0, 64)} twice`)
  return new ProtoMessage(value, what)
}
