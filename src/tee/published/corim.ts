import { LabelMap } from '../../encoding/cbor/label-map.ts'
import { readCbor } from '../../encoding/cbor/read.ts'
import type { CborItem } from '../../encoding/cbor/types.ts'
import { refusal } from './values.ts'

/** One digest that a reference triple of a CoRIM gives. */
export interface CorimValue {
  /** `VENDOR/MODEL/MKEY`, as far as it has them; the same as Trustee's CoRIM extractor writes before `/digests`. */
  readonly id: string
  /** Lower-case hex. */
  readonly value: string
}

const limits = { bytes: 4 << 20, depth: 24, items: 65_536, values: 10_000, text: 256 } as const
/** CBOR tags (draft-ietf-rats-corim §12): wrappers of older drafts, unsigned CoRIM, signed CoRIM, CoMID, COSE_Sign1, UUID. */
const tags = { wrappers: [500, 502], unsigned: 501, comid: 506, signed: 18, uuid: 37 } as const
/** Labels of corim-map, comid, triples, environment, class, measurement and measurement-values (ibid. §4, §5). */
const labels = {
  corimTags: 1,
  triples: 4,
  reference: 0,
  class: 0,
  vendor: 1,
  model: 2,
  mkey: 0,
  mval: 1,
  digests: 2,
} as const
/** Named Information hash algorithms with the size of their digest in bytes (RFC 6920 §9.4, as IANA lists them). */
const sizes: ReadonlyMap<number, number> = new Map([
  [1, 32],
  [7, 48],
])

export function isCorim(bytes: Uint8Array): boolean {
  // A tag of two more bytes (head 0xd9): 500, 501 or 502; or tag 18.
  return bytes[0] === 0xd2 || (bytes[0] === 0xd9 && bytes[1] === 0x01 && [0xf4, 0xf5, 0xf6].includes(bytes[2] ?? 0))
}

/**
 * Digests of the reference triples of an unsigned CoRIM (draft-ietf-rats-corim §5.1.5). Where one identifier has several values, all are
 * returned; Trustee keeps the last.
 *
 * @throws VerificationError `format-invalid`; a signed CoRIM is refused by name
 */
export function readCorim(bytes: Uint8Array, subject: string): CorimValue[] {
  const { depth, items } = limits
  let item = readCbor(bytes, subject, { longForms: true, limits: { depth, items, bytes: limits.bytes } })
  while (item.kind === 'tag' && tags.wrappers.some((tag) => item.kind === 'tag' && item.tag === tag)) item = item.item
  if (item.kind === 'tag' && item.tag === tags.signed)
    throw refusal(
      subject,
      'is a signed CoRIM (COSE_Sign1), which is not read here',
      'Verify it, and give the CoRIM inside.',
    )
  const corim = new LabelMap(tagged(item, tags.unsigned, 'unsigned CoRIM', subject), subject)
  const found: CorimValue[] = []
  for (const part of corim.array(labels.corimTags) ?? []) {
    if (part.kind !== 'tag' || part.tag !== tags.comid) continue
    const inner = tagged(part, tags.comid, 'CoMID', subject)
    if (inner.kind !== 'bytes') throw broken(subject, 'a CoMID is not a byte string')
    const comid = new LabelMap(
      readCbor(inner.value, subject, { longForms: true, limits: { depth, items } }),
      'its CoMID',
    )
    for (const triple of comid.map(labels.triples)?.array(labels.reference) ?? [])
      found.push(...valuesOf(triple, subject))
    if (found.length > limits.values) throw broken(subject, `it has more than ${limits.values} values`)
  }
  return found
}

function valuesOf(triple: CborItem, subject: string): CorimValue[] {
  const [environment, measurements, ...more] = triple.kind === 'array' ? triple.items : []
  if (environment === undefined || measurements?.kind !== 'array' || more.length > 0)
    throw broken(subject, 'a reference triple is not an environment and a list of measurements')
  const one = new LabelMap(environment, 'its environment').map(labels.class)
  const place = [one?.text(labels.vendor), one?.text(labels.model)]
  return measurements.items.flatMap((item) => {
    const measurement = new LabelMap(item, 'its measurement')
    const id = [...place, keyOf(measurement.get(labels.mkey), subject)]
      .filter((part) => typeof part === 'string')
      .join('/')
    if (id.length > limits.text) throw broken(subject, `an identifier has more than ${limits.text} characters`)
    const digests = measurement.map(labels.mval)?.array(labels.digests) ?? []
    return digests.map((digest) => ({ id, value: digestOf(digest, subject) }))
  })
}

/** The key of a measurement: a number, a text, or a UUID. */
function keyOf(item: CborItem | undefined, subject: string): string | null {
  if (item === undefined) return null
  if (item.kind === 'text') return item.value
  if (item.kind === 'integer') return String(item.value)
  if (item.kind === 'tag' && item.tag === tags.uuid && item.item.kind === 'bytes' && item.item.value.length === 16) {
    const hex = item.item.value.toString('hex')
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  }
  throw broken(subject, 'the key of a measurement is not a number, a text or a UUID')
}

function digestOf(item: CborItem, subject: string): string {
  const [algorithm, value, ...more] = item.kind === 'array' ? item.items : []
  if (algorithm?.kind !== 'integer' || value?.kind !== 'bytes' || more.length > 0)
    throw broken(subject, 'a digest is not an algorithm and a byte string')
  const size = sizes.get(Number(algorithm.value))
  if (size === undefined)
    throw broken(subject, `a digest is of algorithm ${algorithm.value}, and 1 (SHA-256) and 7 (SHA-384) are read`)
  if (value.value.length !== size) throw broken(subject, `a digest has ${value.value.length} bytes, not ${size}`)
  return value.value.toString('hex')
}

function tagged(item: CborItem, tag: number, what: string, subject: string): CborItem {
  if (item.kind === 'tag' && item.tag === tag) return item.item
  throw broken(subject, `it is not an ${what} (tag ${tag})`)
}

function broken(subject: string, why: string) {
  return refusal(
    subject,
    `is not a CoRIM that is read here: ${why}`,
    'Give an unsigned CoRIM (tag 501) with reference triples.',
  )
}
