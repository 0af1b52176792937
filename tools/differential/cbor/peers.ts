import { decode as cborgDecode, encode as cborgEncode, rfc8949EncodeOptions, Tagged, type TagDecoder } from 'cborg'
import { cdeDecodeOptions, decode as cbor2Decode, encode as cbor2Encode, Simple, Tag } from 'cbor2'
import { CborFloat, CborSimple, CborTag, type CborValue } from '../../../src/encoding/cbor/types.ts'

/** Another codec. `read` throws for what it refuses; both give {@link describe}'s text or bytes. */
export interface CborPeer {
  readonly name: string
  read(bytes: Buffer): string
  /** Null for a value that it has no form for. */
  write(value: CborValue): Buffer | null
}

/** Keeps every tag; a decoder is asked for by the tag's number. */
const anyTag = new Proxy<Record<number, TagDecoder>>(
  {},
  { get: (_, tag) => (decode: () => CborValue) => new CborTag(BigInt(String(tag)), decode()) },
)

export const cborPeers: readonly CborPeer[] = [
  {
    name: 'cborg',
    read: (bytes) =>
      describe(
        cborgDecode(bytes, {
          useMaps: true,
          strict: true,
          rejectDuplicateMapKeys: true,
          allowIndefinite: false,
          tags: anyTag,
        }),
      ),
    write: (value) =>
      has(value, isIntegralFloat) || has(value, isSimple)
        ? null
        : Buffer.from(cborgEncode(forCborg(value), rfc8949EncodeOptions)),
  },
  {
    name: 'cbor2',
    read: (bytes) =>
      describe(
        cbor2Decode(bytes, {
          ...cdeDecodeOptions,
          // Our readers take maps in any order.
          sortKeys: null,
          rejectDuplicateKeys: true,
          preferMap: true,
          ignoreGlobalTags: true,
          maxDepth: 64,
        }),
      ),
    write: (value) => (has(value, isIntegralFloat) ? null : Buffer.from(cbor2Encode(forCbor2(value), { cde: true }))),
  },
]

/** The peers write an integral float as an integer. */
function isIntegralFloat(value: CborValue): boolean {
  return value instanceof CborFloat && Number.isInteger(value.value)
}

/** cborg knows no simple values. */
function isSimple(value: CborValue): boolean {
  return value instanceof CborSimple
}

function has(value: CborValue, test: (value: CborValue) => boolean): boolean {
  if (test(value)) return true
  if (value instanceof CborTag) return has(value.value, test)
  if (value instanceof Map) return [...value].some(([key, item]) => has(key, test) || has(item, test))
  return Array.isArray(value) && value.some((item) => has(item, test))
}

function forCborg(value: CborValue): unknown {
  if (value instanceof CborFloat) return value.value
  if (value instanceof CborTag) return new Tagged(Number(value.tag), forCborg(value.value))
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [forCborg(key), forCborg(item)]))
  return Array.isArray(value) ? value.map(forCborg) : value
}

function forCbor2(value: CborValue): unknown {
  if (value instanceof CborFloat) return value.value
  if (value instanceof CborSimple) return new Simple(value.value)
  if (value instanceof CborTag) return new Tag(value.tag, forCbor2(value.value))
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [forCbor2(key), forCbor2(item)]))
  // cbor2 writes a Buffer as a map.
  if (value instanceof Uint8Array) return new Uint8Array(value)
  return Array.isArray(value) ? value.map(forCbor2) : value
}

/** A value of any of the codecs as one text. Integral floats look like integers: the peers do not tell them apart. */
export function describe(value: unknown): string {
  if (typeof value === 'bigint') return `n${value}`
  if (typeof value === 'number')
    return Object.is(value, -0) ? 'n-0' : `n${Number.isInteger(value) ? BigInt(value) : value}`
  if (typeof value === 'string') return JSON.stringify(value)
  if (value === null || value === undefined || typeof value === 'boolean') return String(value)
  if (value instanceof Uint8Array) return `h${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return `[${value.map(describe).join()}]`
  if (value instanceof Map) return `{${[...value].map(([key, item]) => `${describe(key)}:${describe(item)}`).join()}}`
  if (value instanceof CborFloat) return describe(value.value)
  if (value instanceof CborSimple || value instanceof Simple) return `s${value.value}`
  if (value instanceof CborTag) return `${value.tag}(${describe(value.value)})`
  if (value instanceof Tag) return `${String(value.tag)}(${describe(value.contents)})`
  throw new Error('a value of an unknown kind')
}
