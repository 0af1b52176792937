/** An integer of CBOR: a `bigint` only where a `number` would not be exact. */
export type CborInteger = number | bigint

/** Where an encoded item stands in the bytes that were read: from `offset` up to, and without, `end`. */
interface Placed {
  readonly offset: number
  readonly end: number
}

/** One data item as it was read (RFC 8949 §3), with its place, so that a part can be replaced or hashed without encoding it again. */
export type CborItem = Placed &
  (
    | { readonly kind: 'integer'; readonly value: CborInteger }
    /** `value` is a view of the input, unless the string was sent in chunks. */
    | { readonly kind: 'bytes'; readonly value: Buffer }
    | { readonly kind: 'text'; readonly value: string }
    | { readonly kind: 'array'; readonly items: readonly CborItem[] }
    /** In the order of the input; no two keys are equal. */
    | { readonly kind: 'map'; readonly entries: readonly (readonly [CborItem, CborItem])[] }
    | { readonly kind: 'tag'; readonly tag: CborInteger; readonly item: CborItem }
    | { readonly kind: 'float'; readonly value: number }
    /** 20 false, 21 true, 22 null, 23 undefined. */
    | { readonly kind: 'simple'; readonly value: number }
  )

/** What can be written. A `number` is an integer of CBOR if it is one, and a float otherwise; {@link CborFloat} forces a float. */
export type CborValue =
  | CborInteger
  | string
  | boolean
  | null
  | undefined
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<CborValue, CborValue>
  | CborTag
  | CborFloat
  | CborSimple
  | CborEncoded

/** A tagged value (RFC 8949 §3.4). */
export class CborTag {
  readonly tag: CborInteger
  readonly value: CborValue
  constructor(tag: CborInteger, value: CborValue) {
    this.tag = tag
    this.value = value
  }
}

/** A floating-point number, also where it has an integral value. */
export class CborFloat {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** A simple value without meaning of its own (RFC 8949 §3.3): 0 to 19 or 32 to 255. */
export class CborSimple {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** One item that is encoded already; its bytes are written as they are. */
export class CborEncoded {
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}
