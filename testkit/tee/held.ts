import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { CborTag, type CborValue } from '../../src/encoding/cbor/types.ts'
import { encodeCbor } from '../../src/encoding/cbor/write.ts'
import type { JsonObject } from '../../src/base/json.ts'

/** SYNTHETIC files in the forms of other programs, made around a report or quote of the tests. */
const hex = (bytes: Buffer): string => bytes.toString('hex')
const url = (bytes: Buffer): string => bytes.toString('base64url')
const base64 = (bytes: Buffer): string => bytes.toString('base64')

/** The host's certificate table with one VCEK. */
export function vcekTable(der: Buffer): Buffer {
  const head = Buffer.alloc(48)
  Buffer.from('63da758de6644564adc5f4b93be8accd', 'hex').copy(head)
  head.writeUInt32LE(48, 16)
  head.writeUInt32LE(der.length, 20)
  return Buffer.concat([head, der])
}

/** A compact number of SCALE, and bytes behind their length. */
function compact(value: number): Buffer {
  if (value < 64) return Buffer.of(value << 2)
  const out = Buffer.alloc(value < 16_384 ? 2 : 4)
  if (out.length === 2) out.writeUInt16LE((value << 2) | 1)
  else out.writeUInt32LE(((value << 2) | 2) >>> 0)
  return out
}
const sized = (bytes: Buffer | string): Buffer => Buffer.concat([compact(Buffer.byteLength(bytes)), Buffer.from(bytes)])
const u32 = (value: number): Buffer => {
  const out = Buffer.alloc(4)
  out.writeUInt32LE(value)
  return out
}

export interface ListedEvent {
  imr: number
  event_type: number
  digest: string
  event: string
  event_payload: string
}

/** An event of dstack's software: its digest covers type, name and content. */
export function runtimeEvent(event: string, payload: Buffer): ListedEvent & { covered: Buffer } {
  const covered = Buffer.concat([u32(0x08000001), Buffer.from(`:${event}:`), payload])
  return { imr: 3, event_type: 0x08000001, digest: '', event, event_payload: hex(payload), covered }
}

/** What a register holds after events with these SHA-384 digests. */
export function extended(digests: readonly Buffer[]): Buffer {
  return digests.reduce((value, digest) => createHash('sha384').update(value).update(digest).digest(), Buffer.alloc(48))
}

/** `VersionedAttestation` of version 0. */
export function dstackScale(
  kind: 0 | 1 | 2 | 3 | 4,
  bytes: Buffer,
  more: { events?: ListedEvent[]; certificates?: Buffer[] } = {},
): Buffer {
  const events = (more.events ?? []).map((one) =>
    Buffer.concat([
      u32(one.imr),
      u32(one.event_type),
      sized(Buffer.from(one.digest, 'hex')),
      sized(one.event),
      sized(Buffer.from(one.event_payload, 'hex')),
    ]),
  )
  const list = (items: readonly Buffer[]): Buffer => Buffer.concat([compact(items.length), ...items])
  const inner =
    kind === 3 ? [sized(bytes), list((more.certificates ?? []).map(sized)), sized('')] : [sized(bytes), list(events)]
  return Buffer.concat([Buffer.of(0, kind), ...inner, compact(0), Buffer.alloc(64), sized('{}')])
}

export function tsmJson(report: Buffer, table?: Buffer, encode: (bytes: Buffer) => string = url): JsonObject {
  return {
    provider: 'sev_guest\n',
    generation: '1',
    outblob: encode(report),
    ...(table === undefined ? {} : { auxblob: encode(table) }),
  }
}

export function tsmCbor(report: Buffer, table?: Buffer): Buffer {
  const map = new Map<CborValue, CborValue>([
    ['outblob', report],
    ['provider', 'sev_guest'],
  ])
  if (table !== undefined) map.set('auxblob', table)
  return encodeCbor(map)
}

const jsonType = 'application/vnd.veraison.tsm-report+json'
const cborType = 'application/vnd.veraison.tsm-report+cbor'

/** ratsd's collection in JSON (legacy), its EAT around it, and version 2: COSE_Sign1 around CBOR. */
export function ratsd(labels: Record<string, Buffer>, form: 'collection' | 'eat' | 'cbor' | 'signed'): Buffer {
  if (form === 'collection' || form === 'eat') {
    const records = Object.entries(labels).map(([label, report]) => [
      label,
      [jsonType, url(Buffer.from(JSON.stringify(tsmJson(report))))],
    ])
    const collection = JSON.stringify({
      __cmwc_t: 'tag:github.com,2025:veraison/ratsd/cmw',
      ...(Object.fromEntries(records) as object),
    })
    if (form === 'collection') return Buffer.from(collection)
    return Buffer.from(
      JSON.stringify({
        eat_profile: 'tag:github.com,2024:veraison/ratsd',
        eat_nonce: 'x'.repeat(16),
        cmw: url(Buffer.from(collection)),
      }),
    )
  }
  const map = new Map<CborValue, CborValue>([
    ['__cmwc_t', 'tag:github.com,2025:veraison/ratsd/cmw/v2'],
    ['__ratsd', ['application/eat-ucs+cbor', Buffer.of(0xa0)]],
    ...Object.entries(labels).map(([label, report]): [CborValue, CborValue] => [label, [cborType, tsmCbor(report)]]),
  ])
  const payload = encodeCbor(map)
  return form === 'cbor'
    ? payload
    : encodeCbor(new CborTag(18, [Buffer.of(0xa0), new Map(), payload, Buffer.alloc(64, 1)]))
}

export function tinfoilBundle(report: Buffer, vcek: Buffer): JsonObject {
  return {
    domain: 'enclave.example',
    enclaveAttestationReport: {
      format: 'https://tinfoil.sh/predicate/sev-snp-guest/v2',
      body: base64(gzipSync(report)),
    },
    digest: '00'.repeat(32),
    sigstoreBundle: {},
    vcek: base64(vcek),
    enclaveCert: '',
  }
}

export function unifiedQuote(platform: string, quote: Buffer): JsonObject {
  return { version: 2, platform, value_x: '00'.repeat(48), platform_quote: hex(quote), timestamp: 1 }
}

export function unifiedCbor(quote: Buffer): Buffer {
  return encodeCbor(
    new Map<CborValue, CborValue>([
      ['version', 2],
      ['value_x', Buffer.alloc(48)],
      ['platform', 2],
      ['platform_quote', quote],
    ]),
  )
}
