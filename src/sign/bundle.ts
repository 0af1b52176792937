import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../base/json.ts'
import { toBase64 } from '../encoding/base64.ts'
import type { Envelope } from '../statement/types.ts'
import { parseEnvelope } from './dsse.ts'
import { stampsOf } from './stamps.ts'

export const bundleMediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json'

/** Log entries that one bundle holds at most. */
const mostLogEntries = 16

/** All forms that a bundle's `mediaType` and layer have had. */
const bundleForm = /^application\/vnd\.dev\.sigstore\.bundle(\.v0\.3\+json|\+json;version=0\.[123])$/

export function isBundleMediaType(mediaType: string): boolean {
  return bundleForm.test(mediaType)
}

/** What a bundle says of its signer. Only a key that the reader pinned is ever checked with; a hint is just a hint. */
export type BundleSigner = { kind: 'key'; hint: string } | { kind: 'certificate' }

export interface Bundle {
  envelope: Envelope
  signer: BundleSigner
  /** RFC 3161 time stamps in DER; none of them was read. */
  stamps: Buffer[]
  /** Members of `tlogEntries`; none of them was read. */
  logEntries: JsonValue[]
}

/** What proves a signature beside itself: times and logs. */
export interface BundleProofs {
  /** RFC 3161 responses over the raw bytes of the signature, in DER. */
  stamps: readonly Buffer[]
  /** Members of `tlogEntries`. */
  logEntries: readonly JsonValue[]
}

/** What a bundle holds: a statement in its envelope, or a signature over the SHA-256 of an artifact. */
export type NewContent = { envelope: Envelope } | { digest: Buffer; signature: Buffer }

/**
 * Sigstore bundle v0.3 of an envelope signed with a plain key, with the log entries that are given. Members stand in a fixed order, so equal envelopes give equal bytes.
 *
 * @param hint base64 SHA-256 of the SPKI DER, as cosign writes it
 * @param stamps RFC 3161 responses over the raw bytes of the envelope's signature, in DER
 * @param logEntries members of `tlogEntries`
 */
export function makeBundle(
  envelope: Envelope,
  hint: string,
  stamps: readonly Buffer[] = [],
  logEntries: readonly JsonValue[] = [],
): Buffer {
  return writeBundle({ publicKey: { hint } }, { envelope }, { stamps, logEntries })
}

/** Sigstore bundle v0.3 of a signature by the key of a certificate. @param certificate DER of the signer's own; authorities stand in the trusted root */
export function makeCertificateBundle(certificate: Uint8Array, content: NewContent, proofs: BundleProofs): Buffer {
  return writeBundle({ certificate: { rawBytes: toBase64(certificate) } }, content, proofs)
}

function writeBundle(signer: JsonObject, content: NewContent, { stamps, logEntries }: BundleProofs): Buffer {
  return Buffer.from(
    JSON.stringify({
      mediaType: bundleMediaType,
      verificationMaterial: {
        ...signer,
        tlogEntries: logEntries,
        timestampVerificationData: {
          rfc3161Timestamps: stamps.map((stamp) => ({ signedTimestamp: toBase64(stamp) })),
        },
      },
      ...contentMember(content),
    }),
  )
}

function contentMember(content: NewContent): JsonObject {
  if ('envelope' in content) {
    const { payload, payloadType, signatures } = content.envelope
    const listed = signatures.map(({ sig, keyid }) => (keyid === '' ? { sig } : { sig, keyid }))
    return { dsseEnvelope: { payload, payloadType, signatures: listed } }
  }
  const { digest, signature } = content
  return {
    messageSignature: {
      messageDigest: { algorithm: 'SHA2_256', digest: toBase64(digest) },
      signature: toBase64(signature),
    },
  }
}

/**
 * Reads a bundle (v0.1 to v0.3) that holds a DSSE envelope.
 *
 * @throws VerificationError `format-invalid`, also for a bundle over a bare message digest, which says nothing of what was signed
 */
export function parseBundle(bytes: Uint8Array): Bundle {
  const value = parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'), 'the bundle')
  if (!isObject(value)) throw refuse('is not an object')
  const mediaType = value['mediaType']
  if (typeof mediaType !== 'string' || !isBundleMediaType(mediaType)) throw refuse('has an unknown media type')
  if (value['messageSignature'] !== undefined) throw refuse('signs a message digest, not a statement')
  const material = value['verificationMaterial']
  if (!isObject(material)) throw refuse('has no verification material')
  return {
    envelope: parseEnvelope(value['dsseEnvelope']),
    signer: parseSigner(material),
    stamps: stampsOf(material),
    logEntries: logEntriesIn(material),
  }
}

function logEntriesIn(material: JsonObject): JsonValue[] {
  const entries = material['tlogEntries'] ?? []
  if (!Array.isArray(entries)) throw refuse('has log entries that are not a list')
  if (entries.length > mostLogEntries) throw refuse(`has more than ${mostLogEntries} log entries`)
  return entries
}

function parseSigner(material: JsonObject): BundleSigner {
  const found = ['publicKey', 'certificate', 'x509CertificateChain'].filter((name) => material[name] !== undefined)
  if (found.length !== 1) throw refuse('does not name exactly one signer')
  if (found[0] !== 'publicKey') return { kind: 'certificate' }
  const key = material['publicKey']
  const hint = isObject(key) ? (key['hint'] ?? '') : null
  if (typeof hint !== 'string') throw refuse('has a public key without a hint')
  return { kind: 'key', hint }
}

function refuse(why: string): VerificationError {
  return new VerificationError('format-invalid', `the bundle ${why}`, { subject: 'bundle' })
}
