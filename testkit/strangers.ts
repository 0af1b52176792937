import { generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../src/base/json.ts'
import { sha256 } from '../src/base/streams.ts'
import { evidenceMediaTypes } from '../src/journal/evidence-bundle.ts'
import { mediaTypes, type Descriptor, type Digest } from '../src/oci/types.ts'
import { bundleMediaType } from '../src/sign/bundle.ts'
import { pae } from '../src/sign/dsse.ts'

/** Somebody who may push: writes blobs and lists manifests in a layout as `oras attach` would, without asking our own code. */
export interface Stranger {
  blob(bytes: string | Buffer): { digest: Digest; size: number }
  manifest(value: JsonObject): Descriptor
  /** A manifest with `subject`. */
  attach(value: Attachment): Descriptor
  /** Lists a manifest as a referrer. */
  list(descriptor: Descriptor): void
  /** Lists a manifest that is not there, as a retention rule leaves it. */
  listGone(digest: Digest): void
  /** A tag for a manifest or index. */
  tag(name: string, descriptor: Descriptor): void
  /** Writes `index.json`: until then nothing of what was listed is seen. */
  save(options?: { first?: boolean }): void
}

export interface Attachment {
  artifactType: string
  layers: { mediaType: string; bytes: string | Buffer }[]
  annotations?: Record<string, string>
}

interface Entry {
  mediaType: string
  digest: Digest
  size: number
  artifactType?: string
  annotations?: Record<string, string>
}

export function stranger(layout: string, subject: Descriptor): Stranger {
  const listed: Entry[] = []
  const blob = (bytes: string | Buffer): { digest: Digest; size: number } => {
    const digest = sha256(bytes) as Digest
    writeFileSync(join(layout, 'blobs/sha256', digest.slice(7)), bytes)
    return { digest, size: Buffer.byteLength(bytes) }
  }
  const manifest = (value: JsonObject): Descriptor => ({
    mediaType: String(value['mediaType']),
    ...blob(JSON.stringify(value)),
  })
  return {
    blob,
    manifest,
    attach: ({ artifactType, layers, annotations }) => {
      const descriptor = manifest({
        schemaVersion: 2,
        mediaType: mediaTypes.manifest,
        artifactType,
        config: { mediaType: mediaTypes.empty, ...blob('{}') },
        layers: layers.map(({ mediaType, bytes }) => ({ mediaType, ...blob(bytes) })),
        subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
        ...(annotations === undefined ? {} : { annotations }),
      })
      listed.push({ mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size, artifactType })
      return descriptor
    },
    list: ({ mediaType, digest, size }) => void listed.push({ mediaType, digest, size }),
    listGone: (digest) =>
      void listed.push({ mediaType: mediaTypes.manifest, digest, size: 400, artifactType: bundleMediaType }),
    tag: (name, { mediaType, digest, size }) =>
      void listed.push({ mediaType, digest, size, annotations: { 'org.opencontainers.image.ref.name': name } }),
    save: ({ first = false } = {}) => {
      const path = join(layout, 'index.json')
      const index = JSON.parse(readFileSync(path, 'utf8')) as { manifests: { annotations?: Record<string, string> }[] }
      const names = new Set(listed.map(refName))
      const kept = index.manifests.filter((entry) => refName(entry) === null || !names.has(refName(entry)))
      const manifests = first ? [...listed, ...kept] : [...kept, ...listed]
      writeFileSync(path, JSON.stringify({ ...index, manifests }))
      listed.length = 0
    },
  }
}

function refName({ annotations }: { annotations?: Record<string, string> }): string | null {
  return annotations?.['org.opencontainers.image.ref.name'] ?? null
}

const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** A bundle over a payload by a key that nobody pinned, or with a signature that is none. */
export function strangersBundle(
  payload: unknown,
  change: { hint?: string; signed?: boolean; signatures?: JsonObject[]; payloadType?: string; text?: string } = {},
): string {
  const bytes = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload))
  const payloadType = change.payloadType ?? 'application/vnd.in-toto+json'
  const sig = change.signed === false ? Buffer.from('junk') : sign('sha256', pae(payloadType, bytes), keys.privateKey)
  return JSON.stringify({
    mediaType: bundleMediaType,
    verificationMaterial: {
      publicKey: { hint: change.hint ?? 'AAAA' },
      tlogEntries: [],
      timestampVerificationData: { rfc3161Timestamps: [] },
    },
    dsseEnvelope: {
      payload: change.text ?? bytes.toString('base64'),
      payloadType,
      signatures: change.signatures ?? [{ sig: sig.toString('base64') }],
    },
  })
}

