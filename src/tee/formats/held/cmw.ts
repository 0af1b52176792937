import { SealwrightError } from '../../../base/errors.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../../../base/json.ts'
import { readCbor } from '../../../encoding/cbor/read.ts'
import { LabelMap } from '../../../encoding/cbor/label-map.ts'
import type { CborItem } from '../../../encoding/cbor/types.ts'
import { bytesIn, refuse, type Part } from './part.ts'

/** Media types of a configfs-tsm report (veraison/ratsd, docs/tsm-report.cddl). */
const tsmType = /^application\/vnd\.veraison\.(tsm-report|configfs-tsm)\+(json|cbor)$/
const options = { indefinite: true, longForms: true, limits: { bytes: 1 << 22, items: 4096, depth: 12 } } as const

/** `{provider, outblob, auxblob, …}`: the files of configfs-tsm as one object; blobs in base64url, base64 or hex. */
export function openTsm(value: JsonObject, name = 'outblob'): Part[] {
  const table = value['auxblob']
  const manifest = value['manifestblob']
  const notes =
    typeof manifest === 'string' && manifest !== '' ? ['the manifest of the SVSM beside it was not judged'] : []
  const given = table === undefined || table === null || table === ''
  return [
    { name, evidence: bytesIn(value['outblob'], 'outblob'), table: given ? null : bytesIn(table, 'auxblob'), notes },
  ]
}

/** The same in CBOR, with byte strings. */
function openTsmCbor(item: CborItem, name: string): Part[] {
  const map = new LabelMap(item, name)
  const report = map.bytes('outblob')
  if (report === null) throw refuse(name, 'has no outblob')
  return [{ name, evidence: report, table: map.bytes('auxblob') }]
}

/**
 * A conceptual message wrapper (draft-ietf-rats-msg-wrap, as veraison/ratsd writes it): a collection `{"__cmwc_t": …, label: [type, value]}`, or the EAT of
 * ratsd around one.
 */
export function openCmw(value: JsonObject, subject: string): Part[] {
  const inner = value['cmw']
  if (typeof inner === 'string') {
    const collection = parseJson(bytesIn(inner, 'cmw').toString('utf8'), 'cmw')
    if (!isObject(collection)) throw refuse('cmw', 'is not a collection')
    return openCmw(collection, subject)
  }
  const parts = Object.entries(value).flatMap(([label, record]) =>
    label.startsWith('__') ? [] : openRecord(label, record),
  )
  if (parts.length === 0) throw refuse(subject, 'is a collection without a report of configfs-tsm')
  return parts
}

function openRecord(label: string, record: JsonValue): Part[] {
  if (!Array.isArray(record) || typeof record[0] !== 'string') throw refuse(label, 'is not a record [type, value]')
  return openTyped(label, record[0], bytesIn(record[1], label))
}

function openTyped(label: string, type: string, bytes: Buffer): Part[] {
  const form = tsmType.exec(type)?.[2]
  if (form === undefined) return []
  if (form === 'cbor') return openTsmCbor(readCbor(bytes, label, options), label)
  const value = parseJson(bytes.toString('utf8'), label)
  if (!isObject(value)) throw refuse(label, 'is not an object')
  return openTsm(value, label)
}

/** What CBOR holds of these: a report of configfs-tsm, a collection, ratsd's signed token around one; null for other CBOR. */
export function openCbor(
  bytes: Buffer,
): { format: 'configfs-tsm' | 'cmw' | 'unified-quote'; open: (subject: string) => Part[] } | null {
  const item = payloadOf(read(bytes))
  if (item?.kind !== 'map') return null
  const labels = new Set(item.entries.map(([key]) => (key.kind === 'text' ? key.value : '')))
  if (labels.has('__cmwc_t')) return { format: 'cmw', open: (subject) => openCollection(item, subject) }
  if (labels.has('outblob')) return { format: 'configfs-tsm', open: () => openTsmCbor(item, 'outblob') }
  if (labels.has('platform_quote') && labels.has('value_x'))
    return {
      format: 'unified-quote',
      open: (subject) => [{ name: 'platform_quote', evidence: quoteOf(item, subject) }],
    }
  return null
}

function quoteOf(item: CborItem, subject: string): Buffer {
  const bytes = new LabelMap(item, subject).bytes('platform_quote')
  if (bytes === null) throw refuse(subject, 'has no platform_quote')
  return bytes
}

function openCollection(item: CborItem, subject: string): Part[] {
  const map = new LabelMap(item, subject)
  const parts = map.labels().flatMap((label) => {
    const record = map.get(label)
    if (typeof label !== 'string' || label.startsWith('__') || record?.kind !== 'array') return []
    const [type, value] = record.items
    return type?.kind === 'text' && value?.kind === 'bytes' ? openTyped(label, type.value, value.value) : []
  })
  if (parts.length === 0) throw refuse(subject, 'is a collection without a report of configfs-tsm')
  return parts
}

function read(bytes: Buffer): CborItem | null {
  const major = (bytes[0] ?? 0) >> 5
  // A map or a tag; readers of other forms have their own marks.
  if (bytes.length < 16 || (major !== 5 && major !== 6)) return null
  try {
    return readCbor(bytes, 'CBOR', options)
  } catch (error) {
    if (error instanceof SealwrightError) return null
    throw error
  }
}

/** The payload of COSE_Sign1 (tag 18). Its signature says who collected the evidence, which the evidence itself does not need. */
function payloadOf(item: CborItem | null): CborItem | null {
  if (item?.kind !== 'tag') return item
  const [, , payload] = item.tag === 18 && item.item.kind === 'array' ? item.item.items : []
  return payload?.kind === 'bytes' ? read(payload.value) : null
}
