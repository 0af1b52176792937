import { TransportError, VerificationError } from '../base/errors.ts'
import { parseJson, type JsonObject, type JsonValue } from '../base/json.ts'
import type { ByteSource } from '../base/streams.ts'
import { spelledOtherwise } from '../base/json-members.ts'
import { checkDescriptor, descriptorMembers } from './descriptor.ts'
import type { Descriptor } from './types.ts'

/** What is read of a listing at most. Anybody who may push makes a listing longer, so the bounds hold without memory for its bytes. */
export interface ListingLimits {
  /** Bytes of all pages of a registry's answer together, of a fallback index, of an `index.json`. */
  bytes: number
  /** Entries of all pages together, bad ones too. */
  entries: number
  /** Bytes of one member of an entry; the member of a longer one is left out. */
  memberBytes: number
}

/**
 * Registries copy the annotations of a referrer into their listing, up to 4 MiB each and more where they escape them: a thousand such entries
 * must not stop a reader. 16 GiB ends an answer that has no end. Each entry costs its reader a request: a hundred thousand of them take a quarter
 * of an hour, so that more than those are of no use, and are refused after some seconds.
 */
export const listingLimits: ListingLimits = { bytes: 16 * 2 ** 30, entries: 1 << 17, memberBytes: 1 << 20 }

/** Members of an entry that a listing of referrers is read for: each manifest says the rest itself. */
export const referrerMembers = ['mediaType', 'digest', 'size', 'artifactType'] as const

/** Keys that are compared; a longer one is none of them. */
const keyBytes = 256

const code = { quote: 0x22, comma: 0x2c, colon: 0x3a, backslash: 0x5c, n: 0x6e } as const
const open = { object: 0x7b, array: 0x5b } as const
const close = { object: 0x7d, array: 0x5d } as const

type Level = 'document' | 'top' | 'entries' | 'entry'
/** What comes next: a key or the end of an object, a colon, a value, the rest of a value, nothing. */
type State = 'key' | 'colon' | 'value' | 'inside' | 'end'

/**
 * Reads an index document piece by piece, wherever the pieces are cut, and gives the entries of its `manifests`. Of each entry only some members
 * are held. What is left out is not checked beyond its strings and brackets.
 */
export class ListingReader {
  /** Members of the document itself that are not a list or an object. */
  readonly top: JsonObject = {}
  readonly #keep: ReadonlySet<string>
  readonly #limits: ListingLimits
  readonly #subject: string
  readonly #nullIsNone: boolean
  #level: Level = 'document'
  #state: State = 'value'
  #key = ''
  #entry: JsonObject = {}
  /** The entry means something else to others, so it is a bad one. */
  #spoiled = false
  #found: JsonObject[] = []
  #listed = false
  /** The value that is being read: brackets that are open, whether it is in a string, after a backslash; its bytes, if they are held. */
  #nest = 0
  #string = false
  #escaped = false
  #isKey = false
  #held: Uint8Array[] | null = null
  #size = 0

  /** @param nullIsNone takes `"manifests": null` for an empty list, as Go writes one that it never filled */
  constructor(keep: readonly string[], limits: ListingLimits, subject: string, nullIsNone = false) {
    this.#keep = new Set(keep)
    this.#limits = limits
    this.#subject = subject
    this.#nullIsNone = nullIsNone
  }