export function scan(digest: string, change: JsonObject = {}): JsonObject {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'x', digest: { sha256: digest.replace(/^sha256:/, '') } }],
    predicateType: 'https://example.org/scan/v1',
    predicate: {},
    ...change,
  }
}

const bundle = (bytes: string): Attachment => ({
  artifactType: bundleMediaType,
  layers: [{ mediaType: bundleMediaType, bytes }],
})
const evidence = (bytes: string): Attachment => ({
  artifactType: evidenceMediaTypes.index,
  layers: [{ mediaType: evidenceMediaTypes.index, bytes }],
})

/** Twelve kinds of thing that anybody may attach; `i` makes each another one. */
export const strangersKinds: Readonly<Record<string, (s: Stranger, subject: Descriptor, i: number) => unknown>> = {
  'four bytes under the bundle type': (s, _d, i) => s.attach(bundle(`j${i}`)),
  'a statement by another key': (s, { digest }, i) =>
    s.attach(bundle(strangersBundle(scan(digest, { predicate: { i } })))),
  'an unsigned statement': (s, { digest }, i) =>
    s.attach(bundle(strangersBundle(scan(digest, { predicate: { i } }), { signed: false }))),
  'a statement of two subjects': (s, { digest }, i) => {
    const other = { digest: { sha256: sha256(String(i)).slice(7) } }
    return s.attach(
      bundle(strangersBundle(scan(digest, { subject: [other, { digest: { sha256: digest.slice(7) } }] }))),
    )
  },
  'a subject of SHA-512 alone': (s, { digest }, i) =>
    s.attach(bundle(strangersBundle(scan(digest, { subject: [{ digest: { sha512: `${i}`.padStart(128, 'a') } }] })))),
  'a bundle over a message digest': (s, _d, i) => {
    const messageDigest = { algorithm: 'SHA2_256', digest: Buffer.from(`${i}`).toString('base64') }
    const value = { mediaType: bundleMediaType, verificationMaterial: { publicKey: { hint: 'x' } } }
    return s.attach(bundle(JSON.stringify({ ...value, messageSignature: { messageDigest, signature: 'AA==' } })))
  },
  'a bundle of two layers': (s, { digest }, i) => {
    const layer = { mediaType: bundleMediaType, bytes: strangersBundle(scan(digest, { predicate: { two: i } })) }
    return s.attach({ artifactType: bundleMediaType, layers: [layer, layer] })
  },
  'evidence that is no evidence': (s, _d, i) => s.attach(evidence(`{"n":${i}}`)),
  'a listed manifest that is gone': (s, _d, i) => s.listGone(sha256(`gone ${i}`) as Digest),
  'an artifact of another kind': (s, _d, i) =>
    s.attach({ artifactType: 'application/vnd.example', layers: [{ mediaType: 'text/plain', bytes: `n${i}` }] }),
  'a text predicate': (s, { digest }, i) =>
    s.attach(
      bundle(strangersBundle(scan(digest, { predicateType: 'https://spdx.dev/Document', predicate: `SPDX ${i}` }))),
    ),
  'an unsigned pointer to evidence': (s, { digest }, i) => {
    const pointer = { evidence: { digest: { sha256: sha256(`${i}`).slice(7) } } }
    const predicate = { attributes: Array.from({ length: 17 }, () => pointer) }
    const change = { predicateType: 'https://in-toto.io/attestation/scai/v0.3', predicate }
    return s.attach(bundle(strangersBundle(scan(digest, change), { signed: false })))
  },
}
