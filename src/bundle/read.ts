import { VerificationError } from '../base/errors.ts'
import { table } from '../base/table.ts'
import { readProtoJson, type ProtoMessage } from '../encoding/proto-json.ts'
import { parseCertificate, type Certificate } from '../encoding/x509/certificate.ts'
import { readLogEntry, type LogEntry } from '../log/rekor/entry.ts'
import { isBundleMediaType } from '../sign/bundle.ts'
import { parseEnvelope } from '../sign/dsse.ts'
import type { DigestName } from '../sign/digest-signature.ts'
import type { Envelope } from '../statement/types.ts'

/** All that a Sigstore bundle holds; nothing of it is believed before {@link verifyBundle}. */
export interface SealedBundle {
  /** 1, 2 or 3 for v0.1 to v0.3. */
  version: number
  content: BundleContent
  material: BundleMaterial
  entries: readonly LogEntry[]
  /** RFC 3161 responses. */
  timestamps: readonly Buffer[]
}

export type BundleContent =
  | { kind: 'envelope'; envelope: Envelope }
  | {
      kind: 'message'
      /** Null only in cosign's older form. */ digest: { hash: DigestName; value: Buffer } | null
      signature: Buffer
    }

export type BundleMaterial =
  { kind: 'key'; hint: string } | { kind: 'certificate'; leaf: Certificate; others: readonly Certificate[] }

const limits = { bytes: 128 << 20, entries: 16, timestamps: 16, certificates: 5 } as const
const hashes: Readonly<Record<string, DigestName>> = table({
  SHA2_256: 'sha256',
  SHA2_384: 'sha384',
  SHA2_512: 'sha512',
})

/**
 * Reads a Sigstore bundle of version 0.1, 0.2 or 0.3, over a DSSE envelope or over an artifact.
 *
 * @throws VerificationError `format-invalid`
 */
export function readBundle(bytes: Uint8Array): SealedBundle {
  if (bytes.length > limits.bytes)
    throw new VerificationError('format-invalid', `the bundle has more than ${limits.bytes} bytes`, {
      subject: 'bundle',
    })
  const bundle = readProtoJson(bytes, 'the bundle')
  const mediaType = bundle.text('mediaType')
  if (!isBundleMediaType(mediaType)) {
    throw bundle.refuse(`has the media type "${mediaType.slice(0, 100)}". Versions 0.1, 0.2 and 0.3 are read.`)
  }
  const version = Number(/0\.([123])/.exec(mediaType)?.[1])
  const material = bundle.message('verificationMaterial')
  const stamps = material.optional('timestampVerificationData')
  return {
    version,
    content: readContent(bundle),
    material: readMaterial(material, version),
    entries: material
      .list('tlogEntries', limits.entries)
      .map((entry) => checkedEntry(readLogEntry(entry), version, entry)),
    timestamps: (stamps?.list('rfc3161Timestamps', limits.timestamps) ?? []).map((item) =>
      item.bytes('signedTimestamp'),
    ),
  }
}

/** v0.1 has promises and may have proofs; from v0.2 on each entry has a proof. */
function checkedEntry(entry: LogEntry, version: number, message: ProtoMessage): LogEntry {
  if (version === 1 ? entry.promise === null : entry.proof === null)
    throw message.refuse(version === 1 ? 'has no inclusion promise' : 'has no inclusion proof')
  return entry
}

function readContent(bundle: ProtoMessage): BundleContent {
  const kind = bundle.oneOf(['dsseEnvelope', 'messageSignature'])
  if (kind === 'dsseEnvelope') return { kind: 'envelope', envelope: parseEnvelope(bundle.value(kind)) }
  const message = bundle.message(kind)
  const signature = message.bytes('signature')
  if (signature.length === 0) throw message.refuse('is empty')
  return { kind: 'message', digest: readDigest(message.message('messageDigest')), signature }
}

function readDigest(digest: ProtoMessage): { hash: DigestName; value: Buffer } {
  const hash = hashes[digest.text('algorithm')]
  if (hash === undefined) throw digest.refuse('is of an unknown algorithm')
  const value = digest.bytes('digest')
  if (value.length * 8 !== Number(hash.slice(3))) throw digest.refuse('has a wrong length')
  return { hash, value }
}

function readMaterial(material: ProtoMessage, version: number): BundleMaterial {
  const kind = material.oneOf(['publicKey', 'certificate', 'x509CertificateChain'])
  if (kind === 'publicKey') return { kind: 'key', hint: material.message(kind).text('hint') }
  const named = kind === 'certificate' ? [material.message(kind)] : certificatesOf(material.message(kind))
  const [leaf, ...others] = named.map((item, index) =>
    parseCertificate(item.bytes('rawBytes'), index === 0 ? 'the certificate of the signer' : item.what, 'signer'),
  )
  if (leaf === undefined) throw material.refuse('has an empty chain of certificates')
  for (const [index, { issuer }] of [leaf, ...others].slice(0, -1).entries()) {
    if (others[index] !== undefined && !others[index].subject.equals(issuer))
      throw material.refuse('holds certificates that do not follow each other')
  }
  const last = others.at(-1)
  if (last?.issuer.equals(last.subject) === true) {
    // A root is trusted because the reader pins it, never because it came along. Sigstore's first clients wrote it at the end.
    if (version > 1) throw material.refuse('holds a root certificate; it belongs into the trusted root')
    others.pop()
  }
  return { kind: 'certificate', leaf, others }
}

function certificatesOf(chain: ProtoMessage): ProtoMessage[] {
  return chain.list('certificates', limits.certificates)
}