  /** The entries that end in this piece. @throws VerificationError `format-invalid` */
  push(piece: Uint8Array): JsonObject[] {
    this.#found = []
    let from = this.#state === 'inside' ? 0 : -1
    for (let at = 0; at < piece.length; at++) {
      // Nearly all bytes of a long listing are text that nobody asked for.
      if (this.#string && !this.#escaped) at = nextMark(piece, at)
      if (at === piece.length) break
      const byte = piece[at] ?? 0
      if (this.#state !== 'inside') {
        if (!this.#between(byte)) continue
        from = at
      }
      const ended = this.#step(byte)
      if (ended === 'no') continue
      this.#hold(piece.subarray(from, ended === 'here' ? at + 1 : at))
      this.#ended()
      from = -1
      // A number ends with what comes after it.
      if (ended === 'before') at--
    }
    if (this.#state === 'inside') this.#hold(piece.subarray(from))
    return this.#found
  }

  /** After the last piece. @throws VerificationError `format-invalid` for a document that broke off or lists nothing */
  end(): void {
    if (this.#state !== 'end') throw this.#bad('breaks off')
    if (!this.#listed) throw this.#bad('lists no manifests')
  }

  /** A byte between values; true where one starts. */
  #between(byte: number): boolean {
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return false
    switch (this.#state) {
      case 'key':
        if (byte === close.object) this.#up()
        else if (byte === code.quote) return this.#start(true, true)
        else if (byte !== code.comma) throw this.#bad('is not JSON')
        return false
      case 'colon':
        if (byte !== code.colon) throw this.#bad('is not JSON')
        this.#state = 'value'
        return false
      case 'value':
        return this.#value(byte)
      default:
        throw this.#bad('is not one JSON document')
    }
  }

  #value(byte: number): boolean {
    if (this.#level === 'document') {
      if (byte !== open.object) throw this.#bad('is not a JSON object')
      this.#down('top', 'key')
      return false
    }
    if (this.#level === 'top') {
      if (this.#key !== 'manifests') return this.#start(byte !== open.object && byte !== open.array, false)
      if (byte === code.n && this.#nullIsNone) return this.#start(true, false)
      if (byte !== open.array) throw this.#bad('lists no manifests')
      this.#listed = true
      this.#down('entries', 'value')
      return false
    }
    if (this.#level === 'entry') return this.#start(this.#keep.has(this.#key), false)
    if (byte === code.comma) return false
    if (byte === close.array) {
      this.#up()
      return false
    }
    if (byte === close.object || byte === code.colon) throw this.#bad('is not JSON')
    if (byte !== open.object) return this.#start(false, false)
    this.#entry = {}
    this.#spoiled = false
    this.#down('entry', 'key')
    return false
  }

  #start(held: boolean, isKey: boolean): boolean {
    this.#state = 'inside'
    this.#isKey = isKey
    this.#held = held ? [] : null
    this.#size = 0
    this.#nest = 0
    this.#string = false
    this.#escaped = false
    return true
  }

  /** One byte of a value: whether it ends here, before this byte, or not yet. */
  #step(byte: number): 'no' | 'here' | 'before' {
    if (this.#string) {
      if (this.#escaped) this.#escaped = false
      else if (byte === code.backslash) this.#escaped = true
      else if (byte === code.quote) {
        this.#string = false
        return this.#nest === 0 ? 'here' : 'no'
      }
      return 'no'
    }
    if (byte === code.quote) this.#string = true
    else if (byte === open.object || byte === open.array) this.#nest++
    else if (byte === close.object || byte === close.array) {
      if (this.#nest === 0) return 'before'
      if (--this.#nest === 0) return 'here'
    } else if (this.#nest === 0 && byte === code.comma) return 'before'
    return 'no'
  }

  #hold(part: Uint8Array): void {
    if (this.#held === null) return
    this.#size += part.length
    // A piece is reused or let go by its source: what is held is a copy.
    if (this.#size <= (this.#isKey ? keyBytes : this.#limits.memberBytes)) this.#held.push(part.slice())
    else this.#held = null
  }

  #ended(): void {
    const value = this.#held === null ? undefined : jsonOf(this.#held)
    this.#held = null
    if (this.#isKey) {
      this.#key = typeof value === 'string' ? value : ''
      this.#state = 'colon'
      this.#checkKey()
      return
    }
    this.#state = this.#level === 'entries' ? 'value' : 'key'
    if (this.#level === 'top' && this.#key === 'manifests') {
      if (value !== null) throw this.#bad('lists no manifests')
      this.#listed = true
      return
    }
    if (value === undefined) return
    // Not by assignment: a key may be `__proto__`.
    if (this.#level === 'entry') define(this.#entry, this.#key, value)
    else if (this.#level === 'top') define(this.top, this.#key, value)
  }

  /** Readers in Go take `Manifests` for `manifests`, and the last one of two: what they would list otherwise is not listed here. */
  #checkKey(): void {
    if (
      this.#level === 'top' &&
      (spelledOtherwise(this.#key, ['manifests']) || (this.#listed && this.#key === 'manifests'))
    )
      throw this.#bad(`has the member ${JSON.stringify(this.#key)}, which some readers take for another one`)
    if (this.#level !== 'entry') return
    const again = Object.hasOwn(this.#entry, this.#key)
    if (again || spelledOtherwise(this.#key, descriptorMembers)) this.#spoiled = true
  }

  #down(level: Level, state: State): void {
    this.#level = level
    this.#state = state
  }

  #up(): void {
    if (this.#level === 'entry') {
      this.#found.push(this.#spoiled ? {} : this.#entry)
      this.#down('entries', 'value')
    } else if (this.#level === 'entries') this.#down('top', 'key')
    else this.#down('document', 'end')
  }

  #bad(why: string): VerificationError {
    return new VerificationError('format-invalid', `${this.#subject} ${why}`, { subject: this.#subject })
  }
}

/**
 * The descriptors of a listing that anybody who may push can add to, with nothing but the members that are asked for. An entry that is not a
 * descriptor as we read them (a digest of another algorithm, say) goes to `onBad` and is passed over.
 *
 * @param options.counted what the pages before had; this one is added
 * @param options.nullIsNone takes `"manifests": null` for an empty list
 * @param options.top is called with the members of the document when all entries were given
 * @throws VerificationError `format-invalid` for a document that is not a listing · TransportError `registry-error` for one over the bounds: a
 * listing that was not read whole is neither a refusal nor "none"
 */
export async function* readListing(
  source: ByteSource,
  subject: string,
  options: {
    keep?: readonly string[] | undefined
    limits?: ListingLimits | undefined
    counted?: { bytes: number; entries: number } | undefined
    nullIsNone?: boolean | undefined
    onBad?: ((error: VerificationError) => void) | undefined
    top?: ((members: JsonObject) => void) | undefined
  } = {},
): AsyncGenerator<Descriptor> {
  const limits = options.limits ?? listingLimits
  const reader = new ListingReader(options.keep ?? referrerMembers, limits, subject, options.nullIsNone)
  const counted = options.counted ?? { bytes: 0, entries: 0 }
  for await (const piece of source) {
    counted.bytes += piece.length
    if (counted.bytes > limits.bytes) throw over(subject, `more than ${limits.bytes} bytes`)
    for (const entry of reader.push(piece)) {
      if (++counted.entries > limits.entries) throw over(subject, `more than ${limits.entries} entries`)
      const found = descriptorOf(entry, `${subject}: manifests[${counted.entries - 1}]`, options.onBad)
      if (found !== null) yield found
    }
  }
  reader.end()
  options.top?.(reader.top)
}

function descriptorOf(
  entry: JsonObject,
  path: string,
  onBad: ((error: VerificationError) => void) | undefined,
): Descriptor | null {
  try {
    return checkDescriptor(entry, path)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    onBad?.(error)
    return null
  }
}

function over(subject: string, bound: string): TransportError {
  return new TransportError('registry-error', `${subject}: the listing holds ${bound} and was not read to its end`, {
    subject,
    remedy: 'Somebody has attached very much: have the owner of the repository remove what is foreign.',
  })
}

/** Where the text of a string may end, or the end of the piece. */
function nextMark(piece: Uint8Array, from: number): number {
  let at = from
  while (at < piece.length && piece[at] !== code.quote && piece[at] !== code.backslash) at++
  return at
}

function jsonOf(parts: readonly Uint8Array[]): JsonValue | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(parts))
    return parseJson(text, 'a member of a listing')
  } catch {
    return undefined
  }
}

function define(target: JsonObject, key: string, value: JsonValue): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
}
